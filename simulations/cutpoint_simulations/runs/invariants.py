"""Claim: what the services' own invariants say holds in every recovery point, and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cutpoint.protocol.messages import Close
from cutpoint.store import Part
from cutpoint_simulations.cluster import Check, Cluster, InFlight, Recorded
from cutpoint_simulations.oracles import Case, Oracle, Published, Violation, contents


class Invariants(Oracle):
    """Evaluates what was declared with `Cluster.invariant` and `Cluster.finally_`."""

    name: ClassVar[str] = "invariant"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._last: Recorded | None = None

    def published(self, point: Published, case: Case) -> tuple[Violation, ...]:
        """Ask each invariant about the recovery point."""
        if not point.complete:
            return ()
        self._last = recorded(point)
        return self._ask(self._cluster.invariants, self._last, case)

    def ended(self, case: Case, *, quiet: bool) -> tuple[Violation, ...]:
        """Ask about the last recovery point."""
        return () if self._last is None else self._ask(self._cluster.finals, self._last, case)

    def _ask(self, checks: Mapping[str, Check], point: Recorded, case: Case) -> tuple[Violation, ...]:
        found = []
        for name, check in checks.items():
            try:
                complaint = check(point)
            except Exception as error:  # the user's code: whatever it is, it is told
                complaint = f"it could not be evaluated: {type(error).__name__}: {error}"
            if complaint:
                found.append(self.violation(case, f"{name}: {complaint}", cut=point.cut))
        return tuple(found)


def recorded(point: Published) -> Recorded:
    """The recovery point with its states decoded."""
    parts = [part for _, part in sorted(point.parts.items())]
    return Recorded(
        cut=point.cut,
        states={str(part.process): contents(part) for part in parts},
        in_flight=tuple(message for part in parts for message in _under_way(part)),
    )


def _under_way(part: Part) -> list[InFlight]:
    """The messages that a part holds, both ways; the ends of channels are none."""
    found = []
    me = str(part.process)
    for record in part.sessions:
        evidence = record.evidence
        for sender, receiver, messages in (
            (str(evidence.peer), me, record.incoming_in_flight),
            (me, str(evidence.peer), record.outgoing_in_flight),
        ):
            for message in messages:
                if not isinstance(message.payload, Close):
                    found.append(
                        InFlight(sender=sender, receiver=receiver, channel=evidence.session, payload=message.payload)
                    )
    return found
