"""Machines of users: three bugs are found and told, a sound version passes, and what users do wrong is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from aiohttp import web
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import rule

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint_agents import Agent
from cutpoint_simulations.diagrams import choose_diagram_folder
from cutpoint_simulations.kit import Cluster, ClusterMachine, Fault, Recorded, SimulationFailed, looking
from tests.simulations.kit.shops import PRICE, Shops, create_till, declare

SHRINK_SECONDS = 4
"""Enough for what is asserted here; a user has more patience."""

AT_ONCE = (hypothesis.Phase.generate,)


@pytest.fixture(autouse=True)
def diagrams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Diagrams of this module's failures go here."""
    monkeypatch.setattr(looking, "SHRINK_SECONDS", SHRINK_SECONDS)
    choose_diagram_folder(tmp_path)
    yield tmp_path
    choose_diagram_folder(None)


def failure_of(machine: type[ClusterMachine], **settings: Any) -> BaseException:
    """What the machine's test case raises."""
    machine.TestCase.settings = hypothesis.settings(machine.TestCase.settings, **settings)
    with pytest.raises(Exception) as raised:
        machine.TestCase().runTest()
    return raised.value


def begin_and_wait(machine: type[ClusterMachine]) -> None:
    """A printed history."""
    with machine() as state:
        state.begins(seed=0)
        state.time_passes(seconds=0.5)


def note_of(error: BaseException) -> str:
    return "\n".join(error.__notes__)


# --------------------------------------------------------------------------------------------- bugs that are found


class Paused(Shops):
    flaw = "pause"
    kinds = ()


class Forgetful(Shops):
    flaw = "outside"
    kinds = ("kill",)


class Impatient(Shops):
    flaw = "again"
    kinds = ("pause", "hold", "delay")


def test_an_await_between_the_debit_and_the_send_is_found_and_told(diagrams: Path) -> None:
    failure = failure_of(Paused)
    assert isinstance(failure, SimulationFailed)
    told = str(failure).splitlines()
    assert told[0] == "money is kept: there is 995, and there should be 1000"
    assert told[2].startswith("Recovery point ")
    assert told[3].startswith("  purse: money = ")
    assert told[4].startswith("  till: payments = ")
    assert "What happened with seed 0:" in told
    assert any("purse sends to till: " in " ".join(line.split()) for line in told)
    page = diagrams / f"{__name__}.Paused.html"
    assert f"As a diagram: {page}" in told
    assert "<svg" in page.read_text(encoding="utf-8")
    assert note_of(failure).splitlines()[:5] == [
        "The shortest history that was found, as a test to keep:",
        "",
        "def test_paused_again():",
        "    with Paused() as state:",
        "        state.begins(seed=0)",
    ]


def test_state_that_the_agent_does_not_know_is_found_by_a_kill() -> None:
    failure = failure_of(Forgetful)
    assert isinstance(failure, SimulationFailed)
    assert str(failure).startswith("numbers have no gap: payment ")
    assert "state.trouble_begins(fault=Fault(kind='kill', target=" in note_of(failure)
    assert "test to keep (import Fault from cutpoint_simulations.kit):" in note_of(failure)


def test_a_payment_that_is_sent_again_when_its_receipt_is_late_is_found() -> None:
    failure = failure_of(Impatient)
    assert isinstance(failure, SimulationFailed)
    assert str(failure).startswith("money is kept: there is 10")


def test_the_sound_services_pass() -> None:
    class Sound(Shops):
        pass

    looking.look(Sound, hypothesis.settings(Sound.TestCase.settings, max_examples=4, stateful_step_count=6))


def test_a_printed_history_is_a_test_that_fails_again() -> None:
    with pytest.raises(SimulationFailed, match="money is kept"):
        begin_and_wait(Paused)


def test_a_printed_history_passes_once_the_bug_is_gone() -> None:
    with Shops() as state:
        state.begins(seed=0)
        state.time_passes(seconds=0.5)
        state.trouble_begins(fault=Fault(kind="kill", target="purse", seconds=0.1))


# -------------------------------------------------------------------------------------------------- rules of users


class Visited(Shops):
    """Somebody looks into the till, and somebody kills it."""

    kinds = ()
    seen: tuple[int, ...] = ()

    @rule(often=st.integers(1, 3))
    def visit_the_till(self, often: int) -> None:
        for _ in range(often):
            self.time_passes(seconds=0.5)
            answer = self.visit("till", "/sum", lambda response: response.text())
            if answer is not None:
                total = json.loads(answer)["sum"]
                assert total % PRICE == 0
                self.seen = (*self.seen, total)

    @rule()
    def kill_the_till(self) -> None:
        self.cluster.services["till"].kill()

    @rule()
    def stop_the_purse(self) -> None:
        self.strike("pause", "purse", seconds=0.2)


