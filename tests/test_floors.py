"""The import rules have teeth: one import that climbs, in a copy of the code, and `make lint` complains about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDERS = ("cutpoint", "agents", "coordinator", "simulations")


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("cutpoint/protocol/numbers.py", "import time", "cutpoint.protocol is not allowed to import time"),
        ("cutpoint/wire/checks.py", "import cutpoint.store", "cutpoint.wire is not allowed to import cutpoint.store"),
        ("cutpoint/store/digests.py", "import grpc", "cutpoint is not allowed to import grpc"),
        ("cutpoint/stray.py", '"""No floor."""', "- cutpoint.stray"),
        (
            "agents/cutpoint_agents/settings.py",
            "import cutpoint_coordinator",
            "cutpoint_agents is not allowed to import cutpoint_coordinator",
        ),
        (
            "coordinator/cutpoint_coordinator/registry/__init__.py",
            "import cutpoint_simulations",
            "cutpoint_coordinator is not allowed to import cutpoint_simulations",
        ),
    ],
)
def test_an_import_that_climbs_is_named(root: Path, tmp_path: Path, module: str, line: str, complaint: str) -> None:
    shutil.copy(root / "pyproject.toml", tmp_path)
    for folder in FOLDERS:
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "data"))
    with (tmp_path / module).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    path = os.pathsep.join(str(tmp_path / folder) for folder in (".", *FOLDERS[1:]))
    ended = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.returncode, complaint in ended.stdout) == (1, True), ended.stdout
