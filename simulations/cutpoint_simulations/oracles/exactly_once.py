"""Claim: of what counts, each message was taken once, in the order of its number, with the payload that was sent.

Judged along the timelines that stand at the end, so that what a recovery has undone is forgotten at both ends. A
session that both ends have closed was drained first; and when all is quiet, so is one that stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from cutpoint.protocol.accounting import text
from cutpoint.protocol.numbers import ranges_of
from cutpoint_simulations.chronicle import Line
from cutpoint_simulations.chronicle.observations import shortly
from cutpoint_simulations.oracles.case import Case
from cutpoint_simulations.oracles.crossings import Crossing, Ends, crossings
from cutpoint_simulations.oracles.oracle import Oracle, Violations


class ExactlyOnce(Oracle):
    """Judges at the end; between two processes only where both run in the same incarnation."""

    name: ClassVar[str] = "exactly once"

    def ended(self, case: Case, *, quiet: bool) -> Violations:
        """One complaint a channel."""
        found = []
        for crossing in crossings(_standing(case)):
            complaint = next(_complaints(crossing, quiet=quiet), None)
            if complaint is not None:
                complaint = f"{crossing.channel}: {complaint}"
                found.append(self.violation(case, complaint, process=crossing.receiver, channel=crossing.channel))
        return tuple(found)


def under_way(case: Case) -> bool:
    """Whether something that was sent may still be taken, on a channel that nobody has given up."""
    unnamed = any(
        line.sent and line.over is None and not line.session and not line.absorbed
        for name in case.running()
        if name in case.chronicle.timelines
        for line in case.chronicle.timelines[name].lines.values()
    )
    return unnamed or any(_waits(crossing) for crossing in crossings(_standing(case)))


def _waits(crossing: Crossing) -> bool:
    sent, taken = crossing.sent, crossing.taken
    if sent is None or crossing.broken or (taken is None and sent.over is not None):
        return False
    return bool(sent.under_way_to(taken))


def _standing(case: Case) -> Ends:
    """The lines of everybody who runs in the highest incarnation that anybody runs in."""
    chronicle = case.chronicle
    running = [name for name in case.running() if name in chronicle.timelines]
    latest = max((chronicle.timelines[name].incarnation for name in running), default=0)
    return {name: chronicle.standing(name) for name in running if chronicle.timelines[name].incarnation == latest}


def _complaints(crossing: Crossing, *, quiet: bool) -> Iterator[str]:
    """What is wrong with one channel, what others follow from first."""
    sent, taken = crossing.sent, crossing.taken
    if taken is not None:
        yield from _order(taken)
    if sent is None or taken is None:
        return
    for number, payload in taken.taken:
        was = sent.payload(number)
        if number > sent.sent_count:
            yield f"message {number} was taken, and only {sent.sent_count} were sent"
        elif was is not None and was != payload:
            yield f"message {number} was sent as {shortly(was)!r} and taken as {shortly(payload)!r}"
    if missing := sent.under_way_to(taken):
        never = f"{text(ranges_of(missing))} of {sent.sent_count} were never taken by {crossing.receiver}"
        if sent.over == "" or taken.over == "":
            yield f"both ends have closed it, and {never}"
        elif quiet and not (sent.dormant or taken.dormant or crossing.broken):
            yield f"all is quiet, and {never}"


def _order(line: Line) -> Iterator[str]:
    """Each number once; on a channel that keeps order, each the one after the one before."""
    known = line.taken_before
    seen = {number for low, high in known for number in range(low, high + 1)}
    last = max(seen, default=0)
    for number, _ in line.taken:
        if number in seen:
            yield f"message {number} was taken twice"
        elif line.fifo and number != last + 1:
            yield f"message {number} was taken after {last}"
        seen.add(number)
        last = number
