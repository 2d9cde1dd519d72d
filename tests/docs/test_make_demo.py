from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.documented import environment


@pytest.mark.timeout(600)
def test_make_demo_ends_exact_and_says_so_in_its_report(root: Path, documented: Callable[[str], str]) -> None:
    (root / "build" / "demo.json").unlink(missing_ok=True)
    ended = subprocess.run(
        documented("make demo"), shell=True, cwd=root, env=environment(), capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads((root / "build" / "demo.json").read_text(encoding="utf-8"))
    assert (report["exact"], report["lost"], report["doubled"]) == (True, 0, 0)
