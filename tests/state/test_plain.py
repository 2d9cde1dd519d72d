from __future__ import annotations

import collections
import contextlib
import datetime
import decimal
import enum
import math
import zoneinfo
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.state.plain import DEPTH_MAX, NotPlain, decode_plain, encode_plain

offsets = st.timedeltas(min_value=datetime.timedelta(hours=-23), max_value=datetime.timedelta(hours=23))
zones = (
    st.none() | st.builds(datetime.timezone, offsets) | st.just(datetime.timezone(datetime.timedelta(hours=1), "CET"))
)
folds = st.integers(0, 1)


@st.composite
def datetimes(draw: st.DrawFn) -> datetime.datetime:
    return draw(st.datetimes()).replace(tzinfo=draw(zones), fold=draw(folds))


@st.composite
def times(draw: st.DrawFn) -> datetime.time:
    return draw(st.times()).replace(tzinfo=draw(zones), fold=draw(folds))


hashable_atoms = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 2**200, -(2**200)])
    | st.floats()
    | st.text()
    | st.binary()
    | datetimes()
    | times()
    | st.dates()
    | st.timedeltas()
    | st.decimals().filter(lambda number: not number.is_snan())  # a signalling NaN cannot be hashed
    | st.sampled_from(
        [decimal.Decimal("-0"), decimal.Decimal("1.500"), decimal.Decimal("NaN123"), decimal.Decimal("1E+99")]
    )
    | st.uuids()
)
hashables = st.recursive(
    hashable_atoms,
    lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
plain = st.recursive(
    hashable_atoms | st.binary().map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.sets(hashables, max_size=3)
        | st.frozensets(hashables, max_size=3)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal, of equal types at every depth, in the same order; NaN is the same as NaN, and 0.0 is not -0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a.items(), b.items(), strict=True))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, set | frozenset):
        return sorted(map(encode_plain, a)) == sorted(map(encode_plain, b))
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, decimal.Decimal):
        return str(a) == str(b)
    if isinstance(a, datetime.datetime | datetime.time):
        zone_same = a.tzname() == b.tzname() and a.utcoffset() == b.utcoffset()
        return bool(zone_same and a.replace(tzinfo=None) == b.replace(tzinfo=None) and a.fold == b.fold)
    return bool(a == b)


@given(plain)
def test_plain_data_comes_back_equal_and_of_the_same_types(value: Any) -> None:
    assert same(decode_plain(encode_plain(value)), value)


@given(st.dictionaries(st.integers() | st.text() | st.none() | st.tuples(st.integers(), st.text()), st.integers()))
def test_a_dict_keeps_its_keys_and_their_order(value: dict[Any, int]) -> None:
    assert list(decode_plain(encode_plain(value)).items()) == list(value.items())


@given(st.sets(hashables))
def test_the_same_set_makes_the_same_bytes_in_any_order(members: set[Any]) -> None:
    backwards = list(members)[::-1]
    assert encode_plain(set(backwards)) == encode_plain(members)


class Colour(enum.IntEnum):
    RED = 1


class Point(NamedTuple):
    x: int


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (collections.Counter("ab"), "collections.Counter"),
        (collections.defaultdict(int), "collections.defaultdict"),
        (collections.OrderedDict(), "collections.OrderedDict"),
        (collections.deque(), "collections.deque"),
        (Colour.RED, "Colour"),
        (Point(1), "Point"),
        (Word("x"), "Word"),
        (1j, "builtins.complex"),
        (range(3), "builtins.range"),
        (memoryview(b"x"), "builtins.memoryview"),
        (object(), "builtins.object"),
        (datetime.datetime(2013, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")), "zoneinfo.ZoneInfo"),
        ("\ud800", "lone surrogate"),
    ],
)
@pytest.mark.parametrize("inside", [lambda x: x, lambda x: [1, x], lambda x: {"k": (x,)}, lambda x: {(1, 2): x}])
def test_what_would_come_back_as_something_else_is_refused(value: object, named: str, inside: Any) -> None:
    with pytest.raises(NotPlain, match=named):
        encode_plain(inside(value))


@pytest.mark.parametrize(
    "wrap", [lambda x: [x], lambda x: (x,), lambda x: {"k": x}, lambda x: {(1,): x}, lambda x: [(x,)]]
)
def test_nesting_is_read_back_up_to_the_limit_and_refused_beyond(wrap: Any) -> None:
    value: Any = 1
    complaint = ""
    while not complaint:
        wrapped = wrap(value)
        try:
            data = encode_plain(wrapped)
        except NotPlain as error:
            complaint = str(error)
            continue
        assert decode_plain(data) == wrapped
        value = wrapped
    assert f"more than {DEPTH_MAX} deep" in complaint


def test_a_signalling_nan_comes_back_as_one() -> None:
    value = [decimal.Decimal("sNaN"), decimal.Decimal("-sNaN7")]
    assert same(decode_plain(encode_plain(value)), value)


def test_a_list_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotPlain, match="contains itself"):
        encode_plain(loop)


@given(st.binary(max_size=100))
def test_reading_noise_can_only_raise_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode_plain(data)


@given(plain, st.data())
def test_reading_altered_bytes_can_only_raise_value_error(value: Any, draw: st.DataObject) -> None:
    data = bytearray(encode_plain(value))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        decode_plain(bytes(data))


def test_reading_bottomless_nesting_can_only_raise_value_error() -> None:
    with pytest.raises(ValueError):
        decode_plain(b"\x91" * 1_000_000)
