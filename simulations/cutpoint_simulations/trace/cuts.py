"""The cuts of a trace, and which messages crossed each of them: in flight, or orphaned.

This is Chandy and Lamport's definition read off the trace, on purpose without a look at counters, markers or
certificates: it is the second opinion. What counts for a process is its *past*: everything on its line up to a point,
but a ``restore`` goes back to the past that the process had when it recorded that cut, and what it did since then never
happened. A message is **inside** a cut at an end if that end's entry is in the past that this process had when it
recorded the cut. Sent inside and not received inside: in flight. Received inside and not sent inside: an orphan.

Only numbered messages count (``number`` from 1); markers and the coordinator's words are no part of the computation.
Where an end did not record (an abandoned cut, a process that was not a member) nothing is said.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import Literal

import msgspec

from cutpoint_simulations.trace.model import Entry, Trace

State = Literal["published", "abandoned", "open"]


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """One line across the processes. Indices are those of entries in the trace.

    ``records``: where each process recorded, in the order of the processes' lines. ``reason`` is why it was abandoned.
    """

    cut: int
    incarnation: int
    state: State
    reason: str
    records: tuple[tuple[str, int], ...]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message: where it was sent (None: before the trace begins) and each time that it was received.

    ``in_flight`` and ``orphan`` are indices into the cuts that it crossed so.
    """

    name: str
    sender: str
    receiver: str
    channel: str
    number: int
    sent: int | None
    received: tuple[int, ...]
    in_flight: tuple[int, ...] = ()
    orphan: tuple[int, ...] = ()


class Crossings(msgspec.Struct, frozen=True, kw_only=True):
    """All cuts, in the order of their first record, and all messages, in the order of their first entry."""

    cuts: tuple[Cut, ...]
    messages: tuple[Message, ...]

    def first_orphan(self) -> int | None:
        """The first entry that received, inside a cut, what was not sent inside it."""
        return min((message.received[0] for message in self.messages if message.orphan), default=None)


class _Past:
    """What each process can look back on, at each of its entries: stretches of its line, without what was undone."""

    def __init__(self, trace: Trace) -> None:
        self._starts: dict[str, list[int]] = {process: [0] for process in trace.processes}
        self._before: dict[str, list[tuple[tuple[int, int], ...]]] = {process: [()] for process in trace.processes}
        recorded: dict[tuple[str, int], int] = {}
        for index, entry in enumerate(trace.entries):
            if entry.kind == "record":
                recorded.setdefault((entry.process, entry.cut), index)
            elif entry.kind == "restore":
                back = recorded.get((entry.process, entry.cut))
                self._before[entry.process].append(() if back is None else self.until(entry.process, back))
                self._starts[entry.process].append(index)

    def until(self, process: str, index: int) -> tuple[tuple[int, int], ...]:
        """The past at ``index`` as half-open stretches of indices."""
        era = bisect_right(self._starts[process], index) - 1
        return (*self._before[process][era], (self._starts[process][era], index))


def read_crossings(trace: Trace) -> Crossings:
    """Find the cuts, and say of each message which of them it crossed, and how."""
    cuts = _cuts(trace)
    past = _Past(trace)
    insides = [{process: past.until(process, index) for process, index in cut.records} for cut in cuts]
    return Crossings(cuts=cuts, messages=tuple(_judged(message, insides) for message in _messages(trace)))


def _cuts(trace: Trace) -> tuple[Cut, ...]:
    records: dict[tuple[int, int], dict[str, int]] = defaultdict(dict)
    ends: dict[int, tuple[State, str]] = {}
    for index, entry in enumerate(trace.entries):
        if entry.kind == "record":
            records[entry.incarnation, entry.cut].setdefault(entry.process, index)
        elif entry.kind == "publish":
            ends.setdefault(entry.cut, ("published", ""))
        elif entry.kind == "abandon":
            ends.setdefault(entry.cut, ("abandoned", entry.text))
    return tuple(
        Cut(
            cut=cut,
            incarnation=incarnation,
            state=ends.get(cut, ("open", ""))[0],
            reason=ends.get(cut, ("open", ""))[1],
            records=tuple((process, of[process]) for process in trace.processes if process in of),
        )
        for (incarnation, cut), of in records.items()
    )


def _messages(trace: Trace) -> list[Message]:
    """One for each send, and one for each name received without one. A receive belongs to the latest send before it."""
    sends: list[tuple[Entry, int | None, list[int]]] = []
    latest: dict[str, list[int]] = {}
    for index, entry in enumerate(trace.entries):
        if entry.kind == "send":
            latest[entry.message] = []
            sends.append((entry, index, latest[entry.message]))
        elif entry.kind == "receive":
            if entry.message not in latest:
                latest[entry.message] = []
                sends.append((entry, None, latest[entry.message]))
            latest[entry.message].append(index)
    return [
        Message(
            name=entry.message,
            sender=entry.process if sent is not None else entry.peer,
            receiver=entry.peer if sent is not None else entry.process,
            channel=entry.channel,
            number=entry.number,
            sent=sent,
            received=tuple(received),
        )
        for entry, sent, received in sends
    ]


def _judged(message: Message, insides: list[dict[str, tuple[tuple[int, int], ...]]]) -> Message:
    if message.number < 1 or message.sent is None:
        return message
    in_flight: list[int] = []
    orphan: list[int] = []
    for index, inside in enumerate(insides):
        if message.sender in inside and message.receiver in inside:
            sent = _within(message.sent, inside[message.sender])
            received = any(_within(each, inside[message.receiver]) for each in message.received)
            if sent and not received:
                in_flight.append(index)
            elif received and not sent:
                orphan.append(index)
    return msgspec.structs.replace(message, in_flight=tuple(in_flight), orphan=tuple(orphan))


def _within(index: int, stretches: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= index < stop for start, stop in stretches)
