"""The Loop against simloop, the other deterministic event loop for Python: equal programs, fresh processes in turn.

simloop needs Python 3.12. The ratio is of processor time, at most 1 is wanted: on simloop the streams are simloop's
own, here they are asyncio's on simulated sockets, and around the program is a process with clocks, files and chance.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.benchmarks.conftest import RecordAbsence, RecordRatio

ROUND_TRIPS = 10_000
ROUNDS = 9
NEWEST_FIRST = (14, 13, 12)
SIMLOOP = "simloop==0.2.2"
TITLES = {"streams": "loop_step_ratio", "queues": "loop_step_ratio: tasks and queues only"}


@pytest.fixture(scope="module")
def interpreter(pytestconfig: pytest.Config) -> Path | str:
    """A Python with simloop in it, or why there is none."""
    found = next((python for python in _pythons() if _is_new_enough(python)), None)
    if found is None:
        return "no Python >= 3.12 was found, neither this one, nor on the PATH, nor in ~/.pyenv/versions"
    folder = pytestconfig.rootpath / "build" / "loop-speed"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([found, "-m", "venv", "--clear", folder], check=True)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--editable", f"{pytestconfig.rootpath}[simulations]"], check=True)
    installed = subprocess.run([*pip, SIMLOOP], capture_output=True, text=True)
    return python if installed.returncode == 0 else f"simloop could not be installed: {installed.stderr.strip()[-300:]}"


def _pythons() -> Iterator[str]:
    yield sys.executable
    for minor in NEWEST_FIRST:
        on_path = shutil.which(f"python3.{minor}")
        if on_path is not None:
            yield on_path
        versions = Path.home() / ".pyenv" / "versions"
        yield from (str(found / "bin" / "python") for found in sorted(versions.glob(f"3.{minor}.*"), reverse=True))


def _is_new_enough(python: str) -> bool:
    """Not every name on the PATH leads to an interpreter that starts."""
    asked = subprocess.run(
        [python, "-c", "import sys, venv; sys.exit(sys.version_info < (3, 12))"], capture_output=True
    )
    return asked.returncode == 0


def _seconds(python: Path, script: str, root: Path) -> dict[str, float]:
    command: list[str | Path] = [python, "-m", f"tests.benchmarks.loop_speed.{script}", str(ROUND_TRIPS)]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return cast(dict[str, float], json.loads(ran.stdout))


def test_a_step_of_the_loop_against_one_of_simloop(
    interpreter: Path | str, pytestconfig: pytest.Config, record_ratio: RecordRatio, record_absence: RecordAbsence
) -> None:
    if isinstance(interpreter, str):
        for title in TITLES.values():
            record_absence(title, interpreter)
        return
    ratios: dict[str, list[float]] = {name: [] for name in TITLES}
    for _ in range(ROUNDS):
        ours = _seconds(interpreter, "on_cutpoint", pytestconfig.rootpath)
        theirs = _seconds(interpreter, "on_simloop", pytestconfig.rootpath)
        for name, found in ratios.items():
            found.append(ours[name] / theirs[name])
    for name, found in ratios.items():
        record_ratio(TITLES[name], statistics.median(found), (min(found), max(found)))
