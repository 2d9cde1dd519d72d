"""Ready made: what the computation holds, in its states and under way, is always the same.

What is conserved is the user's: money, items, tickets. Two functions measure it, one the recorded states of a process,
one the payload of a message in flight.

    monitor = conservation("money", states=lambda s: sum(s["balances"].values()), payload=paid, total=10_000_000)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cutpoint.monitors.monitor import LIMITS, Complaint, Limits, Monitor
from cutpoint.monitors.recorded import Recorded

Measure = int | float
OfStates = Callable[[Mapping[str, Any]], Measure]
OfPayload = Callable[[str | bytes], Measure]
OfPoint = Callable[[Recorded], Measure]


def conservation(
    name: str = "conservation",
    *,
    states: OfStates,
    payload: OfPayload = lambda _: 0,
    total: Measure | OfPoint,
    period_seconds: float = 0.0,
    limits: Limits = LIMITS,
) -> Monitor:
    """``states`` measures the recorded states of one process, by name; ``payload`` one message in flight.

    ``total``: what there has to be, or what says so of a recovery point (a service may record what was ever put in).
    Measure in whole numbers: fractions are compared as they are.
    """

    def check(point: Recorded) -> str | None:
        """What is in all states and all messages in flight together is always the same."""
        return unbalanced(point, states=states, payload=payload, total=total(point) if callable(total) else total)

    return Monitor(name=name, check=check, period_seconds=period_seconds, limits=limits)


def measured(point: Recorded, *, states: OfStates, payload: OfPayload) -> Measure:
    """What there is in all states of ``point`` and in all messages in flight."""
    return sum(map(states, point.states.values())) + sum(payload(message.payload) for message in point.in_flight)


def unbalanced(point: Recorded, *, states: OfStates, payload: OfPayload, total: Measure) -> Complaint | None:
    """What is wrong with the sum over ``point``, or None."""
    held = {process: states(of_process) for process, of_process in point.states.items()}
    under_way = sum(payload(message.payload) for message in point.in_flight)
    in_states = sum(held.values())
    found = in_states + under_way
    if found == total:
        return None
    return Complaint(
        f"{in_states} in the states of {len(held)} processes and {under_way} in {len(point.in_flight)} messages under "
        f"way are {found}, not {total}",
        found=found,
        total=total,
        in_flight=under_way,
        states=held,
    )
