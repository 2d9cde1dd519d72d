"""Where everything in a space-time diagram is: numbers only, the same for the SVG and for the page.

Time goes to the right, and places tell order before duration: two entries never share a place, entries of one process
keep apart, and an arrow always leans to the right. Where much time passes without an entry the gap grows, but only
with its logarithm, so that a second of silence does not push a thousand messages of one millisecond onto one pixel.
Heights and colours are the drawings' own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from itertools import pairwise
from math import log1p
from statistics import median
from typing import Literal

import msgspec

from cutpoint_simulations.trace.cuts import Crossings, Message, State, read_crossings
from cutpoint_simulations.trace.model import Trace

MARGIN = 24.0
STEP = 4.0
"""Between an entry and the next one anywhere."""
GAP = 20.0
"""Between an entry and the next one on the same line."""
LEAN = 30.0
"""Between the ends of an arrow."""
SILENCE_MAX = 90.0
"""What a long silence adds."""
CUT_ROOM = 10.0
"""A cut's line bends: what is next to a record keeps more distance."""

Look = Literal["control", "plain", "in-flight", "orphan"]
LOOKS: tuple[Look, ...] = ("control", "plain", "in-flight", "orphan")
"""What matters is drawn over what does not."""


class Arrow(msgspec.Struct, frozen=True, kw_only=True):
    """One flight of a message. ``sent`` and ``received`` are indices of entries; at most one of them is None."""

    sender: int
    """Index of the sender's line, as are all lines here."""
    receiver: int
    sent: int | None
    received: int | None
    look: Look
    channel: str
    again: bool = False
    """It came out of a cut that the receiver went back to, where it was in flight, and not from its sender."""


class CutLine(msgspec.Struct, frozen=True, kw_only=True):
    """A cut as a line through entries, from top to bottom."""

    cut: int
    incarnation: int
    state: State
    label: str
    reason: str
    records: tuple[int, ...]


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a line on which the process lived; None: before the trace begins, after it ends."""

    line: int
    started: int | None
    ended: int | None


class Jump(msgspec.Struct, frozen=True, kw_only=True):
    """A restore: from its entry back to the entry that recorded, None if that is not in the trace."""

    line: int
    restored: int
    recorded: int | None
    cut: int


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """``xs`` has the place of each entry, ``lines`` the index of its process's line; ``width`` is the drawing's."""

    xs: tuple[float, ...]
    lines: tuple[int, ...]
    width: float
    arrows: tuple[Arrow, ...]
    cuts: tuple[CutLine, ...]
    lives: tuple[Life, ...]
    jumps: tuple[Jump, ...]
    violation: int | None
    """The first entry to look at where something is wrong: the first orphan's arrival, else the last entry."""

    def count(self, look: Look) -> int:
        """How many messages look so; one that was delivered twice is one message."""
        return len(
            {arrow.sent if arrow.sent is not None else arrow.received for arrow in self.arrows if arrow.look == look}
        )


def lay_out(trace: Trace, crossings: Crossings | None = None) -> Layout:
    """Place a trace. ``crossings``, if they have been read already, must be the trace's own."""
    crossings = crossings or read_crossings(trace)
    of_process = {process: index for index, process in enumerate(trace.processes)}
    xs = _places(trace, crossings)
    return Layout(
        xs=xs,
        lines=tuple(of_process[entry.process] for entry in trace.entries),
        width=(xs[-1] if xs else 0.0) + MARGIN,
        arrows=_arrows(trace, crossings, of_process),
        cuts=_cut_lines(crossings),
        lives=_lives(trace, of_process),
        jumps=_jumps(trace, of_process),
        violation=_violation(trace, crossings),
    )


