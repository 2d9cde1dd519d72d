"""A run of a world as a `Trace`: what applications sent and received, what was recorded, published and restored.

The steps of the protocol in between are not in it; an entry's ``at`` is the number of the step that brought it about.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from cutpoint_simulations.trace.model import Entry, Kind, Recorder, Trace
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.faults import FAILURES
from cutpoint_simulations.world.headquarters import Headquarters
from cutpoint_simulations.world.history import HEAL, REST, Build, History, replay
from cutpoint_simulations.world.participant import Participant
from cutpoint_simulations.world.phrases import peer_of, phrase
from cutpoint_simulations.world.world import World

NOTES = ("open", "close", "leave", "interval", "recover", "give up", "resume", "release", "mend", "registry returns")
"""Kinds of actions that a trace tells in a note."""


def traced(history: History, *, title: str, seed: int = 0, build: Build | None = None, heals: bool = True) -> Trace:
    """Replay a history and trace it. Without ``heals`` it ends where the history does."""
    recorder = Recorder(title=title, seed=seed, unit="steps", processes=(*history.names, HEADQUARTERS))
    replayed = replay(history, build=build, observer=Tracer(recorder.append), heals=heals)
    return recorder.trace(verdict=replayed.verdict.complaint)


@dataclasses.dataclass(slots=True)
class _Seen:
    """What was true of one life of a process after the last step."""

    life: Participant
    phase: str
    recorded: int = 0
    started: int = 0
    received: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class _Sent:
    channel: str
    number: int
    sender: str


class Tracer:
    """An `Observer` of a replay that gives its entries to ``hear``. ``steps`` counts what has happened."""

    def __init__(self, hear: Callable[[Entry], None]) -> None:
        self.steps = 0
        self._hear = hear
        self._seen: dict[str, _Seen] = {}
        self._headquarters: Headquarters | None = None
        self._sent: dict[str, _Sent] = {}
        self._published = 0
        self._abandoned = 0

    def before(self, world: World, action: Action) -> None:
        """Remember what the action will change."""
        if not self._seen:
            self._lives(world)
        if action in (REST, HEAL):
            return
        self.steps += 1
        if action.kind in FAILURES or action.kind in NOTES:
            self._add(action.actor, "fault" if action.kind in FAILURES else "note", text=phrase(world, action))
        if action.kind == "take" and (seen := self._seen.get(action.actor)) is not None:
            seen.received = frozenset(seen.life.received)

    def after(self, world: World, action: Action) -> None:
        """Write down what came of it: first what the application did, then what the core did."""
        if action in (REST, HEAL):
            return
        if action.kind == "send":
            self._add_send(world.participants[action.actor], action)
        elif action.kind == "take" and action.actor in world.participants:
            self._add_receive(world.participants[action.actor], action)
        self._lives(world)
        for name, participant in world.participants.items():
            self._state(name, participant)
        self._ends_of_cuts(world)

    def _add(self, process: str, kind: Kind, *, cut: int = 0, incarnation: int = 0, text: str = "") -> None:
        entry = Entry(at=self.steps, process=process, kind=kind, cut=cut, incarnation=incarnation, text=text)
        self._hear(entry)

    def _add_send(self, me: Participant, action: Action) -> None:
        session = me.core.session(action.key)
        if session is None:
            return
        message = f"m{action.number}:{action.amount}"
        sent = _Sent(channel=session.name or session.key, number=session.outgoing.sent, sender=me.name)
        self._sent[message] = sent
        self._add_message("send", me.name, message, peer=peer_of(me, action.key), sent=sent)

    def _add_receive(self, me: Participant, action: Action) -> None:
        seen = self._seen[me.name]
        for message in sorted(me.received - seen.received):
            sent = self._sent.get(message, _Sent(channel=action.key, number=0, sender=peer_of(me, action.key)))
            self._add_message("receive", me.name, message, peer=sent.sender, sent=sent)

    def _add_message(self, kind: Kind, process: str, message: str, *, peer: str, sent: _Sent) -> None:
        entry = Entry(
            at=self.steps,
            process=process,
            kind=kind,
            message=message,
            peer=peer,
            channel=sent.channel,
            number=sent.number,
            text=message.rsplit(":", 1)[1],
        )
        self._hear(entry)

    def _lives(self, world: World) -> None:
        for name, seen in list(self._seen.items()):
            if world.participants.get(name) is not seen.life:
                del self._seen[name]
                self._add(name, "end")
        for name, participant in world.participants.items():
            if name not in self._seen:
                self._seen[name] = _Seen(life=participant, phase=participant.core.phase)
                self._add(name, "start")
        if world.headquarters is not self._headquarters:
            if self._headquarters is not None:
                self._add(HEADQUARTERS, "end")
            if world.headquarters is not None:
                self._add(HEADQUARTERS, "start")
            self._headquarters = world.headquarters

    def _state(self, name: str, participant: Participant) -> None:
        seen, core = self._seen[name], participant.core
        if core.identity.started != seen.started:
            seen.started = core.identity.started
            if seen.phase == "absent":
                self._add(name, "note", text="is admitted")
            else:
                cut = core.identity.base
                self._add(name, "restore", cut=cut, incarnation=seen.started, text=f"goes back to {_point(cut)}")
        seen.phase = core.phase
        if core.recorder.recorded != seen.recorded:
            seen.recorded = core.recorder.recorded
            self._add(name, "record", cut=core.cut, incarnation=core.identity.started)

    def _ends_of_cuts(self, world: World) -> None:
        durable = world.durable
        for point in durable.published[self._published :]:
            self._add(HEADQUARTERS, "publish", cut=point.cut, incarnation=point.incarnation)
        self._published = len(durable.published)
        abandoned = durable.ledger().abandoned
        if len(abandoned) > self._abandoned:
            for cut in list(abandoned.values())[self._abandoned :]:
                self._add(HEADQUARTERS, "abandon", cut=cut.cut, incarnation=cut.incarnation, text=cut.reason)
            self._abandoned = len(abandoned)


def _point(cut: int) -> str:
    return f"cut {cut}" if cut else "the beginning"
