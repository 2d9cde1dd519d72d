"""Claim: what the services' own invariants say holds in every recovery point, and at the end."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from cutpoint_simulations.chronicle.observations import shortly
from cutpoint_simulations.cluster import Check, Cluster, Recorded
from cutpoint_simulations.oracles import Case, Oracle, Published, Violation, recorded
from cutpoint_simulations.refusal import failing_line

TOLD_MOST = 12
"""Of the messages in flight so many are told."""


class Invariants(Oracle):
    """Evaluates what was declared with `Cluster.invariant` and `Cluster.finally_`."""

    name: ClassVar[str] = "invariant"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._last: Recorded | None = None

    def published(self, point: Published, case: Case) -> tuple[Violation, ...]:
        """Ask each invariant about the recovery point, once every service's process has joined."""
        if not point.complete or not self._holds_everybody(point, case):
            return ()
        self._last = recorded(point)
        return self._ask(self._cluster.invariants, self._last, case)

    def _holds_everybody(self, point: Published, case: Case) -> bool:
        lives = [host.life for host in self._cluster.services.values()]
        begun = all(lives) or not any(lives)  # where nobody has begun, it comes from another run
        return begun and case.phases().keys() <= point.parts.keys()

    def ended(self, case: Case, *, quiet: bool) -> tuple[Violation, ...]:
        """Ask about the last recovery point."""
        if self._last is not None:
            return self._ask(self._cluster.finals, self._last, case)
        if not self._cluster.invariants and not self._cluster.finals:
            return ()
        complaint = "no recovery point held every service's process, so no invariant was ever asked"
        return (self.violation(case, complaint),)

    def _ask(self, checks: Mapping[str, Check], point: Recorded, case: Case) -> tuple[Violation, ...]:
        found = []
        for name, check in checks.items():
            try:
                complaint = check(point)
            except Exception as error:  # the user's code: whatever it is, it is told
                complaint = f"cannot be evaluated: {type(error).__name__}: {error}, at {failing_line(error)}"
            if complaint:
                violation = self.violation(case, f"{name}: {complaint}", cut=point.cut)
                found.append(msgspec.structs.replace(violation, evidence=tell(point)))
        return tuple(found)


def tell(point: Recorded) -> tuple[str, ...]:
    """What a recovery point holds, in lines that are not too long: the states of each process, what was in flight."""
    lines = [
        f"{process}: {', '.join(f'{name} = {reprlib.repr(state)}' for name, state in _of_the_service(states))}"
        for process, states in sorted(point.states.items())
    ]
    under_way = [f"from {each.sender} to {each.receiver}: {shortly(each.payload)}" for each in point.in_flight]
    return (*lines, *(f"in flight {message}" for message in under_way[:TOLD_MOST]), *_others(under_way[TOLD_MOST:]))


def _of_the_service(states: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Without the agent's own states: clock, random, timers."""
    return sorted((name, state) for name, state in states.items() if not name.startswith("@"))


def _others(messages: list[str]) -> tuple[str, ...]:
    return (f"in flight {len(messages)} more",) if messages else ()
