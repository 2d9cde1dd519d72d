"""Claim: what the computation holds, in its states and under way, is the same in every recovery point.

What is conserved is the user's: money, items, tickets. Two functions measure it, one in the states of a process, one in
the payload of a message in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from cutpoint.protocol.messages import Close
from cutpoint.store import Part
from cutpoint_simulations.oracles.case import Case, Published, contents
from cutpoint_simulations.oracles.oracle import Oracle, Violations

Measure = int | float
OfStates = Callable[[Mapping[str, Any]], Measure]
OfPayload = Callable[[str | bytes], Measure]


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
        if not point.complete:
            return ()
        parts = [part for _, part in sorted(point.parts.items())]
        in_states = sum(self._states(contents(part)) for part in parts)
        messages = [payload for part in parts for payload in in_flight(part)]
        under_way = sum(map(self._payload, messages))
        found = in_states + under_way
        if self._total is None:
            self._total = found
        total = self._total(tuple(sorted(point.parts))) if callable(self._total) else self._total
        if found == total:
            return ()
        complaint = (
            f"{in_states} in the states of {len(parts)} processes and {under_way} in {len(messages)} messages under "
            f"way are {found}, not {total}"
        )
        return (self.violation(case, complaint, cut=point.cut),)


def in_flight(part: Part) -> tuple[str | bytes, ...]:
    """The payloads of the messages that a part holds, both ways; the ends of channels are none."""
    recorded = (
        message for record in part.sessions for message in (*record.incoming_in_flight, *record.outgoing_in_flight)
    )
    return tuple(message.payload for message in recorded if not isinstance(message.payload, Close))
