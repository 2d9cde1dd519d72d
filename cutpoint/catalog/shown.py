"""Plain values as JSON and back, without loss: what JSON lacks is an object with one ``$`` member.

What JSON has is itself: ``None``, booleans, integers of up to 64 bits, finite floats, text, lists, and dicts
whose keys are texts. The rest:

====================================  =======================================================
``(1, 2)``                            ``{"$tuple": [1, 2]}``
``{1, 2}``, ``frozenset({1})``        ``{"$set": [1, 2]}``, ``{"$frozenset": [1]}``
``{1: "a"}``, ``{"$x": 1}``           ``{"$dict": [[1, "a"]]}``, ``{"$dict": [["$x", 1]]}``
``b"\\x00"``, ``bytearray(b"\\x00")``   ``{"$bytes": "AA=="}``, ``{"$bytearray": "AA=="}``
``float("nan")``                      ``{"$float": "nan"}``, also ``inf`` and ``-inf``
a longer integer                      ``{"$integer": "0x1f..."}``
``Decimal("1.10")``, a UUID           ``{"$decimal": "1.10"}``, ``{"$uuid": "6fa4..."}``
``date``, ``time``, ``datetime``      ``{"$date": "2026-01-31"}``, ``{"$time": ...}``, ``{"$datetime": ...}``
such with ``fold=1`` or a named zone   ``{"$datetime": ..., "fold": 1, "zone": "CET"}``
``timedelta(days=1, seconds=2)``      ``{"$timedelta": [1, 2, 0]}``: days, seconds, microseconds
====================================  =======================================================

Nothing here runs code that a value names.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import json
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from cutpoint.errors import Damaged, UsageError
from cutpoint.state.plain import DEPTH_MAX, NotPlain, encode_plain
from cutpoint.wire.checks import one_line

SIGN = "$"
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**64 - 1
_MICROSECOND = datetime.timedelta(microseconds=1)
_SECOND = datetime.timedelta(seconds=1)
_AS_IT_IS = (type(None), bool, str)


def to_json(value: Any) -> Any:
    """``value`` in JSON's own types. Raises `Damaged` for anything that is not plain data: no state holds it."""
    try:
        return _shown(value, 0)
    except NotPlain as error:
        raise Damaged(f"a value is not what a state holds: {error}; take another recovery point") from error


def shown(value: Any) -> str:
    """``value`` as one line of JSON."""
    return json.dumps(to_json(value), ensure_ascii=False, allow_nan=False)


def from_json(value: Any) -> Any:
    """What `to_json` made of a value, turned back. Raises `UsageError` for what it cannot have made."""
    return _meant(value, 0)


def key_candidates(text: str) -> tuple[Any, ...]:
    """The keys that an operator may mean by ``text``: read as JSON, then as the text itself.

    Raises `UsageError` if it is JSON that stands for no key.
    """
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return (text,)
    key = from_json(value)
    try:
        hash(key)
    except TypeError as error:
        raise UsageError(
            f"{one_line(text)} cannot be a key ({one_line(error)}); nothing was read; write a tuple as "
            '{"$tuple": [...]}, and a text that looks like JSON in quotes'
        ) from error
    return (key,) if key == text and type(key) is str else (key, text)


