"""Python's plain data as MessagePack, exactly: what comes back has the same types and is equal, or it is refused.

MessagePack itself keeps apart ``None``, booleans, integers of 64 bits, floats, text, bytes, lists and maps. The
rest of what plain programs keep has extension codes of ours: tuples, sets, integers of any size, dicts with any
key, dates and times, decimals, UUIDs. Everything else, subclasses included, is refused: a ``Counter`` would
come back as a ``dict``. Two references to one list come back as two lists; who needs that, stores pickle.

The same value always makes the same bytes (the members of a set are sorted by theirs), so a part's digest does
not depend on the hash seed. Decoding runs no code but this module's.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from types import NoneType
from typing import Any

import msgspec
from msgspec.msgpack import Ext

DEPTH_MAX = 100
"""How deep containers may be nested. What was written within it can be read back on any stack."""

_TUPLE, _SET, _FROZENSET, _INTEGER, _DICT, _DATETIME, _DATE, _TIME, _TIMEDELTA, _DECIMAL, _UUID, _BYTEARRAY = range(
    1, 13
)

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1
_NATIVE = frozenset((NoneType, bool, float, str, bytes))
_NATIVE_OR_INTEGER = _NATIVE | {int}
_NATIVE_CONTAINERS = frozenset((list, dict))
_NATIVE_DEPTH_MAX = 8
"""What is nested deeper, or contains itself, is looked at piece by piece."""

_MICROSECOND = datetime.timedelta(microseconds=1)

_encode = msgspec.msgpack.Encoder().encode


def _unpack(code: int, data: memoryview) -> Any:
    unpacker = _UNPACKERS.get(code)
    if unpacker is None:
        raise ValueError(f"unknown extension code {code}")
    return unpacker(data)


_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(ext_hook=_unpack)


class NotPlain(ValueError):
    """The value holds something that this format would change. ``str()`` says what."""


def encode_plain(value: object) -> bytes:
    """Encode ``value``. Raises `NotPlain` if `decode_plain` would not return an equal value of the same types."""
    try:
        return _encode(_pack(value, 0))
    except UnicodeEncodeError as error:
        raise NotPlain("it holds text with a lone surrogate, which is no Unicode") from error
    except (RecursionError, OverflowError) as error:
        raise NotPlain(f"it is too deep or too large ({error})") from error


def encode_columns(columns: Sequence[list[Any]]) -> bytes:
    """Encode lists of many values each, as `encode_plain` does, and fast if all of them are natively plain."""
    if all(map(_is_native_throughout, columns)):
        with contextlib.suppress(UnicodeEncodeError, OverflowError):
            return _encode(columns)
    try:
        return _encode([_pack_items(column, 1) for column in columns])
    except UnicodeEncodeError as error:
        raise NotPlain("it holds text with a lone surrogate, which is no Unicode") from error
    except (RecursionError, OverflowError) as error:
        raise NotPlain(f"it is too deep or too large ({error})") from error


def _is_native_throughout(items: Collection[Any]) -> bool:
    """Whether MessagePack keeps ``items`` and all in them as they are, but for integers that are too large for it.

    Looked at level by level: all that the containers of one level hold are the next one.
    """
    for _level in range(_NATIVE_DEPTH_MAX):
        kinds = set(map(type, items)) - _NATIVE_OR_INTEGER
        if not kinds:
            return True
        if not kinds <= _NATIVE_CONTAINERS:
            return False
        lists = [item for item in items if type(item) is list]
        dicts = [item for item in items if type(item) is dict]
        if not set(map(type, chain.from_iterable(dicts))) <= _NATIVE_OR_INTEGER:
            return False
        items = [*chain.from_iterable(lists), *chain.from_iterable(map(dict.values, dicts))]
    return False


def decode_plain(data: bytes) -> Any:
    """Decode what `encode_plain` made. Raises `ValueError` for anything else."""
    try:
        return _decoder.decode(data)
    except (RecursionError, TypeError, ArithmeticError) as error:
        raise ValueError(f"not plain data: {error}") from error


def _pack(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _NATIVE:
        return value
    if kind is int:
        if _INTEGER_MIN <= value <= _INTEGER_MAX:
            return value
        return Ext(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    packer = _PACKERS.get(kind)
    if packer is None:
        raise NotPlain(f"{kind.__module__}.{kind.__qualname__} is not plain data and would come back as something else")
    if depth >= DEPTH_MAX:
        raise NotPlain(f"it is nested more than {DEPTH_MAX} deep, or contains itself")
    return packer(value, depth + 1)


def _is_native(items: Collection[Any]) -> bool:
    """Whether MessagePack keeps every one of ``items`` as it is."""
    kinds = set(map(type, items))
    if not kinds <= _NATIVE_OR_INTEGER:
        return False
    return int not in kinds or all(type(i) is not int or _INTEGER_MIN <= i <= _INTEGER_MAX for i in items)


def _pack_items(items: Collection[Any], depth: int) -> list[Any]:
    return list(items) if _is_native(items) else [_pack(item, depth) for item in items]


def _pack_tuple(value: tuple[Any, ...], depth: int) -> Ext:
    return Ext(_TUPLE, _encode(_pack_items(value, depth)))


def _pack_dict(value: dict[Any, Any], depth: int) -> Any:
    if not _is_native(value):
        keys, values = _pack_items(value, depth), _pack_items(value.values(), depth)
        return Ext(_DICT, _encode([keys, values]))
    if _is_native(value.values()):
        return value
    return {key: _pack(item, depth) for key, item in value.items()}


def _members(value: Collection[Any], depth: int) -> bytes:
    return b"".join(sorted(_encode(_pack(item, depth)) for item in value))


def _pack_set(value: set[Any], depth: int) -> Ext:
    return Ext(_SET, _array_header(len(value)) + _members(value, depth))


def _pack_frozenset(value: frozenset[Any], depth: int) -> Ext:
    return Ext(_FROZENSET, _array_header(len(value)) + _members(value, depth))


def _array_header(length: int) -> bytes:
    return b"\xdd" + length.to_bytes(4, "big")


def _pack_zone(zone: datetime.tzinfo | None) -> Any:
    """``None``, or the offset in microseconds and the name, if it is not the one that the offset alone has."""
    if zone is None:
        return None
    if type(zone) is not datetime.timezone:
        kind = type(zone)
        raise NotPlain(f"the time zone is a {kind.__module__}.{kind.__qualname__}, only fixed offsets are plain data")
    offset, name = zone.utcoffset(None), zone.tzname(None)
    return [offset // _MICROSECOND, None if name == datetime.timezone(offset).tzname(None) else name]


def _unpack_zone(zone: Any) -> datetime.timezone | None:
    if zone is None:
        return None
    microseconds, name = zone
    offset = microseconds * _MICROSECOND
    return datetime.timezone(offset) if name is None else datetime.timezone(offset, name)


def _pack_datetime(at: datetime.datetime, _depth: int) -> Ext:
    clock = [at.hour, at.minute, at.second, at.microsecond, at.fold, _pack_zone(at.tzinfo)]
    return Ext(_DATETIME, _encode([at.year, at.month, at.day, *clock]))


def _pack_time(at: datetime.time, _depth: int) -> Ext:
    return Ext(_TIME, _encode([at.hour, at.minute, at.second, at.microsecond, at.fold, _pack_zone(at.tzinfo)]))


def _unpack_datetime(fields: Any) -> datetime.datetime:
    year, month, day, hour, minute, second, microsecond, fold, zone = fields
    return datetime.datetime(year, month, day, hour, minute, second, microsecond, _unpack_zone(zone), fold=fold)


def _unpack_time(fields: Any) -> datetime.time:
    hour, minute, second, microsecond, fold, zone = fields
    return datetime.time(hour, minute, second, microsecond, _unpack_zone(zone), fold=fold)


_PACKERS: Mapping[type, Callable[[Any, int], Any]] = {
    list: _pack_items,
    tuple: _pack_tuple,
    dict: _pack_dict,
    set: _pack_set,
    frozenset: _pack_frozenset,
    datetime.datetime: _pack_datetime,
    datetime.date: lambda day, _depth: Ext(_DATE, _encode(day.toordinal())),
    datetime.time: _pack_time,
    datetime.timedelta: lambda t, _depth: Ext(_TIMEDELTA, _encode([t.days, t.seconds, t.microseconds])),
    decimal.Decimal: lambda number, _depth: Ext(_DECIMAL, str(number).encode()),
    uuid.UUID: lambda number, _depth: Ext(_UUID, number.bytes),
    bytearray: lambda value, _depth: Ext(_BYTEARRAY, bytes(value)),
}

_UNPACKERS: Mapping[int, Callable[[memoryview], Any]] = {
    _TUPLE: lambda data: tuple(_decoder.decode(data)),
    _SET: lambda data: set(_decoder.decode(data)),
    _FROZENSET: lambda data: frozenset(_decoder.decode(data)),
    _INTEGER: lambda data: int.from_bytes(data, "big", signed=True),
    _DICT: lambda data: dict(zip(*_decoder.decode(data), strict=True)),
    _DATETIME: lambda data: _unpack_datetime(_decoder.decode(data)),
    _DATE: lambda data: datetime.date.fromordinal(_decoder.decode(data)),
    _TIME: lambda data: _unpack_time(_decoder.decode(data)),
    _TIMEDELTA: lambda data: datetime.timedelta(*_decoder.decode(data)),
    _DECIMAL: lambda data: decimal.Decimal(bytes(data).decode()),
    _UUID: lambda data: uuid.UUID(bytes=bytes(data)),
    _BYTEARRAY: bytearray,
}
