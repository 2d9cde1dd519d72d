"""Claim: nothing was received inside a recovery point that was not sent inside it.

Chandy and Lamport's definition, from the chronicle alone: no part, counter, marker or certificate is looked at.
"""

from __future__ import annotations

from typing import ClassVar

from cutpoint.protocol.accounting import text
from cutpoint.protocol.numbers import ranges_of
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.crossings import Crossing, Ends, crossings, ends_at
from cutpoint_simulations.oracles.oracle import Oracle, Violations


class NoOrphan(Oracle):
    """Judges each recovery point when it is published. What somebody sent who has left counts as sent inside."""

    name: ClassVar[str] = "no orphan"

    def published(self, point: Published, case: Case) -> Violations:
        """One complaint a channel."""
        ends = ends_at(case.chronicle, tuple(map(str, point.point.members)), point.cut)
        found = []
        for crossing in crossings(ends):
            sent = _sent(crossing, ends, case)
            if crossing.taken is None or sent is None:
                continue
            if orphans := [number for number, _ in crossing.taken.taken if number > sent]:
                complaint = (
                    f"{crossing.channel}: {crossing.receiver} received {text(ranges_of(sorted(orphans)))} inside it, "
                    f"{crossing.sender} had sent {sent}"
                )
                found.append(
                    self.violation(case, complaint, cut=point.cut, process=crossing.receiver, channel=crossing.channel)
                )
        return tuple(found)


def _sent(crossing: Crossing, ends: Ends, case: Case) -> int | None:
    """How much was sent inside; None where nobody watched the sender."""
    if crossing.sent is not None:
        return crossing.sent.sent_count
    if crossing.sender in ends:
        return 0
    line = case.chronicle.ever(crossing.sender, crossing.session)
    return None if line is None else line.sent_count
