"""A second copy of a live object that goes on by itself: what `copy.deepcopy` does, closures and bound methods included.

The cores keep their handlers as bound methods and lambdas. A copy whose handlers still changed the original would be
no copy, so functions are copied with the cells that they close over. Values (frozen structs and dataclasses, texts,
numbers, enumerations, named tuples) are shared. It refuses nothing: what has neither a ``__dict__`` nor slots is
shared as well.
"""

from __future__ import annotations

import dataclasses
import enum
import types
from collections import deque
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_VALUES = (str, int, float, bool, bytes, type(None), frozenset, type, msgspec.Struct, enum.Enum)


def duplicate(original: T, *, shared: tuple[object, ...] = ()) -> T:
    """A copy of ``original`` and of everything that can change in it. The ``shared`` objects stay what they are."""
    made: dict[int, Any] = {id(item): item for item in shared}
    copied: T = _copy(original, made)
    return copied


def attributes(thing: object) -> list[tuple[str, Any]]:
    """Name and value of every attribute that an object has, of its slots too."""
    found = list(getattr(thing, "__dict__", {}).items())
    for kind in type(thing).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        found += [(name, getattr(thing, name)) for name in slots if hasattr(thing, name)]
    return found


def is_value(thing: object) -> bool:
    """Whether nothing can change in it by itself, so that it need not be copied."""
    kind = type(thing)
    if issubclass(kind, _VALUES):
        return True
    if issubclass(kind, tuple):
        return kind is not tuple
    return dataclasses.is_dataclass(kind) and bool(kind.__dataclass_params__.frozen)  # type: ignore[attr-defined]


def _copy(thing: Any, made: dict[int, Any]) -> Any:
    if is_value(thing):
        return thing
    known = made.get(id(thing))
    if known is not None:
        return known
    kind = type(thing)
    if kind is tuple:
        return tuple([_copy(item, made) for item in thing])
    if kind is types.FunctionType:
        return _function(thing, made)
    if kind is types.MethodType:
        return types.MethodType(thing.__func__, _copy(thing.__self__, made))
    if kind in (list, deque, set):
        made[id(thing)] = copied = kind()
        add = copied.add if kind is set else copied.append
        for item in thing:
            add(_copy(item, made))
        return copied
    made[id(thing)] = copied = kind.__new__(kind)
    if isinstance(thing, dict):
        for key, value in thing.items():
            copied[key] = _copy(value, made)
    for name, value in attributes(thing):
        object.__setattr__(copied, name, _copy(value, made))
    return copied


def _function(function: types.FunctionType, made: dict[int, Any]) -> types.FunctionType:
    if not function.__closure__:
        return function
    cells = tuple(types.CellType() for _ in function.__closure__)
    copied = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, cells
    )
    made[id(function)] = copied
    for cell, original in zip(cells, function.__closure__, strict=True):
        cell.cell_contents = _copy(original.cell_contents, made)
    return copied
