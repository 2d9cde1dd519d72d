"""What cannot be replayed: one line each, that says whose fault it is and what to do."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest

from cutpoint.command import main
from cutpoint.errors import Damaged
from cutpoint.names import FIRST_INCARNATION, CutNumber, Life, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.consistency import certify
from cutpoint.protocol.coordinator_effects import WriteManifest
from cutpoint.protocol.cut_records import draft
from cutpoint.store import DirectoryBackend, KeyRing, PartWriter
from cutpoint_coordinator.publishing import write_manifest
from cutpoint_simulations.replay.point import open_point
from tests.simulations.replay import services

SERVICES = "tests.simulations.replay.services"


def refused(capsys: pytest.CaptureFixture[str], store: Path, app: str, point: str = "last") -> str:
    status = main(["replay", point, "--store", str(store), "--app", app, "--jobs", "1"])
    out, err = capsys.readouterr()
    assert status == 1, out
    assert err.startswith("cutpoint: error: ")
    assert err.count("\n") == 1
    return err.removeprefix("cutpoint: error: ").rstrip()


def test_a_store_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, tmp_path / "nowhere", f"{SERVICES}:race")
    assert error == f"there is no store at file://{tmp_path}/nowhere; nothing was read; correct --store"


def test_a_store_without_recovery_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, tmp_path, f"{SERVICES}:race")
    assert error == f"there is no recovery point in file://{tmp_path} yet; nothing was started; take a cut first"


def test_a_recovery_point_that_is_not_there(race_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, race_store, f"{SERVICES}:race", point="7")
    assert error.startswith("there is no recovery point 7 in ")


@pytest.mark.parametrize("point", ["latest", "0", "1.5", str(2**53)])
def test_what_is_no_number_of_a_recovery_point_is_told_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], point: str
) -> None:
    assert main(["replay", point, "--store", str(tmp_path), "--app", f"{SERVICES}:race"]) == 2
    assert capsys.readouterr().err == (
        f"cutpoint: error: Invalid value for 'N': {point!r} is neither the number of a recovery point, from 1 on, "
        "nor 'last'. See: cutpoint replay --help\n"
    )


def test_a_damaged_recovery_point(race_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    shutil.copytree(race_store, store)
    part = next(path for path in sorted((store / "packs").rglob("*")) if path.is_file())
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    found = [refused_or_replayed(capsys, store, point) for point in ("1", "2")]
    errors = [line for line in found if line]
    assert errors  # one for each recovery point that needs it
    for error in errors:
        assert " cannot be replayed: " in error
        assert part.name in error


def refused_or_replayed(capsys: pytest.CaptureFixture[str], store: Path, point: str) -> str:
    main(["replay", point, "--store", str(store), "--app", f"{SERVICES}:race", "--jobs", "1"])
    return capsys.readouterr().err


def test_a_process_of_the_recovery_point_that_the_services_lack(
    race_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, race_store, f"{SERVICES}:race_without_the_press")
    assert error == (
        "recovery point 2 of computation simulated needs press, and "
        f"{SERVICES}:race_without_the_press starts no process of that name; the store was not changed; declare what "
        "is missing, with the name that its Agent was given when the cut was recorded"
    )


def test_a_schema_that_does_not_fit(race_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, race_store, f"{SERVICES}:race_of_another_schema")
    assert error.startswith(
        "recovery point 2 of computation simulated was not restored: board does not fit recovery point 2: state 'won' "
        "was recorded with version 1, this program has version 2 and no migration from version 1"
    )


def test_a_service_that_fails_at_its_start(race_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, race_store, f"{SERVICES}:race_that_stumbles")
    assert "board of " in error
    assert "KeyError: 'no such thing'" in error


@pytest.mark.parametrize(
    ("app", "complaint"),
    [
        ("services", "it is not of the form module:factory"),
        ("no_such_module:declare", "there is no module no_such_module"),
        (f"{SERVICES}:nothing", f"there is no nothing in {SERVICES}"),
        (f"{SERVICES}:LAPS", "LAPS is int"),
    ],
)
def test_services_that_are_not_found(
    app: str, complaint: str, race_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = refused(capsys, race_store, app)
    assert error.startswith(f"--app {app} names no services: {complaint}; nothing was started; ")


def test_a_factory_that_fails(race_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(capsys, race_store, f"{SERVICES}:fails")
    assert error.startswith(f"{SERVICES}:fails cannot declare its services (ZeroDivisionError: division by zero, at ")
    assert error.endswith(f"services.py:{_line_of('assert 1 / 0')} in fails); nothing was run; correct it")


def _line_of(text: str) -> int:
    lines = Path(services.__file__).read_text(encoding="utf-8").splitlines()
    return 1 + next(number for number, line in enumerate(lines) if line.strip() == text)


def test_a_diagram_that_cannot_be_written_is_noticed_before_anything_runs(
    race_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = str(tmp_path / "future.pdf")
    arguments = ["replay", "last", "--store", str(race_store), "--app", f"{SERVICES}:race", "--draw", drawing]
    assert main(arguments) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "is neither an .svg nor an .html" in err


def pickled_store(folder: Path, keys: KeyRing, bomb: bytes) -> None:
    """A sound, signed recovery point whose one state is pickled."""
    backend, process, cut = DirectoryBackend(folder), ProcessName("racer"), CutNumber(1)
    writer = PartWriter(
        backend,
        process=process,
        life=Life("x"),
        incarnation=FIRST_INCARNATION,
        cut=cut,
        computation="default",
        era=CutNumber(0),
        base=None,
    )
    writer.begin_state("held", "value", 1, "pickle")
    writer.add_content(bomb)
    writer.end_state()
    summary = writer.finish((), (), 0.0)
    certificate = certify(
        computation="default", cut=cut, incarnation=FIRST_INCARNATION, members=(process,), summaries=(summary,)
    )
    assert isinstance(certificate, Certificate)
    point = draft(certificate, parent=CutNumber(0), parts=(summary,), left=(), duration_seconds=0.1)
    effect = WriteManifest(point=point, certificate=certificate, parts=(summary,))
    write_manifest(backend, effect, keys, created="2026-11-23T12:00:00+00:00")


class Bomb:
    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


def test_pickled_state_that_nobody_vouches_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys, others = KeyRing.generate(), KeyRing.generate()
    keys.public().save(tmp_path / "public.json")
    others.public().save(tmp_path / "others.json")
    pickled_store(tmp_path / "store", keys, pickle.dumps(Bomb(tmp_path / "somebody ran the bomb")))
    error = refused(capsys, tmp_path / "store", f"{SERVICES}:race")
    assert error == (
        "state 'held' of racer in recovery point 1 is kept as pickle, and reading that runs what its bytes say; "
        "nothing was started; give the keys that verify who has written it: --keys public.json"
    )
    with pytest.raises(Damaged, match="not authentic"):
        open_point(str(tmp_path / "store"), None, KeyRing.load(tmp_path / "others.json"))
    assert open_point(str(tmp_path / "store"), None, KeyRing.load(tmp_path / "public.json")).cut == 1
    assert not (tmp_path / "somebody ran the bomb").exists()