def test_rules_of_a_users_own_visit_and_kill_services() -> None:
    looking.look(Visited, hypothesis.settings(Visited.TestCase.settings, max_examples=3, stateful_step_count=5))
    with Visited() as state:
        state.begins(seed=1)
        state.visit_the_till(often=2)
        state.kill_the_till()
        state.visit_the_till(often=1)
        assert state.cluster.services["till"].life == 2
        assert state.visit("till", "/nothing", lambda response: response.text()) == "404: Not Found"
        state.kill_the_till()
        assert state.visit("till", "/sum", lambda response: response.text()) is None
    assert 0 < state.seen[0] < state.seen[1]


def test_a_rule_that_fails_by_itself_is_told_with_its_story(diagrams: Path) -> None:
    class Strict(Shops):
        kinds = ()

        @rule()
        def expects_wonders(self) -> None:
            assert self.cluster.services["till"].life == 7

    failure = failure_of(Strict, max_examples=10, phases=AT_ONCE)
    assert type(failure) is AssertionError
    notes = note_of(failure)
    assert "What happened with seed 0:" in notes
    assert f"As a diagram: {diagrams}" in notes
    assert "        state.expects_wonders()" in notes.splitlines()


def test_a_rule_without_a_cluster_says_what_to_write() -> None:
    with pytest.raises(UsageError, match="Shops has not begun yet; nothing was run; use @rule"):
        Shops().visit("till", "/sum", lambda response: response.text())


# ------------------------------------------------------------------------------------------- what users get wrong


def test_a_machine_without_services_says_what_to_override() -> None:
    class Empty(ClusterMachine):
        pass

    failure = failure_of(Empty, max_examples=1, phases=AT_ONCE)
    assert type(failure) is UsageError
    assert "Empty declares no services" in str(failure)


def test_a_declaration_that_declares_nothing_is_refused() -> None:
    class Nothing(ClusterMachine):
        def declare(self, cluster: Cluster) -> None:
            pass

    failure = failure_of(Nothing, max_examples=1, phases=AT_ONCE)
    assert type(failure) is ConfigurationError
    assert "Nothing declares no services" in str(failure)


def test_a_declaration_that_fails_is_told_with_its_error() -> None:
    class Broken(ClusterMachine):
        def declare(self, cluster: Cluster) -> None:
            raise KeyError("till")

    failure = failure_of(Broken, max_examples=1, phases=AT_ONCE)
    assert "Broken cannot declare its services (KeyError: 'till'" in str(failure)
    assert type(failure.__cause__) is KeyError


def test_a_kind_of_faults_that_there_is_not_is_named() -> None:
    class Misspelt(Shops):
        kinds = ("kil",)

    assert "there is no kind of faults called 'kil'" in str(failure_of(Misspelt, max_examples=1, phases=AT_ONCE))


def test_an_invariant_that_raises_is_told_with_its_line() -> None:
    def cannot(point: Recorded) -> str | None:
        return point.states["shop"]["till"]  # type: ignore[no-any-return]

    class Unsure(Shops):
        kinds = ()

        def declare(self, cluster: Cluster) -> None:
            super().declare(cluster)
            cluster.invariant("something", cannot)

    told = str(failure_of(Unsure, max_examples=1, phases=AT_ONCE))
    assert told.startswith(
        "something: cannot be evaluated: KeyError: 'shop', at tests/simulations/kit/test_machine.py:"
    )
    assert told.splitlines()[0].endswith(".cannot")


def test_a_service_that_fails_at_its_start_is_told_with_its_line() -> None:
    def fails() -> Any:
        raise ValueError("no such currency")

    class Stillborn(ClusterMachine):
        def declare(self, cluster: Cluster) -> None:
            declare(cluster)
            cluster.service("bank", fails)

    told = str(failure_of(Stillborn, max_examples=1, phases=AT_ONCE)).splitlines()[0]
    assert told.startswith(
        "unforeseen: bank ended with ValueError: ValueError: no such currency, at tests/simulations/"
    )
    assert told.endswith(".fails")


def test_a_handler_that_fails_and_a_task_that_fails_are_told_with_their_lines() -> None:
    def careless() -> web.Application:
        agent = Agent("bank", coordinator=["http://coordinator:7420"])

        async def handler(request: web.Request) -> web.Response:
            raise LookupError("no such account")

        @agent.task
        async def interest() -> None:
            if fails_itself:
                raise ZeroDivisionError("no accounts")

        app = web.Application()
        app.router.add_get("/", handler)
        app.cleanup_ctx.append(agent.context)
        return app

    class Careless(ClusterMachine):
        def declare(self, cluster: Cluster) -> None:
            cluster.service("bank", careless)

    def told() -> str:
        with Careless() as state:
            state.begins(seed=0)
            state.time_passes(seconds=0.5)
            state.visit("bank", "/", lambda response: response.text())
        return ""

    here = "at tests/simulations/kit/test_machine.py:"
    fails_itself = False
    with pytest.raises(SimulationFailed, match=f"(?m)^unforeseen: bank: .*LookupError: no such account, {here}"):
        told()
    fails_itself = True
    with pytest.raises(SimulationFailed, match=f"(?m)^unforeseen: bank: interest failed: .*no accounts.*{here}"):
        told()


