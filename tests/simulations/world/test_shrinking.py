"""A failure is shrunk to the actions that it takes, and fails in the same way; what does not fail is not shrunk."""

from __future__ import annotations

import pytest

from cutpoint_simulations.world import verdict
from cutpoint_simulations.world.history import REST, History, replay
from cutpoint_simulations.world.schedule import numbered
from cutpoint_simulations.world.shrinking import shrink
from cutpoint_simulations.world.telling import report
from cutpoint_simulations.world.world import HEADQUARTERS, Action
from tests.ablations import safeguards_out as out
from tests.ablations.ablation import unordered
from tests.simulations.world.histories import PAYMENT_IN_FLIGHT


def test_a_history_that_does_not_fail_is_not_shrunk() -> None:
    with pytest.raises(ValueError, match="nothing to shrink: the history ends with all is well"):
        shrink(PAYMENT_IN_FLIGHT)
    with pytest.raises(ValueError, match="nothing to shrink"):
        shrink(PAYMENT_IN_FLIGHT, same=lambda found: found.check == "money")


def test_what_is_left_fails_in_the_same_way_and_every_action_of_it_counts() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.no_recording_of_what_arrives_late(monkeypatch)
        schedule = numbered(2)
        found = verdict.of(schedule.run)
        shrunk = shrink(schedule.history())
        assert (found.check, shrunk.verdict.check) == ("sound", "sound")
        assert replay(shrunk.history).verdict == shrunk.verdict
        actions = shrunk.history.actions
        for index, action in enumerate(actions):
            less = (*actions[:index], *actions[index + 1 :])
            again = replay(History(names=shrunk.history.names, actions=less)).verdict
            assert again.check != "sound", f"{action} was not needed"
    assert len(shrunk.history.names) == 2
    assert shrunk.before == len(schedule.history().actions) > 10 * len(actions)
    assert max(action.amount for action in actions) == 1, "amounts are made small"


def test_mechanics_are_replaced_by_rest() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.members_are_those_who_answered(monkeypatch)
        schedule = numbered(17)
        verdict.of(schedule.run)
        shrunk = shrink(schedule.history())
    kinds = [action.kind for action in shrunk.history.actions]
    assert kinds == ["rest", "open", "interval", "lose control"]
    assert shrunk.history.actions[0] == REST


def test_the_budget_of_replays_is_kept_and_what_was_found_by_then_is_given() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.no_dedup_on_resume(monkeypatch)
        schedule = unordered(1)
        found = verdict.of(schedule.run)
        assert found.failed
        shrunk = shrink(schedule.history(), replays_max=10)
        assert shrunk.replays == 10
        assert replay(shrunk.history).verdict.check == found.check


def test_a_shrunk_history_is_told_line_by_line() -> None:
    history = History(names=("p",), actions=(REST, Action(HEADQUARTERS, "interval"), Action(HEADQUARTERS, "do next")))
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.begun_before_numbered(monkeypatch)
        told = report(shrink(history))
    assert told.splitlines() == [
        "3 actions shrunk to 0 in 2 replays",
        "     at the start: p",
        "  1  nothing fails any more: p went back to the beginning",
        "     verdict: invariant: a cut was begun that has no number",
    ]
