"""What the core has refused, as the API says it."""

from __future__ import annotations

from cutpoint.protocol import coordinator_effects as told
from cutpoint_coordinator.faults import Refused


def refusal(outcome: told.Outcome) -> Refused:
    """The core said no."""
    if isinstance(outcome, told.Refusal):
        message, _, remedy = outcome.reason.rpartition("; ")
        return Refused(409, "refused", message or remedy, remedy if message else "see /v1/topology")
    return Refused(500, "internal", f"an answer of another kind came ({type(outcome).__name__})", "tell us of it")
