from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.store.chunks import CONTENT_RAW_MAX, CONTENT_RAW_MIN, chunk_id, cut_content

LONG = random.Random(1).randbytes(4_000_000)


def pieces(content: bytes) -> list[bytes]:
    return [bytes(piece) for piece in cut_content(content)]


@given(st.binary(max_size=300), st.sampled_from([1, 300, 1000, 10_000]))
def test_the_chunks_of_a_content_are_the_content(content: bytes, times: int) -> None:
    cut = pieces(content * times)
    assert b"".join(cut) == content * times
    assert all(0 < len(piece) <= CONTENT_RAW_MAX for piece in cut)
    assert all(len(piece) >= CONTENT_RAW_MIN for piece in cut[:-1])


def test_what_is_short_stays_whole_and_nothing_has_no_chunks() -> None:
    assert pieces(b"") == []
    assert pieces(LONG[:CONTENT_RAW_MIN]) == [LONG[:CONTENT_RAW_MIN]]


@pytest.mark.parametrize("at", [0, 1_500_000, 3_999_999])
def test_a_change_in_a_long_content_leaves_nearly_all_of_its_chunks_as_they_were(at: int) -> None:
    before = set(map(chunk_id, pieces(LONG)))
    after = list(map(chunk_id, pieces(LONG[:at] + b"inserted" + LONG[at:])))
    assert len(before) > 8
    assert sum(name not in before for name in after) <= 2


def test_a_content_that_never_changes_its_mind_is_cut_at_the_longest() -> None:
    assert [len(piece) for piece in pieces(bytes(3 * CONTENT_RAW_MAX))] == [CONTENT_RAW_MAX] * 3
