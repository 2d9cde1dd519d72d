"""One process's part in cuts: when it records, what it freezes, when its part is complete, how the cut ends.

The rules, after Chandy & Lamport (1985) for channels that keep order and Lai & Yang (1987) and Mattern (1993) for the
rest, as one rule set because markers carry counts:

* A process records its state for cut n at the first of: Begin n, a marker of n, any frame stamped n.
* State is recorded only between turns. While a turn is open the process waits, gives no new turns out, and goes on
  taking messages in beyond the usual window, so that no turn anywhere blocks on sending to it.
* Recording the state, freezing the counters and queueing the markers is one call; the first effect is RecordState,
  and the driver runs it in the same synchronous block.
* The part is captured when all channels are closed (`cutpoint.protocol.recording`), durable when the driver says so.
* A cut ends by Published or Abandon. Its number is never used again, and a late marker of it is ignored.
"""

from __future__ import annotations

from collections.abc import Callable

from cutpoint.names import CutNumber, ProcessName, Sequence
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.events import Turn
from cutpoint.protocol.handshake import Handshakes
from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import Abandon, Begin, CutRefused, Marker, PartCaptured, PartStored, Published
from cutpoint.protocol.recording import Recording
from cutpoint.protocol.session import Session
from cutpoint.protocol.sessions import transmit

HOLD_UP_SECONDS = 2.0
"""How long a cut may take before a process says what holds it up, and again after that."""

HOLD_UP_SHARE = 0.8
"""It says so by this share of the cut's deadline at the latest."""

HOLD_UP_AGAIN_SHARE = 0.2
"""It says so again after this share of the deadline, so that what a cut is abandoned with is not old."""


