"""``cutpoint simulate``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cutpoint.command import main
from cutpoint_simulations.commands.simulate import BANK
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from tests.docs.documented import ROOT

RERUNS = 100
SERVICES = "tests.simulations.runs.services"
CARELESS = ("--app", f"{SERVICES}:careless", "--until", "1")


def simulate(*arguments: str) -> int:
    return main(["simulate", *arguments])


def reports(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def elsewhere(hash_seed: str, *arguments: str) -> str:
    """What a process of its own prints, whose sets and dicts of strings have another order."""
    done = subprocess.run(
        [sys.executable, "-m", "cutpoint", "simulate", *arguments],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return done.stdout


def test_every_seed_has_a_hash_of_its_own_and_the_same_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--seed", "5", "--seeds", "3", "--json")
    assert simulate(*arguments) == 0
    here = capsys.readouterr().out
    assert len({report["hash"] for report in reports(here)}) == 3
    assert elsewhere("random", *arguments) == here


def test_a_seed_has_the_same_hash_a_hundred_times_and_in_every_process(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--seed", "4", "--until", "0.5", "--json")
    with SUBSTITUTED:
        assert {simulate(*arguments) for _ in range(RERUNS)} == {0}
    printed = capsys.readouterr().out.splitlines(keepends=True)
    assert len(printed) == RERUNS
    (always,) = {*printed}
    (report,) = reports(always)
    assert sum(report["counts"]["faults"].values()) == 1
    assert report["counts"]["published"] >= 2
    assert {elsewhere(hash_seed, *arguments) for hash_seed in ("0", "1", "2", "random")} == {always}


def test_json_is_one_object_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--seed", "7", "--faults", "kill", "--json") == 0
    (report,) = reports(capsys.readouterr().out)
    assert (report["seed"], report["verdict"], report["violations"]) == (7, "sound", [])
    assert report["counts"]["published"] >= 3
    assert {fault["kind"] for fault in report["plan"]} == {"kill"}


def test_several_jobs_print_the_same_in_some_order(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--seeds", "4", "--until", "1", "--json")
    assert simulate(*arguments) == 0
    alone = sorted(capsys.readouterr().out.splitlines())
    assert simulate(*arguments, "--jobs", "2") == 0
    assert sorted(capsys.readouterr().out.splitlines()) == alone


def test_a_sound_run_is_told_with_its_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--seed", "5", "--faults", "skew") == 0
    printed = capsys.readouterr().out
    assert "the wall clock of" in printed
    assert "hash sha256:" in printed
    assert printed.endswith("all is well\n")


def test_a_failure_is_shrunk_told_and_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert simulate(*CARELESS, "--seeds", "4", "--draw", str(tmp_path / "run.html")) == 1
    printed = capsys.readouterr().out
    assert "money: there are 199, not 200" in printed
    assert "fails with 0 of its" in printed
    assert "there are 199, not 200" in (tmp_path / "run.html").read_text(encoding="utf-8")


def test_a_failure_that_is_not_shrunk_is_told_as_it_was(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert simulate(*CARELESS, "--seeds", "4", "--json", "--no-shrink", "--draw", str(tmp_path / "run.svg")) == 1
    printed = capsys.readouterr()
    assert len(reports(printed.out)) == 4
    assert "there are 199, not 200" in printed.err
    assert (tmp_path / "run.svg").exists()


def test_a_run_without_faults_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--no-faults", "--until", "1", "--coordinators", "2") == 0
    assert "no faults\n" in capsys.readouterr().out


def test_the_kinds_of_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--faults", "list") == 0
    assert "\nkill-in-write " in capsys.readouterr().out


@pytest.mark.parametrize(
    "option",
    [
        ("--app", BANK),
        ("--seed", "0"),
        ("--seeds", "4"),
        ("--jobs", "2"),
        ("--until", "2"),
        ("--faults", "kill"),
        ("--no-faults",),
        ("--coordinators", "1"),
        ("--draw", "run.svg"),
        ("--shrink",),
        ("--no-shrink",),
    ],
    ids=lambda option: option[0],
)
def test_an_exhaustive_search_takes_no_option_that_it_would_not_heed(
    option: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in ((*option, "--exhaustive", "pair-1"), ("--exhaustive", "pair-1", "--json", *option)):
        assert simulate(*arguments) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err == (
            "cutpoint: error: --exhaustive has neither seeds nor services, "
            f"and {option[0]} means nothing to it; nothing was searched. See: cutpoint simulate --help\n"
        )


def test_an_exhaustive_search_prints_what_it_has_covered(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("--exhaustive", "pair-1", "--json") == 0
    (coverage,) = reports(capsys.readouterr().out)
    assert coverage["finding"] is None


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (
            ["--faults", "kill,rain"],
            2,
            "there is no kind of faults called 'rain'; nothing was run; choose from delay, ",
        ),
        (["--faults", "kill", "--no-faults"], 2, "--faults and --no-faults contradict each other"),
        (["--app", "nowhere:declare"], 1, "there is no module nowhere; nothing was started; "),
        (["--app", f"{SERVICES}:nobody"], 1, f"there is no nobody in {SERVICES}; nothing was started; "),
        (
            ["--app", f"{SERVICES}:broken"],
            1,
            "cannot declare its services (KeyError: 'no such price', at ",
        ),
        (["--draw", "run.png"], 1, "run.png is neither an .svg nor an .html; nothing was started; "),
        (["--exhaustive", "universe"], 2, "there is no configuration 'universe'; nothing was searched; choose from "),
        (["--until", "0"], 2, "--until"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(
    arguments: list[str], status: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(*arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("cutpoint: error: ")
    assert complaint in printed.err
    assert printed.err.count("\n") == 1
