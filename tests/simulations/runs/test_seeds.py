"""Every run that ever failed, with what it had found: the seed, and the faults that it had drawn.

What a seed draws changes with every new kind of faults; so the faults stand here. All of these runs are sound now.
"""

from __future__ import annotations

import pytest

from cutpoint_simulations.faults import Fault, Plan
from cutpoint_simulations.runs import BANK, run

FOUND: dict[str, tuple[int, Plan]] = {
    "a shuffled task was stepped before the callback that hands it its socket": (24, ()),
    "a process that a recovery point does not know goes back to it with nothing, and that is right": (
        136,
        (
            Fault(kind="partition", at=0.721, target="trieste,vienna", other="coordinator,prague", seconds=0.479),
            Fault(kind="kill", at=1.122, target="prague", seconds=0.08),
        ),
    ),
    "the coordinator called it unforeseen that an agent reset its connection in the handshake": (
        251,
        (Fault(kind="kill", at=0.106, target="trieste", seconds=0.022),),
    ),
    "a payment was never booked: the third channel with its label, restored, was not gone on with": (
        2065,
        (
            Fault(kind="power", at=2.972, target="machine", seconds=0.358),
            Fault(kind="power", at=3.503, target="machine", seconds=0.321),
        ),
    ),
}


@pytest.mark.parametrize("found", FOUND)
def test_a_run_that_failed_once_is_sound(found: str) -> None:
    seed, plan = FOUND[found]
    assert run(seed, BANK, plan=plan).verdict == ""