class Recorder:
    """The open cut of one process, and its open turns. ``act_on_held`` acts on the frames that a session held."""

    def __init__(
        self, identity: Identity, handshakes: Handshakes, *, act_on_held: Callable[[Session], list[Effect]]
    ) -> None:
        self.recording: Recording | None = None
        self.turns: dict[Turn, str] = {}
        self.boundary: tuple[str, ...] = ()
        self.recorded = 0
        self._members: frozenset[ProcessName] = frozenset()
        self._identity = identity
        self._handshakes = handshakes
        self._act_on_held = act_on_held

    @property
    def holding(self) -> bool:
        """Whether no new turns are given out at the moment."""
        return not self._identity.running or self.waiting

    @property
    def waiting(self) -> bool:
        """Whether there is a cut to record and something that has to come first."""
        return self.recording is not None and self.recording.waiting

    @property
    def open_turns(self) -> tuple[Turn, ...]:
        """The turns that are open now."""
        return tuple(self.turns)

    def keeps_out(self, peer: ProcessName) -> bool:
        """Whether a session with ``peer`` has to wait: a cut is open, and ``peer`` is not known to be in it."""
        return self.recording is not None and not self.recording.is_member(peer)

    def shuts_out(self, peer: ProcessName) -> bool:
        """Whether ``peer`` is known to be outside the open cut: its Welcome waits until the cut is over."""
        recording = self.recording
        return recording is not None and recording.members is not None and not recording.is_member(peer)

    def awaits_marker(self, session: Session) -> bool:
        """Whether the open cut still waits for the marker of this session's incoming channel."""
        return self.recording is not None and self.recording.is_unmarked(session)

    def turn_wanted(self, event: was.TurnWanted) -> list[Effect]:
        if self.holding:
            return []
        self.turns[event.turn] = ""
        return [ask.OpenTurn(turn=event.turn)]

    def turn_ended(self, event: was.TurnEnded) -> list[Effect]:
        if self.turns.pop(event.turn, None) is None:
            return []
        return self.try_to_record()

    def begun(self, begin: Begin) -> list[Effect]:
        members = self._members = self._told(begin)
        if begin.incarnation != self._identity.incarnation or not self._identity.running:
            return []
        effects, gone = self._handshakes.release(begin.released)
        effects += self.reach(begin.cut, begin.base)
        recording = self.recording
        if recording is None or recording.cut != begin.cut:
            return effects
        for session in gone:
            recording.forget(session)
        if recording.members is not None:
            return effects + self.repeat_report()
        recording.members, recording.released = members, begin.released
        recording.deadline_seconds = begin.deadline_seconds
        first = min(HOLD_UP_SECONDS, begin.deadline_seconds * HOLD_UP_SHARE)
        effects.append(ask.WatchCut(cut=begin.cut, seconds=first))
        if not recording.waiting:
            effects += self._refuse_outsiders(recording)
        return effects + self._handshakes.admit_waiting() + self._release()

    def _told(self, begin: Begin) -> frozenset[ProcessName]:
        """The members of the cut, by this Begin and those before it on the same connection."""
        if begin.members is not None:
            return frozenset(begin.members)
        if begin.joined or begin.gone:
            return self._members.difference(begin.gone).union(begin.joined)
        return self._members

    def reach(self, cut: CutNumber, base: CutNumber | None = None) -> list[Effect]:
        """There is news from cut ``cut``: record it before anything else is done about the news."""
        if cut <= self._identity.cut or not self._identity.running:
            return []
        if self.recording is not None and self.recording.cut >= cut:
            return []
        effects: list[Effect] = []
        if self.recording is not None:
            published = base == self.recording.cut and self.recording.phase in ("captured", "stored")
            effects += self._publish(self.recording) if published else self._discard(self.recording)
        if base is not None:
            self._identity.base = max(self._identity.base, base)
        self.recording = Recording(cut=cut, base=self._identity.base)
        recorded = self.try_to_record()
        if not recorded:
            recorded = [e for s in self._handshakes.sessions.values() for e in transmit(s)]
        return effects + recorded

    def try_to_record(self) -> list[Effect]:
        """Record as soon as no turn is open and every opening session knows its peer."""
        if self.recording is None or not self.recording.waiting or self.turns or self._handshakes.nameless():
            return []
        return self._record(self.recording)

    def _record(self, recording: Recording) -> list[Effect]:
        """The synchronous block: freeze the counters, pass the cut, put markers on all outgoing channels."""
        sessions = list(self._handshakes.sessions.values())
        recording.record(sessions, self.boundary)
        before, self._identity.cut = self._identity.cut, recording.cut
        self.recorded += 1
        for session in sessions:
            self._put_marker(session, recording)
            session.outgoing.mark(before)
        self._handshakes.forget_answered()
        effects: list[Effect] = [ask.RecordState(cut=recording.cut, base=recording.base)]
        for session in sessions:
            effects += transmit(session)
        effects += self._refuse_outsiders(recording)
        return effects + self._resume_after_hold()

    def _put_marker(self, session: Session, recording: Recording) -> None:
        session.marker = Marker(
            incarnation=self._identity.incarnation,
            cut=recording.cut,
            base=recording.base,
            sent=Sequence(session.outgoing.sent),
            recorded_from=Sequence(session.outgoing.furthest + 1),
        )
        answered = session.flowing or not session.initiator
        if session.connection is not None and answered and session.phase in ("open", "opening"):
            session.queue.append(session.marker)

    def _resume_after_hold(self) -> list[Effect]:
        """Turns are given out again, and what was held is acted on, in order."""
        effects: list[Effect] = [ask.WakeTurns()]
        for session in list(self._handshakes.sessions.values()):
            if session.incoming.available:
                effects.append(ask.WakeReceiver(key=session.key))
            effects += transmit(session)
            effects += self._act_on_held(session)
        effects += self._handshakes.admit_waiting()
        return effects + self.close_channels()

    def _release(self) -> list[Effect]:
        effects: list[Effect] = []
        for session in list(self._handshakes.sessions.values()):
            effects += self._act_on_held(session)
        return effects + self.close_channels()

    def close_channels(self) -> list[Effect]:
        recording = self.recording
        if recording is None or not recording.close_channels():
            return []
        return [
            ask.SendToCoordinator(message=PartCaptured(cut=recording.cut)),
            ask.PersistPart(cut=recording.cut, sessions=recording.records(), boundary=recording.boundary),
        ]

    def _refuse_outsiders(self, recording: Recording) -> list[Effect]:
        outsider = recording.outsider(list(self._handshakes.sessions.values()), tuple(self._handshakes.strangers))
        if not outsider or recording.refusal:
            return []
        recording.refusal = f"{self._identity.name} has {outsider}, which is not a member of cut {recording.cut}"
        return [ask.SendToCoordinator(message=CutRefused(cut=recording.cut, reason=recording.refusal))]

    def part_persisted(self, event: was.PartPersisted) -> list[Effect]:
        recording = self.recording
        if recording is None or recording.cut != event.cut or recording.phase != "captured":
            return []
        recording.advance("persist")
        recording.summary = event.summary
        return [ask.SendToCoordinator(message=PartStored(summary=event.summary))]

    def persist_failed(self, event: was.PersistFailed) -> list[Effect]:
        recording = self.recording
        if recording is None or recording.cut != event.cut:
            return []
        recording.refusal = f"{self._identity.name} could not store its part: {event.reason}"
        recording.unstored = event.of_store
        return [self._refusal(recording)]

    def repeat_report(self) -> list[Effect]:
        recording = self.recording
        if recording is None:
            return []
        if recording.refusal:
            return [self._refusal(recording)]
        if recording.summary is not None:
            return [ask.SendToCoordinator(message=PartStored(summary=recording.summary))]
        return []

    @staticmethod
    def _refusal(recording: Recording) -> Effect:
        message = CutRefused(cut=recording.cut, reason=recording.refusal, unstored=recording.unstored)
        return ask.SendToCoordinator(message=message)

    def hold_up_noticed(self, event: was.HoldUpNoticed) -> list[Effect]:
        recording = self.recording
        if recording is None or recording.cut != event.cut or recording.phase == "stored":
            return []
        turns = self.open_turns if recording.waiting else ()
        nameless = tuple(f"the answer to {s.title()}" for s in self._handshakes.nameless()) if recording.waiting else ()
        channels = nameless + recording.open_channels()
        again = max(HOLD_UP_SECONDS, recording.deadline_seconds * HOLD_UP_AGAIN_SHARE)
        return [
            ask.ReportHoldUp(cut=event.cut, turns=turns, channels=channels, storing=recording.phase == "captured"),
            ask.WatchCut(cut=event.cut, seconds=again),
        ]

    def abandoned(self, abandon: Abandon) -> list[Effect]:
        if abandon.incarnation != self._identity.incarnation or not self._identity.running:
            return []
        effects: list[Effect] = []
        if self.recording is not None and self.recording.cut == abandon.cut:
            effects += self._discard(self.recording)
        elif abandon.cut > self._identity.cut:
            if self.recording is not None and self.recording.cut < abandon.cut:
                effects += self._discard(self.recording)
            self._skip(abandon.cut)
        return effects + self._resume_after_hold()

    def published(self, published: Published) -> list[Effect]:
        if published.incarnation != self._identity.incarnation or not self._identity.running:
            return []
        recording = self.recording
        if recording is None or recording.cut != published.cut or recording.phase != "stored":
            return []
        return self._publish(recording) + self._resume_after_hold()

    def _publish(self, recording: Recording) -> list[Effect]:
        recording.advance("publish")
        self._identity.base = max(self._identity.base, recording.cut)
        self._handshakes.published(recording.cut, recording.ended)
        self.recording = None
        return [ask.KeepCapture(cut=recording.cut)]

    def _discard(self, recording: Recording) -> list[Effect]:
        recorded = not recording.waiting
        recording.advance("abandon")
        self.recording = None
        self._skip(recording.cut)
        return [ask.DiscardCapture(cut=recording.cut)] if recorded else []

    def _skip(self, cut: CutNumber) -> None:
        """The cut is over without us: its number counts as passed, and nothing of it will be recorded."""
        if cut > self._identity.cut:
            for session in self._handshakes.sessions.values():
                session.outgoing.mark(self._identity.cut)
            self._identity.cut = cut

    def drop_recording(self) -> list[Effect]:
        recording, self.recording = self.recording, None
        if recording is None or recording.waiting:
            return []
        return [ask.DiscardCapture(cut=recording.cut)]
