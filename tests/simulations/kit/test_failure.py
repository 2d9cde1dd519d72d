from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint_simulations.diagrams import choose_diagram_folder, diagram_folder
from cutpoint_simulations.faults import Fault
from cutpoint_simulations.kit.failure import WIDTH, draw, headline, say
from cutpoint_simulations.kit.looking import as_test
from cutpoint_simulations.oracles import Violation
from cutpoint_simulations.trace import Entry, Recorder, Trace

MONEY = Violation(
    oracle="invariant", complaint="money is kept:\nthere is 995", cut=3, evidence=("purse: money = 995", "x" * 500)
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    choose_diagram_folder(tmp_path)
    return tmp_path


def trace() -> Trace:
    recorder = Recorder(title="shops", seed=7, unit="s", processes=("purse",))
    for number in range(40):
        recorder.append(Entry(at=float(number), process="purse", kind="note", text=f"thing {number}"))
    return recorder.trace(verdict="invariant: cut 3: money is kept")


def test_the_complaint_comes_first_then_the_evidence_the_story_and_the_page(folder: Path) -> None:
    told = say([MONEY], trace(), title="test_shops.py::test_money[seed 7]").splitlines()
    assert told[:4] == ["money is kept: there is 995", "", "Recovery point 3 holds:", "  purse: money = 995"]
    assert told[4] == f"  {'x' * (WIDTH - 3)}..."
    assert told[6:9] == [
        "What happened with seed 7:",
        "  (10 earlier entries are left out)",
        "  11  10.000 s  purse  thing 10",
    ]
    assert told[-1] == f"As a diagram: {folder / 'test_shops.py-test_money-seed-7.html'}"
    assert (folder / "test_shops.py-test_money-seed-7.html").exists()


def test_the_faults_that_it_takes_are_told_and_how_to_run_it_again() -> None:
    plan = (Fault(kind="kill", target="purse", at=1.5, seconds=0.2),)
    told = say([MONEY], trace(), title="shops", plan=plan, again="pytest test_shops.py").splitlines()
    assert told[told.index("It takes these faults:") + 1] == "    1.500 s  kill -9 of purse, back after 0.2 s"
    assert "Run it again: pytest test_shops.py" in told
    assert "It takes no faults." in say([MONEY], trace(), title="shops", plan=())


def test_the_users_own_invariants_speak_for_themselves_and_oracles_say_who_they_are() -> None:
    assert headline(MONEY) == "money is kept: there is 995"
    assert headline(Violation(oracle="progress", complaint="nothing came")) == "progress: nothing came"


def test_a_diagram_that_cannot_be_written_hides_nothing(folder: Path) -> None:
    (folder / "file").touch()
    choose_diagram_folder(folder / "file")
    assert say([MONEY], trace(), title="shops").startswith("money is kept: there is 995\n")
    assert draw(trace(), "shops").startswith("none could be written (")


def test_diagrams_go_to_the_folder_for_temporary_files_if_nobody_says_anything() -> None:
    choose_diagram_folder(None)
    assert diagram_folder().name == "cutpoint-diagrams"


def test_a_history_is_told_as_a_test() -> None:
    assert as_test("TillAndPurse", ["state.begins(seed=0)", "state.trouble_begins(fault=Fault(kind='kill'))"]) == (
        "The shortest history that was found, as a test to keep (import Fault from cutpoint_simulations.kit):\n"
        "\n"
        "def test_till_and_purse_again():\n"
        "    with TillAndPurse() as state:\n"
        "        state.begins(seed=0)\n"
        "        state.trouble_begins(fault=Fault(kind='kill'))\n"
    )
