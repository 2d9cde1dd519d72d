"""A second copy of a live object that goes on by itself: like `copy.deepcopy`, with closures and bound methods.

The cores keep their handlers as bound methods and lambdas. A copy whose handlers still changed the original would be
no copy, so functions are copied with the cells that they close over. Values (frozen structs and dataclasses, texts,
numbers, enumerations, named tuples) are shared.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_VALUES = (str, int, float, bool, bytes, type(None), frozenset, type, msgspec.Struct, enum.Enum)


def duplicate(original: T, *, shared: tuple[object, ...] = ()) -> T:
    """A copy of ``original`` and of everything that can change in it. The ``shared`` objects stay what they are."""
    copied: T = _copy(original, {id(item): item for item in shared})
    return copied


@functools.cache
def slots_of(kind: type) -> tuple[str, ...]:
    """The slots of a class and of those that it descends from."""
    return tuple(name for base in kind.__mro__ for name in base.__dict__.get("__slots__", ()))


@functools.cache
def is_value(kind: type) -> bool:
    """Whether nothing can change in an object of this class by itself, so that it need not be copied."""
    if issubclass(kind, _VALUES):
        return True
    if issubclass(kind, tuple):
        return kind is not tuple
    return dataclasses.is_dataclass(kind) and bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]


Way = Callable[[Any, dict[int, Any]], Any]


def _copy(thing: Any, made: dict[int, Any]) -> Any:
    how = _how(thing.__class__)
    if how is None:
        return thing
    known = made.get(id(thing))
    return how(thing, made) if known is None else known


@functools.cache
def _how(kind: type) -> Way | None:
    """How to copy an object of this class; None if it need not be."""
    if is_value(kind):
        return None
    ways: dict[type, Way] = {
        tuple: _tuple,
        list: _list,
        deque: _list,
        set: _set,
        types.FunctionType: _function,
        types.MethodType: _method,
    }
    other: Way = _mapping if issubclass(kind, dict) else _object
    return ways.get(kind, other)


def _tuple(thing: tuple[Any, ...], made: dict[int, Any]) -> tuple[Any, ...]:
    return tuple([_copy(item, made) for item in thing])


def _list(thing: Any, made: dict[int, Any]) -> Any:
    made[id(thing)] = copied = thing.__class__()
    for item in thing:
        copied.append(_copy(item, made))
    return copied


def _set(thing: set[Any], made: dict[int, Any]) -> set[Any]:
    made[id(thing)] = copied = set(thing)
    return copied


def _mapping(thing: Any, made: dict[int, Any]) -> Any:
    kind = thing.__class__
    made[id(thing)] = copied = kind.__new__(kind)
    for key, value in thing.items():
        copied[key] = _copy(value, made)
    if kind is not dict:
        for name, value in vars(thing).items():
            copied.__dict__[name] = _copy(value, made)
    return copied


def _object(thing: Any, made: dict[int, Any]) -> Any:
    kind = thing.__class__
    made[id(thing)] = copied = kind.__new__(kind)
    for name in slots_of(kind):
        if hasattr(thing, name):
            setattr(copied, name, _copy(getattr(thing, name), made))
    if hasattr(thing, "__dict__"):
        attributes = copied.__dict__
        for name, value in thing.__dict__.items():
            attributes[name] = _copy(value, made)
    return copied


def _method(thing: types.MethodType, made: dict[int, Any]) -> types.MethodType:
    return types.MethodType(thing.__func__, _copy(thing.__self__, made))


def _function(thing: types.FunctionType, made: dict[int, Any]) -> types.FunctionType:
    if not thing.__closure__:
        return thing
    cells = tuple(types.CellType() for _ in thing.__closure__)
    copied = types.FunctionType(thing.__code__, thing.__globals__, thing.__name__, thing.__defaults__, cells)
    made[id(thing)] = copied
    for cell, original in zip(cells, thing.__closure__, strict=True):
        cell.cell_contents = _copy(original.cell_contents, made)
    return copied
