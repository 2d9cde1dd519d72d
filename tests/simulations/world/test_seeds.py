"""Every seed that ever failed, each with what it found. They run as they were run then."""

from __future__ import annotations

import pytest

from cutpoint_simulations.world.schedule import Schedule, numbered

COLD = {
    44: "a Hello was accepted by a process that had asked to leave",
    84: "a restored session forgot that its acceptor might not know it",
    178: "a restored process had an acknowledgement from after its cut",
    330: "a session was tried again while its process was on hold",
    1665: "a session that was closed before the recovery was taken for a new one of the same name",
}

NUMBERED = {
    27: "an acceptor never learnt that a session which had ended inside the cut was over",
    54: "a name was given again while the initiator still listed the session that had it",
    174: "a session that keeps no order took the name of a restored one that does",
    468: "a session that keeps no order took the name of a restored one that does",
    247: "a cut waited for a session that its acceptor, outside the cut, went on refusing",
    534: "a lost Welcome to a restored session could never be repeated",
    622: "a session ended while the acceptor waited for the initiator's marker",
    732: "a lost Welcome to a restored session held a cut up for ever",
    936: "a session whose acceptor had ended it inside the cut was opened again for ever",
    758: "a lost Welcome to a restored session held a cut up for ever",
    819: "a process that had not been admitted yet refused its peers for good",
    1854: "a name was given again while a part of the open cut had the old session",
    1864: "a name was given again while a part of the open cut had the old session",
}


@pytest.mark.parametrize("seed", COLD, ids=lambda seed: f"{seed}: {COLD[seed]}")
def test_a_cold_schedule_that_once_failed_is_safe_and_makes_progress(seed: int) -> None:
    assert Schedule(seed=seed, processes=2 + seed % 9, steps=400).run().published > 0


@pytest.mark.parametrize("seed", NUMBERED, ids=lambda seed: f"{seed}: {NUMBERED[seed]}")
def test_a_numbered_schedule_that_once_failed_is_safe_and_makes_progress(seed: int) -> None:
    assert numbered(seed).run().published > 0