def _shown(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if depth > DEPTH_MAX:
        raise NotPlain(f"it is nested more than {DEPTH_MAX} deep")
    if kind is int:
        return value if _INTEGER_MIN <= value <= _INTEGER_MAX else {"$integer": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if kind is list:
        return [_shown(item, depth + 1) for item in value]
    if kind is dict:
        if all(type(key) is str and not key.startswith(SIGN) for key in value):
            return {key: _shown(item, depth + 1) for key, item in value.items()}
        return {"$dict": [[_shown(key, depth + 1), _shown(item, depth + 1)] for key, item in value.items()]}
    if kind is tuple:
        return {"$tuple": [_shown(item, depth + 1) for item in value]}
    if kind in (set, frozenset):
        members = sorted(value, key=encode_plain)
        return {f"${kind.__name__}": [_shown(item, depth + 1) for item in members]}
    if (show := _SHOWN.get(kind)) is None:
        raise NotPlain(f"{kind.__module__}.{kind.__qualname__} is not plain data")
    return show(value)


def _in_base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


def _show_clock(sign: str) -> Callable[[Any], dict[str, Any]]:
    def show(value: Any) -> dict[str, Any]:
        made: dict[str, Any] = {sign: value.isoformat()}
        if value.fold:
            made["fold"] = value.fold
        if value.tzinfo is not None:
            offset, name = value.tzinfo.utcoffset(None), value.tzinfo.tzname(None)
            if offset % _SECOND:  # fromisoformat takes one below a second for none
                made["offset"] = offset // _MICROSECOND
            if name != datetime.timezone(offset).tzname(None):
                made["zone"] = name
        return made

    return show


_SHOWN: Mapping[type, Callable[[Any], dict[str, Any]]] = {
    bytes: lambda value: {"$bytes": _in_base64(value)},
    bytearray: lambda value: {"$bytearray": _in_base64(value)},
    datetime.datetime: _show_clock("$datetime"),
    datetime.time: _show_clock("$time"),
    datetime.date: lambda value: {"$date": value.isoformat()},
    datetime.timedelta: lambda value: {"$timedelta": [value.days, value.seconds, value.microseconds]},
    decimal.Decimal: lambda value: {"$decimal": str(value)},
    uuid.UUID: lambda value: {"$uuid": str(value)},
}


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _meant(value: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise UsageError(f"what is written is nested more than {DEPTH_MAX} deep; nothing was read; write less of it")
    if type(value) is list:
        return [_meant(item, depth + 1) for item in value]
    if type(value) is not dict:
        return value
    if not any(key.startswith(SIGN) for key in value):
        return {key: _meant(item, depth + 1) for key, item in value.items()}
    sign = next(iter(value))
    try:
        return _MEANT[sign](value, depth + 1)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(
            f"{one_line(json.dumps(value))} stands for no value; nothing was read; write values as `cutpoint query` "
            "prints them"
        ) from error


def _items(content: Any, depth: int) -> list[Any]:
    if type(content) is not list:
        raise TypeError
    return [_meant(item, depth) for item in content]


def _only(value: dict[str, Any], sign: str) -> Any:
    if len(value) != 1:
        raise ValueError
    return value[sign]


def _dict_of(value: dict[str, Any], depth: int) -> dict[Any, Any]:
    return {_meant(key, depth): _meant(item, depth) for key, item in _only(value, "$dict")}


def _clock_of(value: dict[str, Any], kind: Any, sign: str) -> Any:
    if not {sign, "fold", "offset", "zone"} >= value.keys():
        raise ValueError
    at = kind.fromisoformat(value[sign]).replace(fold=value.get("fold", 0))
    if at.tzinfo is None:
        return at
    offset = value["offset"] * _MICROSECOND if "offset" in value else at.tzinfo.utcoffset(None)
    return at.replace(tzinfo=datetime.timezone(offset, *([value["zone"]] if "zone" in value else [])))


def _decoded(value: dict[str, Any], sign: str) -> bytes:
    return base64.b64decode(_only(value, sign), validate=True)


_MEANT: Mapping[str, Callable[[dict[str, Any], int], Any]] = {
    "$tuple": lambda value, depth: tuple(_items(_only(value, "$tuple"), depth)),
    "$set": lambda value, depth: set(_items(_only(value, "$set"), depth)),
    "$frozenset": lambda value, depth: frozenset(_items(_only(value, "$frozenset"), depth)),
    "$dict": _dict_of,
    "$bytes": lambda value, _depth: _decoded(value, "$bytes"),
    "$bytearray": lambda value, _depth: bytearray(_decoded(value, "$bytearray")),
    "$integer": lambda value, _depth: int(_only(value, "$integer"), 16),
    "$float": lambda value, _depth: float(_only(value, "$float")),
    "$datetime": lambda value, _depth: _clock_of(value, datetime.datetime, "$datetime"),
    "$time": lambda value, _depth: _clock_of(value, datetime.time, "$time"),
    "$date": lambda value, _depth: datetime.date.fromisoformat(_only(value, "$date")),
    "$timedelta": lambda value, depth: datetime.timedelta(*_items(_only(value, "$timedelta"), depth)),
    "$decimal": lambda value, _depth: decimal.Decimal(_only(value, "$decimal")),
    "$uuid": lambda value, _depth: uuid.UUID(_only(value, "$uuid")),
}
