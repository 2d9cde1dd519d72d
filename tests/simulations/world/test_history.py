"""A run is its processes and its actions: replayed, it is the same, and what is not possible any more is left out."""

from __future__ import annotations

import msgspec
import pytest

from cutpoint_simulations.world import verdict
from cutpoint_simulations.world.history import HEAL, REST, History, fitted, replay
from cutpoint_simulations.world.schedule import numbered
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World
from tests.ablations import safeguards_out as out
from tests.ablations.ablation import unordered
from tests.simulations.world.histories import PAYMENT_IN_FLIGHT


class Listing:
    """Everything that an observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Action]] = []

    def before(self, world: World, action: Action) -> None:
        self.told.append(("before", action))

    def after(self, world: World, action: Action) -> None:
        self.told.append(("after", action))


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("storm", [False, True], ids=["usual faults", "storm"])
def test_a_replay_takes_every_action_of_the_run_and_comes_to_the_same_recovery_points(seed: int, storm: bool) -> None:
    schedule = numbered(seed, steps=200, storm=storm)
    outcome = schedule.run()
    history = schedule.history()
    replayed = replay(history, heals=False)
    late = [a for a in history.actions if a.kind == "deadline"]
    assert [a for a in history.actions if a not in replayed.taken and a not in late] == []
    assert not replayed.verdict.failed
    assert replayed.world.durable.published == schedule.world.durable.published
    assert len(replayed.world.durable.published) == outcome.published


def test_a_history_has_one_verdict_and_one_end() -> None:
    schedule = numbered(3, steps=150)
    schedule.run()
    first, second = replay(schedule.history()), replay(schedule.history())
    assert (first.verdict, first.taken, first.steps) == (second.verdict, second.taken, second.steps)
    assert first.world.describe() == second.world.describe()
    assert len(first.world.durable.published) > len(schedule.world.durable.published), "it demands another cut"


def test_a_schedule_that_fails_fails_again_when_it_is_replayed() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.no_dedup_on_resume(monkeypatch)
        schedule = unordered(1)
        found = verdict.of(schedule.run)
        assert found.check == "money"
        replayed = replay(schedule.history())
        assert (replayed.verdict, replayed.taken) == (found, schedule.history().actions)
        assert not replayed.healing, "it failed before anything was to heal"


def test_a_history_is_stored_as_json() -> None:
    stored = PAYMENT_IN_FLIGHT.to_json()
    assert History.from_json(stored) == PAYMENT_IN_FLIGHT
    assert stored.startswith(b'{"names":["p","q"],"actions":[["everybody","rest","",0,0,0],["p","open","q",1,0,0]')
    with pytest.raises(msgspec.ValidationError):
        History.from_json(b'{"names": "p"}')


def test_what_is_not_possible_is_left_out_and_the_rest_happens() -> None:
    actions = [action for action in PAYMENT_IN_FLIGHT.actions if action.kind != "open"]
    replayed = replay(History(names=("p", "q"), actions=tuple(actions)))
    assert [action.kind for action in replayed.taken] == ["rest", "rest", "interval", "do next", "hear"]
    assert not replayed.verdict.failed


def test_what_is_new_keeps_its_number_when_something_before_it_is_left_out() -> None:
    history = History(
        names=("p", "q"),
        actions=(REST, Action("p", "open", key="q", number=7), REST, Action("p", "send", key="k7", number=9, amount=1)),
    )
    replayed = replay(history, heals=False)
    assert replayed.taken == history.actions
    assert list(replayed.world.participants["p"].keys) == ["k7"]
    assert replayed.world.participants["p"].sent == {"m9:1"}
    given = replayed.world.apply(Action("q", "open", key="p"))
    assert given.number > 9, "numbers that are given are not those of the history"


def test_as_much_happens_as_there_is() -> None:
    schedule = replay(PAYMENT_IN_FLIGHT, heals=False)
    world = schedule.world
    assert fitted(world, Action("p", "send", key="k1", amount=1000)) == Action("p", "send", key="k1", amount=97)
    assert fitted(world, Action("p", "send", key="k9", amount=1)) is None
    assert fitted(world, Action("j1", "join")) == Action("j1", "join")
    assert fitted(world, Action("p", "join")) is None
    assert fitted(world, Action(HEADQUARTERS, "deadline", number=5)) == Action(HEADQUARTERS, "deadline", number=1)
    world.apply(Action(HEADQUARTERS, "kill"))
    assert fitted(world, Action(HEADQUARTERS, "interval")) is None


def test_an_observer_sees_rest_and_healing_around_what_they_consist_of() -> None:
    listing = Listing()
    replayed = replay(History(names=("p",), actions=(REST,)), observer=listing)
    assert listing.told[0] == ("before", REST)
    assert listing.told[1] == ("before", Action("p", "connect"))
    assert listing.told[-1] == ("after", HEAL)
    assert listing.told.count(("after", REST)) == 1
    assert len(listing.told) == 2 * (replayed.steps + 2)


def test_without_progress_the_verdict_says_so_and_that_it_was_the_healing_that_failed() -> None:
    class Stuck(World):
        def enabled(self, actor: str) -> list[Action]:
            return [action for action in super().enabled(actor) if action.kind != "persist"]

    replayed = replay(PAYMENT_IN_FLIGHT, build=lambda names: Stuck(names=names))
    assert replayed.verdict.check == "progress"
    assert replayed.healing


def test_a_verdict_names_what_failed_whatever_was_raised() -> None:
    def assertion() -> None:
        raise AssertionError("two and two")

    assert verdict.of(lambda: None) == verdict.Verdict()
    assert str(verdict.of(lambda: None)) == "all is well"
    assert verdict.of(assertion) == verdict.Verdict(check="invariant", complaint="invariant: two and two")
    assert verdict.of(lambda: int("one")).complaint.startswith("error: ValueError: invalid literal")