def _places(trace: Trace, crossings: Crossings) -> tuple[float, ...]:
    sent_at = {index: message.sent for message in crossings.messages for index in message.received}
    entries = trace.entries
    passed = [after.at - before.at for before, after in pairwise(entries)]
    usual = median(positive) if (positive := [seconds for seconds in passed if seconds > 0]) else 1.0
    xs: list[float] = []
    on_line: dict[str, tuple[float, bool]] = {}
    for index, entry in enumerate(entries):
        recording = entry.kind == "record"
        x = MARGIN
        if index:
            silence = log1p(max(0.0, passed[index - 1] / usual - 1.0))
            x = xs[-1] + STEP + min(SILENCE_MAX, 12.0 * silence)
        if entry.process in on_line:
            before, recorded = on_line[entry.process]
            x = max(x, before + GAP + CUT_ROOM * (recording or recorded))
        sent = sent_at.get(index)
        if sent is not None:
            x = max(x, xs[sent] + LEAN)
        xs.append(round(x, 1))
        on_line[entry.process] = (x, recording)
    return tuple(xs)


def _arrows(trace: Trace, crossings: Crossings, of_process: dict[str, int]) -> tuple[Arrow, ...]:
    """One for each time that a message was received, one if it never was; none if the other end has no line."""
    restores: dict[str, list[int]] = defaultdict(list)
    for index, entry in enumerate(trace.entries):
        if entry.kind == "restore":
            restores[entry.process].append(index)

    def again(message: Message, received: int | None) -> bool:
        back = bisect_left(restores[message.receiver], received) if received is not None else 0
        restored = restores[message.receiver][back - 1] if back else -1
        cut = trace.entries[restored].cut if message.sent is not None and message.sent < restored else 0
        return any(crossings.cuts[index].cut == cut for index in message.in_flight)

    return tuple(
        Arrow(
            sender=of_process[message.sender],
            receiver=of_process[message.receiver],
            sent=message.sent,
            received=received,
            look=_look(message, crossings),
            channel=message.channel,
            again=again(message, received),
        )
        for message in crossings.messages
        if message.sender in of_process and message.receiver in of_process
        for received in (message.received or (None,))
    )


def _look(message: Message, crossings: Crossings) -> Look:
    """What crossed an abandoned cut is of no consequence, unless it is an orphan: that may be why it was abandoned."""
    if message.orphan:
        return "orphan"
    if any(crossings.cuts[index].state != "abandoned" for index in message.in_flight):
        return "in-flight"
    return "plain" if message.number else "control"


def _cut_lines(crossings: Crossings) -> tuple[CutLine, ...]:
    ends = {"published": "", "abandoned": ", abandoned", "open": ", open"}
    return tuple(
        CutLine(
            cut=cut.cut,
            incarnation=cut.incarnation,
            state=cut.state,
            label=f"cut {cut.cut}{ends[cut.state]}",
            reason=cut.reason,
            records=tuple(index for _, index in cut.records),
        )
        for cut in crossings.cuts
    )


def _lives(trace: Trace, of_process: dict[str, int]) -> tuple[Life, ...]:
    """Whose first entry is no ``start`` lived before the trace begins. A ``start`` of who lives changes nothing."""
    lives: list[Life] = []
    since: dict[str, int | None] = {}
    dead: dict[str, bool] = {}
    for index, entry in enumerate(trace.entries):
        process = entry.process
        if entry.kind == "end":
            if not dead.get(process, False):
                lives.append(Life(line=of_process[process], started=since.get(process), ended=index))
            dead[process] = True
        elif dead.get(process, True) and (entry.kind == "start" or process not in dead):
            since[process] = index if entry.kind == "start" else None
            dead[process] = False
    for process, line in of_process.items():
        if not dead.get(process, False):
            lives.append(Life(line=line, started=since.get(process), ended=None))
    return tuple(sorted(lives, key=lambda life: (life.line, -1 if life.started is None else life.started)))


def _jumps(trace: Trace, of_process: dict[str, int]) -> tuple[Jump, ...]:
    recorded: dict[tuple[str, int], int] = {}
    jumps: list[Jump] = []
    for index, entry in enumerate(trace.entries):
        place = (entry.process, entry.cut)
        if entry.kind == "record":
            recorded.setdefault(place, index)
        elif entry.kind == "restore":
            line = of_process[entry.process]
            jumps.append(Jump(line=line, restored=index, recorded=recorded.get(place), cut=entry.cut))
    return tuple(jumps)


def _violation(trace: Trace, crossings: Crossings) -> int | None:
    orphan = crossings.first_orphan()
    if orphan is not None:
        return orphan
    return len(trace.entries) - 1 if trace.verdict and trace.entries else None
