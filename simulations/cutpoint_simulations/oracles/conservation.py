"""Claim: what the computation holds, in its states and under way, is the same in every recovery point.

What is conserved is the user's: money, items, tickets. Two functions measure it, one in the states of a process, one in
the payload of a message in flight.

    cluster.invariant("money", Conservation(states=holdings, payload=payment, total=1000).check)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from cutpoint.monitors import Recorded
from cutpoint.monitors.conservation import Measure, OfPayload, OfStates, measured, unbalanced
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.oracle import Oracle, Violations
from cutpoint_simulations.oracles.recorded import recorded


class Conservation(Oracle):
    """``states`` measures the recorded states of one process, by name; ``payload`` one message.

    ``total``: what there has to be, for these members if it depends on them; None: as much as in the first recovery
    point. Measure in whole numbers: fractions are compared as they are.
    """

    name: ClassVar[str] = "conservation"

    def __init__(
        self,
        *,
        states: OfStates,
        payload: OfPayload = lambda _: 0,
        total: Measure | Callable[[tuple[str, ...]], Measure] | None = None,
    ) -> None:
        self._states = states
        self._payload = payload
        self._total = total

    def published(self, point: Published, case: Case) -> Violations:
        """Add everything up."""
        complaint = self.check(recorded(point)) if point.complete else None
        return () if complaint is None else (self.violation(case, complaint, cut=point.cut),)

    def check(self, point: Recorded) -> str | None:
        """The same as an invariant of a cluster: what is wrong, or None."""
        total = self._total(tuple(sorted(point.states))) if callable(self._total) else self._total
        if total is None:
            total = self._total = measured(point, states=self._states, payload=self._payload)
        return unbalanced(point, states=self._states, payload=self._payload, total=total)
