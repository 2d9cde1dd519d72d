"""Memory between runs goes back to the system."""

from __future__ import annotations

from pathlib import Path

from cutpoint_simulations.runs.memory import give_back

KEPT = 100


def resident_kilobytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def test_what_is_free_between_what_is_kept_goes_back() -> None:
    before = resident_kilobytes()
    pieces = [bytes(1000) for _ in range(40_000)]
    kept = pieces[::KEPT]
    pieces.clear()
    scattered = resident_kilobytes()
    give_back()
    assert scattered - before > 20_000, "the C library keeps what is free by itself"
    assert resident_kilobytes() - before < 10_000
    assert len(kept) == 40_000 / KEPT
