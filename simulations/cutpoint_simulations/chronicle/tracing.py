"""A run on the Loop as a `Trace`: lives, application messages, records, ends of cuts, restores and faults.

Entries come in the order in which they happened, at virtual seconds. What a message is called is settled when the trace
is asked for, because a session may get its name after its first messages.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from cutpoint.names import ProcessName, SessionName, channel_name
from cutpoint.protocol.ledger import AbandonedCut, RecoveryPoint
from cutpoint_simulations.chronicle.chronicle import Chronicle
from cutpoint_simulations.chronicle.observations import (
    Adopted,
    Began,
    Named,
    Observation,
    Recorded,
    Restored,
    Sent,
    Taken,
    shortly,
)
from cutpoint_simulations.loop import Host
from cutpoint_simulations.trace.model import Entry, Kind, Recorder, Trace

COORDINATOR = "coordinator"
"""On whose line cuts end."""

UNANSWERED = "(unanswered)"
"""The channel of messages on a session that never got a name."""


@dataclasses.dataclass(slots=True)
class _Session:
    """What is known of a session at one end: its name and the other end's."""

    name: str = ""
    peer: str = ""


class _Tag(str):
    """Stands for one message that was sent, whatever its payload."""


_NOBODY = _Tag()


@dataclasses.dataclass(slots=True)
class _Draft:
    """An entry, and for a message the session that it belongs to and which one it is (empty: nobody saw it sent)."""

    entry: Entry
    session: _Session | None = None
    tag: _Tag = _NOBODY


