"""A history is told in words that somebody understands who knows cuts and markers, and nothing of the insides."""

from __future__ import annotations

import pytest

from cutpoint_simulations.world.history import REST, History, replay
from cutpoint_simulations.world.phrases import phrase
from cutpoint_simulations.world.schedule import numbered
from cutpoint_simulations.world.telling import COMPLAINT_MAX, told
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World
from tests.ablations import safeguards_out as out
from tests.simulations.world.histories import PAYMENT_IN_FLIGHT


def test_a_payment_in_flight_is_told_with_what_came_of_each_action() -> None:
    assert told(PAYMENT_IN_FLIGHT) == (
        "at the start: p and q",
        "everything that is under way happens",
        "p opens a session to q",
        "everything that is under way happens",
        "p sends 3 to q",
        "p puts on its connection to q: message 1 (3)",
        "the coordinator is asked for a cut",
        "the registry writes computation",
        "q hears from the coordinator: cut 1 begins: q recorded cut 1",
        "p's message 1 (3) arrives at q",
        "q receives message 1 (3) from p",
        "nothing fails any more: p recorded cut 1; cut 1 was published; p and q recorded cut 2; cut 2 was published",
        "verdict: all is well",
    )


def test_markers_kills_recoveries_and_losses_are_told() -> None:
    more = (
        *PAYMENT_IN_FLIGHT.actions,
        Action("p", "hear"),
        Action("p", "transmit", number=1),
        Action("q", "receive", number=1),
        REST,
        Action("q", "kill"),
        REST,
        Action(HEADQUARTERS, "registry fails"),
        Action(HEADQUARTERS, "kill"),
        Action("p", "sever", key="q"),
    )
    lines = told(History(names=("p", "q"), actions=more))
    assert lines[11:20] == (
        "p hears from the coordinator: cut 1 begins: p recorded cut 1",
        "p puts on its connection to q: marker of cut 1 (1 sent before it)",
        "p's marker of cut 1 (1 sent before it) arrives at q",
        "everything that is under way happens: cut 1 was published",
        "q is killed",
        "everything that is under way happens: q started again; p and q went back to cut 1",
        "the registry cannot be reached",
        "the coordinator is killed",
        "nothing that q says reaches p any more",
    )


def test_the_verdict_is_told_and_cut_short() -> None:
    class Stuck(World):
        def enabled(self, actor: str) -> list[Action]:
            return [action for action in super().enabled(actor) if action.kind != "persist"]

    *_, last = told(PAYMENT_IN_FLIGHT, build=lambda names: Stuck(names=names))
    assert last.startswith("verdict: progress: p: running incarnation 5 cut 5 captured")
    assert last.endswith(" ...")
    assert len(last) == len("verdict: ") + COMPLAINT_MAX + len(" ...")


def test_a_replay_that_fails_half_way_tells_what_was_before() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.begun_before_numbered(monkeypatch)
        lines = told(History(names=("p",), actions=(REST, Action(HEADQUARTERS, "interval"))))
    assert lines == (
        "at the start: p",
        "everything that is under way happens",
        "the coordinator is asked for a cut",
        "verdict: invariant: a cut was begun that has no number",
    )


@pytest.mark.parametrize("seed", range(24))
def test_there_are_words_for_everything_that_happens(seed: int) -> None:
    class Reader:
        def before(self, world: World, action: Action) -> None:
            if action.actor != "everybody":
                words = phrase(world, action)
                assert words != f"{action.actor}: {action.kind}", f"no words for {action}"
                assert "nobody" not in words, words

        def after(self, world: World, action: Action) -> None:
            return

    schedule = numbered(seed, storm=True)
    schedule.run()
    assert not replay(schedule.history(), observer=Reader()).verdict.failed
