from __future__ import annotations

import contextlib
import decimal
import enum
import math
import random
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError, CutpointError, Damaged
from cutpoint.state import FORMATS, Batch, apply_batch, chunked, decode_batches, encode_batch, format_named
from cutpoint.state.batches import FRAME_BYTES
from cutpoint.state.plain import encode_columns, encode_plain
from tests.state.test_plain import hashables, plain, same

MSGPACK = format_named("msgpack")


def decoded(name: str, *chunks: bytes) -> list[tuple[Any, ...]]:
    return [tuple(batch) for batch in decode_batches(format_named(name), chunks, "state 't'")]


def _holds_nan(key: Any) -> bool:
    if isinstance(key, tuple | frozenset):
        return any(map(_holds_nan, key))
    return bool(key != key)


def frame(content: Any) -> bytes:
    data = encode_plain(content)
    return len(data).to_bytes(4, "big") + data


# ------------------------------------------------------------------------------------------------------- round trips


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_batch_comes_back_in_every_format(name: str) -> None:
    batch = Batch(["a", 2], [1, ("b", 3), 2**70], [[1], {"x": (1, 2)}, None])
    assert decoded(name, encode_batch(format_named(name), batch, "state 't'")) == [tuple(batch)]


@given(st.lists(hashables, max_size=3), st.lists(st.tuples(hashables, plain), max_size=3))
def test_every_plain_entry_comes_back_the_same(gone: list[Any], pairs: list[tuple[Any, Any]]) -> None:
    batch = Batch(gone, [key for key, _ in pairs], [value for _, value in pairs])
    if any(map(_holds_nan, [*batch.gone, *batch.keys])):
        with pytest.raises(ConfigurationError, match="equal only to itself"):
            encode_batch(MSGPACK, batch, "state 't'")
        return
    ((*columns,),) = decoded("msgpack", encode_batch(MSGPACK, batch, "state 't'"))
    assert same(columns, [*batch])


@given(st.lists(plain, max_size=5))
def test_the_fast_way_to_bytes_is_the_slow_way(values: list[Any]) -> None:
    assert same(MSGPACK.decode(encode_columns([values]), "x"), [values])
    if not any(isinstance(value, set | frozenset | list | dict | tuple) for value in values):
        assert encode_columns([values]) == encode_plain([values])


def test_a_list_that_contains_itself_is_refused_with_its_key() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ConfigurationError, match=r"^state 't', key 'b' cannot be kept exactly as msgpack: .*itself"):
        encode_batch(MSGPACK, Batch([], ["a", "b"], [1, loop]), "state 't'")


