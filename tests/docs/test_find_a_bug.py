"""The guide's walk, as a newcomer walks it: in a fresh environment, from the failure to the fix."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.documented import Documentation, environment, fenced

PAGE = "docs/guides/find-a-bug.md"
EXAMPLE = Path("docs", "examples", "wallets")
SECONDS_MOST = 60


class Newcomer:
    """Types commands into a folder that has the example's files and nothing else."""

    def __init__(self, folder: Path, commands: Path) -> None:
        self.folder = folder
        self.env = environment() | {"PATH": f"{commands}{os.pathsep}{environment()['PATH']}"}

    def types(self, command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, shell=True, cwd=folder or self.folder, env=self.env, capture_output=True, text=True
        )


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands' folder of a fresh environment."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run(["python3", "-m", "venv", str(folder)], check=True, env=environment())
    return folder / "bin"


@pytest.fixture
def newcomer(commands: Path, root: Path, tmp_path: Path) -> Newcomer:
    for name in ("wallets.py", "test_wallets.py"):
        shutil.copy(root / EXAMPLE / name, tmp_path)
    return Newcomer(tmp_path, commands)


def fix(root: Path, file: Path) -> None:
    """Apply the page's diff to ``file``."""
    (diff,) = [body for _, info, body in fenced((root / PAGE).read_text(encoding="utf-8")) if info.startswith("diff")]
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines if not line.startswith("-"))
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def shown_on_the_page(documentation: Documentation) -> dict[str, str]:
    """The files that the reader is told to save."""
    return {program.name: program.text for program in documentation.programs if program.page == PAGE and program.name}


def test_the_guide_shows_the_example_as_it_is(root: Path, documentation: Documentation) -> None:
    shown = shown_on_the_page(documentation)
    files = {path.name: path.read_text(encoding="utf-8") for path in (root / EXAMPLE).glob("*.py")}
    assert files.keys() == {"wallets.py", "test_wallets.py"}
    assert {name: shown[name] for name in files} == files


@pytest.mark.timeout(600)
def test_a_newcomer_finds_the_bug_within_a_minute_and_mends_it(
    newcomer: Newcomer, root: Path, documented: Callable[[str], str], record_count: Callable[[str, object], None]
) -> None:
    installed = newcomer.types(documented("pip install '.[simulations]' pytest"), root)
    assert installed.returncode == 0, installed.stdout + installed.stderr

    began = time.monotonic()
    found = newcomer.types(documented("pytest test_wallets.py"))
    seconds = time.monotonic() - began
    assert found.returncode == 1, found.stdout + found.stderr
    assert seconds < SECONDS_MOST
    record_count("seconds in which a newcomer's test finds the planted bug", f"{seconds:.1f}")
    expect_a_readable_failure(found.stdout)
    left = {path.name for path in newcomer.folder.iterdir()} - {"wallets.py", "test_wallets.py"}
    assert left <= {".hypothesis", ".pytest_cache", "__pycache__"}

    fix(root, newcomer.folder / "wallets.py")
    mended = newcomer.types("pytest test_wallets.py")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    simulated = newcomer.types(documented("cutpoint simulate --app test_wallets:declare --seeds 10"))
    assert simulated.returncode == 0, simulated.stdout + simulated.stderr
    assert simulated.stdout.splitlines()[-1].startswith("10 runs, ")
    assert simulated.stdout.splitlines()[-1].endswith(", 0 runs failed")


@pytest.mark.timeout(300)
def test_the_ways_to_go_on_work_as_they_are_shown(root: Path, documentation: Documentation, tmp_path: Path) -> None:
    for name, text in shown_on_the_page(documentation).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    fix(root, tmp_path / "wallets.py")
    reader = Newcomer(tmp_path, Path(sys.executable).parent)
    ended = reader.types("pytest test_visitors.py test_seeds.py test_plans.py --cutpoint-seeds 2 -k 'not TestWallets'")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 4 passed" in ended.stdout


def expect_a_readable_failure(printed: str) -> None:
    """In this order, and without a line of Cutpoint's or Hypothesis's own code."""
    begins = (
        "E   cutpoint_simulations.kit.SimulationFailed: money is kept: there is 995, and there should be 1000",
        "Recovery point ",
        "purse: money = ",
        "shop: till = ",
        "What happened with seed 0:",
        "As a diagram: ",
        "The shortest history that was found, as a test to keep",
        "def test_wallets_again():",
        "with Wallets() as state:",
        "state.begins(seed=0)",
        "state.time_passes(seconds=",
    )
    lines = iter(line.strip() for line in printed.splitlines())
    missing = [begin for begin in begins if not any(line.startswith(begin) for line in lines)]
    assert missing == [], printed
    assert "state.trouble_" not in printed  # it takes no faults
    assert "site-packages" not in printed
    assert len(printed.splitlines()) < 80
    (diagram,) = [line.split(": ", 1)[1] for line in printed.splitlines() if line.strip().startswith("As a diagram: ")]
    assert "<svg" in Path(diagram).read_text(encoding="utf-8")


@pytest.mark.timeout(300)
def test_the_example_in_the_checkout_fails_as_the_readme_says(
    root: Path, documented: Callable[[str], str], tmp_path: Path
) -> None:
    command = documented("cd docs/examples/wallets && pytest test_wallets.py")
    shutil.copytree(root / EXAMPLE, tmp_path / EXAMPLE, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)  # whose options for pytest are those of Cutpoint's own tests
    ended = subprocess.run(command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    expect_a_readable_failure(ended.stdout)
