"""The house: what the wheel holds, what a service loads, how the command ends, what `make` offers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.documented import environment

PACKAGES = {"cutpoint", "cutpoint_agents", "cutpoint_coordinator", "cutpoint_simulations"}
EXTRAS_ONLY = (
    *("click", "cryptography", "etcd3", "google.protobuf", "grpc", "hypothesis", "obstore", "opentelemetry"),
    *("prometheus_client", "rich"),
)


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without a network."""
    target = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target), folder=root)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands' folder of a fresh environment that has the wheel and no extra."""
    return fresh_environment(tmp_path_factory.mktemp("bare"), str(wheel))


def fresh_environment(folder: Path, *requirements: str) -> Path:
    run(sys.executable, "-m", "venv", str(folder))
    run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements)
    return folder / "bin"


def run(*command: str, folder: Path | None = None, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run ``command`` away from the checkout, and expect ``status``."""
    ended = subprocess.run(command, cwd=folder or os.sep, env=environment(), capture_output=True, text=True)
    assert ended.returncode == status, f"{command} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
    return ended


@pytest.mark.timeout(300)
def test_the_wheel_holds_the_four_packages_and_no_other_top_level_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == PACKAGES | {"cutpoint-0.1.0.dist-info"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)


@pytest.mark.timeout(300)
def test_a_service_that_wraps_its_channels_loads_none_of_the_extras(bare: Path) -> None:
    program = f"import cutpoint_agents, sys; print(*[name for name in {EXTRAS_ONLY!r} if name in sys.modules])"
    assert run(str(bare / "python"), "-c", program).stdout.split() == []


@pytest.mark.timeout(300)
def test_the_extras_are_not_installed_with_the_wheel(bare: Path) -> None:
    program = "import importlib.util, sys; print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])"
    extras = [name.split(".")[0] for name in EXTRAS_ONLY]
    assert run(str(bare / "python"), "-c", program, *extras).stdout.split() == []


@pytest.mark.timeout(300)
def test_without_extras_the_command_says_what_to_install(bare: Path) -> None:
    assert run(str(bare / "cutpoint"), "--version").stdout == "cutpoint 0.1.0\n"
    ended = run(str(bare / "cutpoint"), "points", status=2)
    assert ended.stderr == "cutpoint: error: the command line needs an extra: pip install 'cutpoint[coordinator]'\n"


@pytest.mark.timeout(600)
def test_the_coordinator_installs_beside_a_current_protobuf(
    root: Path, tmp_path: Path, documented: Callable[[str], str]
) -> None:
    commands = fresh_environment(tmp_path / "fresh", "protobuf>=6")
    ours = environment() | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    for command in (documented("pip install '.[coordinator]'"), "pip check", "cutpoint coordinator --help"):
        ended = subprocess.run(command, shell=True, cwd=root, env=ours, capture_output=True, text=True)
        assert ended.returncode == 0, f"{command}:\n{ended.stdout}{ended.stderr}"
    program = "import google.protobuf; print(google.protobuf.__version__)"
    assert int(run(str(commands / "python"), "-c", program).stdout.split(".")[0]) >= 6


def test_ci_runs_make_test_and_nothing_else(root: Path, documented: Callable[[str], str]) -> None:
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines() == [
        "#!/usr/bin/env bash",
        "set -euo pipefail",
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
        documented("make test"),
    ]


def test_make_offers_what_the_readme_promises(root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    assert {"demo", "test", "bench", "lint", "docs"} <= targets
    assert re.search(r"^test: lint ", makefile, re.MULTILINE), "`make test` includes `make lint`"


def test_make_refuses_a_python_that_is_too_old(root: Path, tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((root / "Makefile").read_bytes())
    (tmp_path / "pyproject.toml").touch()
    ended = run("make", "PYTHON=false", "lint", folder=tmp_path, status=2)
    assert "Cutpoint needs Python 3.11 or newer, and 'false' is not that" in ended.stderr
    assert not (tmp_path / ".venv").exists()