@pytest.mark.parametrize("value", ["\ud800", {"x": ["\ud800"]}, {"\ud800": 1}])
def test_text_that_is_no_unicode_is_refused_with_its_key(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^state 't', key 'k' cannot .* lone surrogate"):
        encode_batch(MSGPACK, Batch([], ["a", "k"], [1, value]), "state 't'")


# ------------------------------------------------------------------------------------------------------------ frames


def test_a_batch_that_is_large_is_divided_into_frames_of_bounded_length() -> None:
    keys = [f"key {number}" for number in range(100)]
    batch = Batch(["gone"], keys, ["x" * 50_000 for _ in keys])
    data = encode_batch(MSGPACK, batch, "state 't'")
    found = decoded("msgpack", data)
    assert len(found) > 5
    assert max(sum(len(value) for value in values) for _gone, _keys, values in found) <= FRAME_BYTES
    assert [key for _gone, some, _values in found for key in some] == keys
    assert [gone for gone, _keys, _values in found if gone] == [["gone"]]


def test_a_single_entry_may_be_longer_than_a_chunk() -> None:
    data = encode_batch(MSGPACK, Batch([], ["k"], [b"x" * (3 * FRAME_BYTES)]), "state 't'")
    chunks = list(chunked([data], FRAME_BYTES))
    assert [len(chunk) <= FRAME_BYTES for chunk in chunks] == [True] * 4
    assert decoded("msgpack", *chunks) == [([], ["k"], [b"x" * (3 * FRAME_BYTES)])]


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_chunks_hold_the_frames_and_cut_none_that_is_not_too_long(frames: list[bytes], bytes_max: int) -> None:
    chunks = list(chunked(frames, bytes_max))
    assert b"".join(chunks) == b"".join(frames)
    assert all(0 < len(chunk) <= bytes_max for chunk in chunks)
    ends = {sum(map(len, chunks[: count + 1])) for count in range(len(chunks))}
    starts = {sum(map(len, frames[:count])) for count in range(len(frames) + 1)}
    if all(len(one) <= bytes_max for one in frames):
        assert ends <= starts


@given(st.integers(1, 40))
def test_frames_are_read_wherever_the_chunks_are_cut(bytes_max: int) -> None:
    frames = [encode_batch(MSGPACK, Batch([n], [n], [n]), "x") for n in range(10)]
    whole = b"".join(frames)
    chunks = [whole[at : at + bytes_max] for at in range(0, len(whole), bytes_max)]
    assert decoded("msgpack", *chunks) == [([n], [n], [n]) for n in range(10)]


def test_reading_holds_one_chunk_and_not_all() -> None:
    frames = (encode_batch(MSGPACK, Batch([], [n], [b"x" * 100_000]), "x") for n in range(200))
    tracemalloc.start()
    try:
        assert sum(1 for _ in decode_batches(MSGPACK, chunked(frames, 500_000), "x")) == 200
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


# ------------------------------------------------------------------------------------------------------ applying


def test_a_batch_removes_first_and_sets_then() -> None:
    content = {"a": 1, "b": 2, "c": 3}
    apply_batch(content, Batch(["a", "missing"], ["c", "a"], [4, 5]), "x")
    assert list(content.items()) == [("b", 2), ("c", 4), ("a", 5)]


# ------------------------------------------------------------------------------------------------------ hostile bytes


@pytest.mark.parametrize(
    "content",
    [None, 1, [], [[], []], [[], [], [], []], [[], [1], []], [[], {}, []], {"a": 1}, [None, [], []]],
)
def test_what_is_no_batch_is_damage(content: Any) -> None:
    with pytest.raises(Damaged, match="state 't' holds a batch that is none"):
        decoded("msgpack", frame(content))


@pytest.mark.parametrize("content", [[[[]], [], []], [[], [{}], [1]]])
def test_a_key_that_can_be_none_is_damage(content: Any) -> None:
    (batch,) = decode_batches(MSGPACK, [frame(content)], "state 't'")
    with pytest.raises(Damaged, match="state 't' holds a key that can be none"):
        apply_batch({1: 1}, batch, "state 't'")


@pytest.mark.parametrize("cut", [1, 3, 4, 5, -1])
def test_a_run_that_ends_early_is_damage(cut: int) -> None:
    whole = frame([[], [1], [1]])
    with pytest.raises(Damaged, match="state 't' ends in the middle of a batch"):
        decoded("msgpack", whole, whole[:cut])


def test_damage_of_any_kind_can_only_be_told() -> None:
    chances = random.Random(1)
    whole = b"".join(
        encode_batch(MSGPACK, Batch([n], [n, f"{n}"], [{"x": (n, 2**70)}, [decimal.Decimal(n)]]), "x") for n in range(4)
    )
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chances.randint(1, 3)):
            data[chances.randrange(len(data))] = chances.randrange(256)
        content: dict[Any, Any] = {}
        with contextlib.suppress(Damaged):
            for batch in decode_batches(MSGPACK, [bytes(data)], "x"):
                apply_batch(content, batch, "x")


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff\x93",
        b"\x00\x00\x00\x05\xdd\xff\xff\xff\xff",
        b"\x00\x00\x00\x06\x93\xdf\xff\xff\xff\xff",
        b"\x00\x00\x00\x06\x93\xc6\xff\xff\xff\xff",
        (1_000_000).to_bytes(4, "big") + b"\x91" * 1_000_000,
    ],
    ids=["long frame", "long list", "long map", "long text", "deep"],
)
def test_bytes_that_promise_much_take_little(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Damaged):
            decoded("msgpack", data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000


# ---------------------------------------------------------------------------------------------------------- keys


class Lonely:
    """Equal only to itself."""


class Friendly:
    """Equal to its copy."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Friendly)

    def __hash__(self) -> int:
        return 1


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize("name", ["pickle", "cloudpickle"])
@pytest.mark.parametrize("key", [Friendly(), Colour.RED, int, len, (1, Colour.RED), (1, (2, "x"))])
def test_keys_that_are_found_again_are_kept(name: str, key: Any) -> None:
    format_ = format_named(name)
    (batch,) = decode_batches(format_, [encode_batch(format_, Batch([key], [key], [1]), "x")], "x")
    assert batch == ([key], [key], [1])


@pytest.mark.parametrize("name", ["pickle", "cloudpickle"])
@pytest.mark.parametrize("key", [Lonely(), (1, Lonely()), math.nan, (1, (math.nan,))])
def test_keys_that_would_not_be_found_again_are_refused(name: str, key: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^state 't', key .* is equal only to itself"):
        encode_batch(format_named(name), Batch([], ["a", key], [1, 2]), "state 't'")


@pytest.mark.parametrize("key", [math.nan, decimal.Decimal("NaN"), (1, math.nan), frozenset([math.nan])])
def test_not_a_number_is_no_key(key: Any) -> None:
    for batch in (Batch([key], [], []), Batch([], [key], [1])):
        with pytest.raises(CutpointError, match="equal only to itself"):
            encode_batch(MSGPACK, batch, "state 't'")
