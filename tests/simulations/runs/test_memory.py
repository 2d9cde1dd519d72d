"""Memory between runs goes back to the system."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from pathlib import Path
from cutpoint_simulations.runs.memory import give_back

def resident_kilobytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4

before = resident_kilobytes()
pieces = [bytes(1000) for _ in range(40_000)]
kept = pieces[::100]
pieces.clear()
scattered = resident_kilobytes()
give_back()
print(scattered - before, resident_kilobytes() - before)
"""


def test_what_is_free_between_what_is_kept_goes_back() -> None:
    """In a process of its own: what another test left free would be filled first."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=100)
    scattered, left = map(int, done.stdout.split())
    assert scattered > 20_000, "the C library keeps what is free by itself"
    assert left < 10_000