class Tracing:
    """Takes what a `Watch`, a simulation's ``heard`` and a registry tell, and whatever else is to be in the trace.

    ``processes`` have their lines from the start, in this order; hosts that are none of them have no line.
    """

    def __init__(self, *, title: str, seed: int, clock: Callable[[], float], processes: Iterable[str] = ()) -> None:
        self._title = title
        self._seed = seed
        self._clock = clock
        self._processes = tuple(processes)
        self._drafts: list[_Draft] = []
        self._sessions: dict[str, dict[str, _Session]] = {}
        self._chronicle = Chronicle()
        self._sent = 0
        self._unsettled: dict[tuple[str, str], list[_Draft]] = {}
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Began: self._began,
            Sent: self._sends,
            Taken: self._takes,
            Named: self._named,
            Adopted: self._adopted,
            Recorded: self._recorded,
            Restored: self._restored,
        }

    # --------------------------------------------------------------------------------------------------- what it hears

    def hear(self, observation: Observation) -> None:
        """Take the next observation of a watch."""
        if (handler := self._handlers.get(type(observation))) is not None:
            handler(observation)
        if not isinstance(observation, Sent):
            self._chronicle.hear(observation)

    def host(self, kind: str, host: Host, text: str) -> None:
        """A host has started or ended: give this to ``Simulation.heard``."""
        if (not self._processes or host.name in self._processes) and kind in ("start", "end"):
            self._add(host.name, "start" if kind == "start" else "end", text=text)

    def published(self, point: RecoveryPoint) -> None:
        """The registry has a new recovery point."""
        self._add(COORDINATOR, "publish", cut=point.cut, incarnation=point.incarnation)

    def abandoned(self, cut: AbandonedCut) -> None:
        """The registry has a cut that became none."""
        self._add(COORDINATOR, "abandon", cut=cut.cut, incarnation=cut.incarnation, text=cut.reason)

    def fault(self, process: str, text: str) -> None:
        """Something was done to a process, or to the computation by way of it."""
        self._add(process, "fault", text=text)

    def note(self, process: str, text: str) -> None:
        """Anything else that people should read."""
        self._add(process, "note", text=text)

    def _add(
        self, process: str, kind: Kind, *, at: float | None = None, cut: int = 0, incarnation: int = 0, text: str = ""
    ) -> None:
        at = self._clock() if at is None else at
        entry = Entry(at=at, process=process, kind=kind, cut=cut, incarnation=incarnation, text=text)
        self._drafts.append(_Draft(entry))

    def _session(self, process: str, key: str) -> _Session:
        return self._sessions.setdefault(process, {}).setdefault(key, _Session())

    def _sends(self, sent: Sent) -> None:
        self._sent += 1
        draft = self._message("send", sent, _Tag(self._sent))
        self._chronicle.hear(sent._replace(payload=draft.tag))
        if draft.session is not None and not draft.session.name:
            self._unsettled.setdefault((sent.process, sent.key), []).append(draft)

    def _takes(self, taken: Taken) -> None:
        """Which message it is, its sender's timeline knows; that may have been cut back since."""
        sender = self._chronicle.other_end(taken.process, taken.key)
        tag = None if sender is None else sender.payload(taken.number)
        self._message("receive", taken, tag if isinstance(tag, _Tag) else _NOBODY)

    def _message(self, kind: Kind, message: Sent | Taken, tag: _Tag) -> _Draft:
        entry = Entry(
            at=message.at,
            process=message.process,
            kind=kind,
            number=message.number,
            text=shortly(message.payload),
        )
        draft = _Draft(entry, self._session(message.process, message.key), tag)
        self._drafts.append(draft)
        return draft

    def _began(self, began: Began) -> None:
        self._sessions.pop(began.process, None)

    def _named(self, named: Named) -> None:
        session = self._session(named.process, named.key)
        session.name, session.peer = named.session, named.peer
        self._unsettled.pop((named.process, named.key), None)

    def _adopted(self, adopted: Adopted) -> None:
        for draft in self._unsettled.pop((adopted.process, adopted.key), ()):
            draft.entry = msgspec.structs.replace(draft.entry, number=draft.entry.number + adopted.sent)

    def _recorded(self, recorded: Recorded) -> None:
        self._add(recorded.process, "record", at=recorded.at, cut=recorded.cut, incarnation=recorded.incarnation)

    def _restored(self, restored: Restored) -> None:
        text = f"goes back to {f'cut {restored.cut}' if restored.cut else 'the beginning'}"
        where = restored.process
        self._add(where, "restore", at=restored.at, cut=restored.cut, incarnation=restored.incarnation, text=text)
        self._sessions[restored.process] = {
            session.key: _Session(session.record.evidence.session, session.record.evidence.peer)
            for session in restored.sessions
        }

    # ------------------------------------------------------------------------------------------------- what it tells

    def trace(self, *, verdict: str = "") -> Trace:
        """Everything so far."""
        recorder = Recorder(title=self._title, seed=self._seed, unit="s", processes=self._processes)
        names = _Names()
        for draft in self._drafts:
            recorder.append(draft.entry if draft.session is None else names.settled(draft, draft.session))
        return recorder.trace(verdict=verdict)


class _Names:
    """What messages are called. After a recovery a number may be sent again: that is another message."""

    def __init__(self) -> None:
        self._names: dict[_Tag, str] = {}
        self._times: dict[str, int] = {}

    def settled(self, draft: _Draft, session: _Session) -> Entry:
        """The entry of a message with its channel and its name, the same at both ends."""
        entry = draft.entry
        if not session.name:
            name = f"{entry.process} {UNANSWERED} {entry.number} at {entry.at!r}"
            return msgspec.structs.replace(entry, channel=UNANSWERED, message=name)
        me, peer = ProcessName(entry.process), ProcessName(session.peer)
        sender, receiver = (me, peer) if entry.kind == "send" else (peer, me)
        channel = channel_name(sender, receiver, SessionName(session.name))
        name = f"{channel} {entry.number}"
        if entry.kind == "send":
            times = self._times[name] = self._times.get(name, 0) + 1
            self._names[draft.tag] = name if times == 1 else f"{name} ({times})"
        return msgspec.structs.replace(entry, channel=channel, peer=peer, message=self._names.get(draft.tag, name))
