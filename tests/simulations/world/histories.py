"""Short histories that several tests replay: a payment that is in flight when a cut is recorded."""

from __future__ import annotations

from cutpoint_simulations.world.history import REST, History
from cutpoint_simulations.world.world import HEADQUARTERS, Action

PAYMENT_IN_FLIGHT = History(
    names=("p", "q"),
    actions=(
        REST,
        Action("p", "open", key="q", number=1),
        REST,
        Action("p", "send", key="k1", number=2, amount=3),
        Action("p", "transmit", number=1),
        Action(HEADQUARTERS, "interval"),
        Action(HEADQUARTERS, "do next"),
        Action("q", "hear"),
        Action("q", "receive", number=1),
        Action("q", "take", key="k1", number=3),
    ),
)
"""The payment leaves p inside the cut, and q has recorded before it arrives."""
