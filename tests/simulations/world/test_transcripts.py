"""Every history in which a storm once failed, shrunk, with what it found. They are replayed as they were then.

A seed depends on the odds with which a schedule draws its faults, and a history on nothing.
"""

from __future__ import annotations

import pytest

from cutpoint_simulations.world.history import REST, History, replay
from cutpoint_simulations.world.schedule import numbered
from cutpoint_simulations.world.world import HEADQUARTERS, Action
from tests.ablations.safeguards_out import a_doubled_hello_confirms

STORMS = {
    1892: "a process had left and was gone before a cut took leave of it: the oracle took what it had sent for orphans"
}

TRANSCRIPTS = {
    "a Hello that came twice was taken for a sign that the Welcome had come, and a message was lost": History(
        names=("p1", "p2", "p8"),
        actions=(
            REST,
            Action("p8", "open", key="p1", number=5, pick=1),
            Action("p8", "transmit", number=5),
            Action("p1", "duplicate", number=5),
            Action("p1", "receive", number=5),
            Action("p1", "send", key="k5", number=8, amount=1),
            Action("p8", "open", key="p2", number=22),
            Action("p1", "receive", number=5),
            Action(HEADQUARTERS, "interval"),
            Action("p8", "drop", number=5),
        ),
    ),
    "a Hello that came twice was taken for a sign that the Welcome had come, and a cut waited for a message": History(
        names=("p2", "p4"),
        actions=(
            REST,
            Action(HEADQUARTERS, "interval"),
            Action(HEADQUARTERS, "do next"),
            Action("p2", "hear"),
            Action("p4", "open", key="p2", number=8, pick=1),
            Action("p4", "transmit", number=8),
            Action("p2", "duplicate", number=8),
            Action("p2", "receive", number=8),
            Action("p4", "open", key="p2", number=12),
            Action("p2", "send", key="k8", number=40, amount=1),
            Action("p2", "receive", number=8),
            Action("p4", "receive", number=8),
            Action("p4", "receive", number=8),
        ),
    ),
}


@pytest.mark.parametrize("seed", STORMS, ids=lambda seed: f"{seed}: {STORMS[seed]}")
def test_a_storm_that_once_failed_is_safe_and_makes_progress(seed: int) -> None:
    assert numbered(seed, storm=True).run().published > 0


@pytest.mark.parametrize("found", TRANSCRIPTS)
def test_a_history_that_once_failed_is_safe_and_makes_progress(found: str) -> None:
    replayed = replay(TRANSCRIPTS[found])
    assert str(replayed.verdict) == "all is well"
    assert "duplicate" in [action.kind for action in replayed.taken]


@pytest.mark.parametrize("found", TRANSCRIPTS)
def test_without_what_was_mended_it_would_fail_again(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a_doubled_hello_confirms(monkeypatch)
    assert replay(TRANSCRIPTS[found]).verdict.failed
