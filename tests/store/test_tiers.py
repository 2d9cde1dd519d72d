"""Which runs are merged: few are left, little is written twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cutpoint.store.chunks import Run
from cutpoint.store.tiers import TIERS, Merge, merge_due


def run(length: int) -> Run:
    return Run(kind="delta", chunks=(), entries=length, raw_bytes=length)


def merged(runs: list[Run], merge: Merge) -> list[Run]:
    """Merging shortens nothing here: every key is another one."""
    return [*runs[: merge.first], run(sum(each.raw_bytes for each in runs[merge.first : merge.last]))]


def test_a_base_alone_and_a_few_deltas_are_left_alone() -> None:
    assert merge_due([run(1000)]) is None
    assert merge_due([run(1000), run(10), run(10), run(10)]) is None


def test_deltas_of_a_similar_length_are_merged_and_a_long_one_before_them_is_not() -> None:
    assert merge_due([run(10_000), run(10), run(10), run(10), run(10)]) == Merge(first=1, last=5)
    assert merge_due([run(10_000), run(900), run(10), run(10), run(10), run(10)]) == Merge(first=2, last=6)


def test_the_base_is_written_anew_once_the_changes_are_half_as_long() -> None:
    assert merge_due([run(1000), run(200), run(100), run(100), run(100)]) == Merge(first=0, last=5)
    assert merge_due([run(1000), run(200), run(100), run(100), run(99)]) != Merge(first=0, last=5)


@given(st.integers(1_000, 1_000_000), st.lists(st.integers(1, 2_000), min_size=1, max_size=300))
def test_there_are_never_many_runs_and_each_byte_is_written_a_few_times(base: int, changes: list[int]) -> None:
    runs, written = [run(base)], 0
    for length in changes:
        runs.append(run(length))
        if merge := merge_due(runs):
            runs = merged(runs, merge)
            written += runs[-1].raw_bytes
        assert len(runs) <= TIERS.deltas_max
    rounds = sum(changes) / (base * 0.5) + 1
    assert written <= sum(changes) * 16 + rounds * 3 * (base + sum(changes))


def test_a_thousand_equal_deltas_are_written_about_log_times() -> None:
    runs, written = [run(10_000_000)], 0
    for _ in range(1000):
        runs.append(run(100))
        if merge := merge_due(runs):
            runs = merged(runs, merge)
            written += runs[-1].raw_bytes
    assert len(runs) < 14
    assert written < 1000 * 100 * 8
