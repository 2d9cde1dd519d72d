from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.store.compression import Compressor, expand, expand_at_most

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdCompressor
else:
    from backports.zstd import CompressionParameter, ZstdCompressor


@given(st.lists(st.binary(max_size=200).map(lambda piece: piece * 9), max_size=4))
def test_one_compressor_makes_frames_that_stand_alone(contents: list[bytes]) -> None:
    compressor = Compressor()
    frames = [compressor.compress(content) for content in contents]
    backwards = [expand(frame, len(content)) for frame, content in zip(frames[::-1], contents[::-1], strict=True)]
    assert backwards == contents[::-1]


@pytest.mark.parametrize("change", [-1, 1, -1000])
def test_a_frame_of_another_length_than_was_said_is_refused(change: int) -> None:
    frame = Compressor().compress(b"x" * 1000)
    with pytest.raises(ValueError, match="it expands to"):
        expand(frame, 1000 + change)


def test_a_bomb_yields_no_more_than_was_allowed() -> None:
    frame = Compressor().compress(bytes(50_000_000))
    assert len(frame) < 10_000
    with pytest.raises(ValueError, match="it expands to more than 1000 bytes"):
        expand_at_most(frame, 1000)


@pytest.mark.parametrize("frame", [b"", b"\x28\xb5\x2f\xfd", b"noise", b"\x28\xb5\x2f\xfd" + b"\xff" * 40])
def test_what_is_no_whole_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match=r"cannot be expanded|cut short"):
        expand_at_most(frame, 1000)


def test_two_frames_are_not_one() -> None:
    frame = Compressor().compress(b"x" * 1000)
    with pytest.raises(ValueError, match="or more follows"):
        expand(frame * 2, 1000)
    with pytest.raises(ValueError, match="or more follows"):
        expand(frame + b"\0", 1000)


def test_a_frame_that_demands_a_huge_window_is_refused() -> None:
    compressor = ZstdCompressor(
        options={CompressionParameter.window_log: 27, CompressionParameter.compression_level: 1}
    )
    frame = compressor.compress(b"x" * 200_000) + compressor.flush(ZstdCompressor.FLUSH_FRAME)
    with pytest.raises(ValueError, match="cannot be expanded"):
        expand_at_most(frame, 200_000)
