"""No bytes in a store make a reader execute, hang, or take much memory: each ends as an error that names the object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import hostile_parts

ROOT = Path(__file__).resolve().parents[2]
MEMORY_BYTES = 256 * 1024 * 1024
SECONDS = 20.0
"""The most processor time for one part, on a machine that does other things too."""


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", hostile_parts.__name__, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=True).stdout


def tried(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments))
    assert found["wrong"] == []
    assert found["peak_bytes"] < MEMORY_BYTES
    assert found["slowest"][1] < SECONDS
    return found


def test_every_flipped_bit_and_every_truncation_of_a_part_s_packs_is_found_or_harmless() -> None:
    found = tried("flipped")
    assert found["tried"] > 15_000
    assert 0 < found["read"] < found["tried"] / 2  # the first pack holds what the second part does not need


def test_heads_that_were_changed_in_any_way_are_damage_or_sound() -> None:
    found = tried("restructured")
    assert found["tried"] == 4000
    assert 0 < found["read"] < 400


def test_bombs_stay_small(tmp_path: Path) -> None:
    run("make", str(tmp_path))
    found = tried("read", str(tmp_path))
    assert found["tried"] == len(list(tmp_path.iterdir())) > 30
