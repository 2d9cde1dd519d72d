"""``cutpoint replay`` as people type it, over recordings that were made in the simulator."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cutpoint.command import main
from tests.docs.documented import environment

SERVICES = "tests.simulations.replay.services"


def replay(store: Path, app: str, *options: str, point: str = "last") -> int:
    return main(["replay", point, "--store", str(store), "--app", app, *options])


def replay_json(capsys: pytest.CaptureFixture[str], store: Path, app: str, *options: str) -> tuple[int, dict[str, Any]]:
    status = replay(store, app, "--json", *options)
    return status, json.loads(capsys.readouterr().out)


def test_money_is_conserved_in_twenty_futures_of_a_bank(bank_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = replay_json(
        capsys, bank_store, "cutpoint_simulations.bank:declare", "--seeds", "20", "--until", "1", "--jobs", "2"
    )
    assert status == 0
    assert report["point"]["in_flight"] > 0
    assert [(future["seed"], future["complaint"]) for future in report["futures"]] == [(n, "") for n in range(1, 21)]
    assert len({future["trace"] for future in report["futures"]}) == 20
    assert all(future["messages"] > 50 for future in report["futures"])


def test_a_service_that_minds_the_order_diverges_and_the_first_divergence_is_named(
    race_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = replay(race_store, f"{SERVICES}:race", "--seeds", "3", "--jobs", "1", point="1")
    out, err = capsys.readouterr()
    assert status == 1
    lines = out.splitlines()
    assert lines[0].startswith("Recovery point 1 of computation simulated: 4 processes, ")
    start = next(n for n, line in enumerate(lines) if line.startswith("Seeds 1 and 2 end differently, in "))
    assert lines[start + 1].startswith("  board, won, key ")
    first = next(n for n, line in enumerate(lines) if line.startswith("First divergence: "))
    assert re.fullmatch(r"First divergence: the \d+(st|nd|rd|th) message that board took", lines[first])
    for line, seed in ((lines[first + 1], 1), (lines[first + 2], 2)):
        assert line.startswith(f"  seed {seed} ")
        assert '->board:laps, {"lap": ' in line
    assert lines[first + 1].split("message")[1] != lines[first + 2].split("message")[1]
    assert lines[first + 3].startswith("Then: what board sent as message ")
    assert lines[first + 3].endswith(" of board->press:news")
    assert err.count("\n") == 1
    assert err.startswith(
        "cutpoint: error: the futures of recovery point 1 do not all end the same: 2 of 3 end otherwise than seed 1; "
        "first divergence: the "
    )


def test_a_service_that_does_not_mind_the_order_ends_the_same_on_every_seed(
    fair_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = replay(fair_store, f"{SERVICES}:fair_race", "--seeds", "4", "--jobs", "1", "--messages")
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert "4 futures came to rest in the same end: sha256:" in out
    assert "Their messages agree in everything that is compared." in out


def test_the_same_seed_is_the_same_future_in_every_process_and_with_every_hash_seed(
    race_store: Path, root: Path
) -> None:
    said = []
    for hash_seed, jobs in (("1", "1"), ("2", "2")):
        command = ["cutpoint", "replay", "last", "--store", str(race_store), "--app", f"{SERVICES}:race", "--json"]
        ended = subprocess.run(
            [*command, "--seeds", "2", "--jobs", jobs],
            cwd=root,
            env={**environment(), "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
        )
        said.append(json.loads(ended.stdout))
    assert said[0] == said[1]


def test_futures_that_are_stopped_at_work_are_not_compared(
    race_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = replay(race_store, f"{SERVICES}:race", "--seeds", "2", "--until", "0.2", "--jobs", "1")
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert "Seeds 1, 2 were still at work after 0.2 virtual seconds: what they had come to is not compared." in out


def test_states_that_may_differ_can_be_left_out(race_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--seeds", "3", "--jobs", "1", "--ignore")
    assert replay(race_store, f"{SERVICES}:race", *options, "won") == 0
    assert replay(race_store, f"{SERVICES}:race", *options, "board:won") == 0
    assert replay(race_store, f"{SERVICES}:race", *options, "press:won") == 1
    assert capsys.readouterr().err == (
        "cutpoint: error: --ignore press:won: recovery point 2 of computation simulated has no such state; nothing was "
        "started; it has anna:laps, board:won, boris:laps, press:news\n"
    )


def test_an_invariant_that_does_not_hold_at_the_end_is_the_complaint(
    fair_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report = replay_json(capsys, fair_store, f"{SERVICES}:unhappy_race", "--until", "30", "--jobs", "1")
    assert status == 1
    assert [future["complaint"] for future in report["futures"]] == ["invariant: cut 6: laps: only 60 laps were run"]


def test_an_invariant_that_the_recovery_point_itself_breaks_is_the_complaint(
    fair_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, report = replay_json(capsys, fair_store, f"{SERVICES}:race_against_a_rule", "--jobs", "1")
    assert status == 1
    assert [future["complaint"] for future in report["futures"]] == ["invariant: cut 2: no laps: somebody has run"]


def test_a_handler_that_fails_is_the_complaint(fair_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = replay_json(capsys, fair_store, f"{SERVICES}:race_that_breaks_down", "--jobs", "1")
    assert status == 1
    (complaint,) = [future["complaint"] for future in report["futures"]]
    assert complaint.startswith("unforeseen: board: Error handling request from ")
    assert ": ValueError: lap 26 is too much" in complaint


def test_who_is_not_in_the_recovery_point_begins_anew_and_is_named(
    fair_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = replay(fair_store, f"{SERVICES}:race_with_a_judge", "--jobs", "1")
    out, err = capsys.readouterr()
    assert (status, err) == (0, "")
    assert "judge is not in the recovery point: it began anew.\n" in out


def test_cuts_go_on_if_asked_for(fair_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = replay_json(capsys, fair_store, f"{SERVICES}:fair_race", "--interval", "0.2", "--jobs", "1")
    assert status == 0
    assert report["futures"][0]["cuts"] > 5


def test_a_future_can_be_drawn(race_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawing = tmp_path / "future.svg"
    assert replay(race_store, f"{SERVICES}:race", "--draw", str(drawing), "--jobs", "1") == 0
    text = drawing.read_text(encoding="utf-8")
    assert "A future of recovery point 2 of computation simulated" in text
    assert "anna" in text


def test_the_store_is_only_read(race_store: Path) -> None:
    def listing() -> list[tuple[str, int, int]]:
        found = [Path(folder, name) for folder, _, names in os.walk(race_store) for name in names]
        return sorted((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in found)

    before = listing()
    assert replay(race_store, f"{SERVICES}:race", "--jobs", "1", "--json") == 0
    assert listing() == before