def test_something_real_is_refused_with_the_line_that_asked() -> None:
    def spawns() -> Any:
        import subprocess

        subprocess.run(["true"])
        return create_till(coordinator=[])

    class Real(ClusterMachine):
        def declare(self, cluster: Cluster) -> None:
            declare(cluster)
            cluster.service("bank", spawns)

    told = str(failure_of(Real, max_examples=1, phases=AT_ONCE)).splitlines()[0]
    assert told.startswith("refused: a child process, asked for at tests/simulations/kit/test_machine.py:")


# ------------------------------------------------------------------------------------------------------ Hypothesis


def test_settings_of_a_users_own_are_heeded_and_need_no_patience() -> None:
    @hypothesis.settings(max_examples=2, stateful_step_count=2, deadline=1)
    class Short(Shops):
        kinds = ()

    assert Short.TestCase.settings.max_examples == 2
    Short.TestCase().runTest()


def test_two_machines_in_one_module_have_settings_and_names_of_their_own() -> None:
    assert Paused.TestCase is not Impatient.TestCase
    assert Paused.TestCase.__name__ == "Paused.TestCase"
    Paused.TestCase.settings = hypothesis.settings(Paused.TestCase.settings, print_blob=False)
    assert Paused.TestCase.settings is not Impatient.TestCase.settings


def test_a_shorter_history_is_looked_for_only_for_a_while() -> None:
    limits: list[int] = []

    class Watched(Shops):
        kinds = ()

        def declare(self, cluster: Cluster) -> None:
            super().declare(cluster)
            limits.append(engine.MAX_SHRINKING_SECONDS)

    usual = engine.MAX_SHRINKING_SECONDS
    looking.look(Watched, hypothesis.settings(max_examples=1, stateful_step_count=2))
    assert set(limits) == {SHRINK_SECONDS}
    assert usual == engine.MAX_SHRINKING_SECONDS


def test_the_simplest_histories_are_tried_before_another_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def found_with_many_faults(*_: object) -> None:
        raise SimulationFailed("money is kept: after five faults")

    monkeypatch.setattr(looking, "look", found_with_many_faults)
    with pytest.raises(SimulationFailed, match="there is 995") as caught:
        Paused.TestCase().runTest()
    assert "state.begins(seed=0)\n        state.time_passes(seconds=" in caught.value.__notes__[0]
    with pytest.raises(SimulationFailed, match="after five faults"):
        Impatient.TestCase().runTest()


def test_a_search_for_a_shorter_history_is_cut_short_after_so_many_runs_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = 3
    counted: list[int] = []

    class Wrong(Shops):
        kinds = ()

        @rule(numbers=st.lists(st.integers(0, 1000)))
        def goes_wrong(self, numbers: list[int]) -> None:
            counted.append(1)
            assert sum(numbers) < 600

    monkeypatch.setattr(looking, "SHRINK_RUNS", runs)
    monkeypatch.setattr(looking, "SHRINK_SECONDS", 500)
    usual = engine.ConjectureRunner.test_function
    few = hypothesis.settings(max_examples=30, stateful_step_count=5, database=None, derandomize=True)
    with pytest.raises(AssertionError) as caught:
        looking.look(Wrong, few)
    said = f"Shorter ones were looked for in {runs} runs: not necessarily the shortest." in caught.value.__notes__
    assert said
    assert len(counted) < 300
    assert engine.ConjectureRunner.test_function is usual


@pytest.mark.parametrize("missing", ["the limit", "its module"])
def test_a_hypothesis_without_that_limit_runs_machines_too(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(Shops):
        kinds = ()

    if missing == "the limit":
        monkeypatch.setattr(looking, "_LIMIT", "NOT_THERE_ANY_MORE")
    else:
        monkeypatch.setattr(looking, "_ENGINE", "hypothesis.not_there_any_more")
    Short.TestCase.settings = hypothesis.settings(max_examples=2, stateful_step_count=2)
    Short.TestCase().runTest()
    assert not hasattr(engine, "NOT_THERE_ANY_MORE")


def test_ctrl_c_ends_a_machine_at_once() -> None:
    class Interrupted(Shops):
        kinds = ()

        @rule()
        def somebody_presses_ctrl_c(self) -> None:
            raise KeyboardInterrupt

    Interrupted.TestCase.settings = hypothesis.settings(Interrupted.TestCase.settings, max_examples=5)
    with pytest.raises(KeyboardInterrupt):
        Interrupted.TestCase().runTest()


async def test_a_machine_runs_inside_a_running_loop() -> None:
    with pytest.raises(SimulationFailed, match="money is kept"):
        begin_and_wait(Paused)
