"""Random schedules in the pure core: every published cut carries a valid certificate and stands before the oracle.

All of them, and longer series, run with ``python -m cutpoint_simulations.world``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cutpoint_simulations.world.__main__ import main
from cutpoint_simulations.world.schedule import numbered
from cutpoint_simulations.world.series import Totals, run, run_in_parallel
from tests.ablations.safeguards_out import no_recording_of_what_arrives_late

CHUNK = 250


@pytest.mark.parametrize("first", range(0, 2000, CHUNK))
def test_two_thousand_schedules_of_up_to_ten_processes(first: int, record_count: Callable[[str, object], None]) -> None:
    totals = run(range(first, first + CHUNK), processes=10, steps=250)
    record_count(f"schedules {first} to {first + CHUNK - 1}", totals)
    assert totals.failures == ()
    assert totals.published > CHUNK, "hardly a cut was published"
    assert min(totals.abandoned, totals.recoveries, totals.in_flight) > 0, "nothing has happened"


@pytest.mark.parametrize("first", range(0, 600, 200))
def test_six_hundred_storms_in_which_everything_fails_that_can(
    first: int, record_count: Callable[[str, object], None]
) -> None:
    totals = run(range(first, first + 200), processes=10, steps=400, storm=True)
    record_count(f"storms {first} to {first + 199}", totals)
    assert totals.failures == ()
    assert min(totals.published, totals.abandoned, totals.recoveries, totals.in_flight) > 50, "little has happened"


@pytest.mark.parametrize("seed", range(6))
def test_schedules_of_a_hundred_processes(seed: int, record_count: Callable[[str, object], None]) -> None:
    totals = run([seed], processes=100, steps=6000)
    record_count(f"schedule {seed} of 100 processes", totals)
    assert totals.failures == ()
    assert totals.in_flight > 0, "the first cut is taken while everybody pays"


def test_the_same_seed_gives_the_same_run() -> None:
    assert numbered(7).run() == numbered(7).run()


def test_a_series_says_the_same_on_one_core_and_on_two() -> None:
    alone = sum(run_in_parallel(range(12), processes=4, steps=100, jobs=1), Totals())
    together = sum(run_in_parallel(range(12), processes=4, steps=100, jobs=2), Totals())
    assert alone == together
    assert alone == run(range(12), processes=4, steps=100)


def test_the_command_prints_the_totals_of_a_series(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "5", "--processes", "3", "--steps", "50"]) == 0
    totals = run(range(5), processes=3, steps=50)
    assert capsys.readouterr().out.startswith(f"{totals} (")


def test_the_command_tells_the_shortest_history_of_the_first_schedule_that_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_recording_of_what_arrives_late(monkeypatch)
    assert main(["--seeds", "4", "--processes", "3", "--steps", "100", "--storm"]) == 1
    told = capsys.readouterr()
    assert "schedules failed" in told.out
    assert re.search(r"seed \d: \d+ actions shrunk to \d+ in \d+ replays", told.err)
    assert re.search(r"\n {5}at the start: p\d and p\d\n  1  ", told.err)
    assert told.err.rstrip().splitlines()[-1].startswith("     verdict: sound: cut ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seeds", "0"], "argument --seeds: 0 is not positive"),
        (["--processes", "1"], "argument --processes: it takes two processes to have a channel"),
        (["--steps", "many"], "argument --steps: invalid _positive value: 'many'"),
    ],
)
def test_the_command_refuses_what_it_cannot_run(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
