"""Where in this process a function is kept: under a name of a module, in a class, in a default, in a closure.

A module is looked through once; the names of modules, which are cheap to compare and may change, every time. What was
kept in an object, by a program that ran before, is not found: that program is not the one that is simulated.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

_OURS = ("cutpoint_simulations.loop", "cutpoint_simulations.disk", "time_machine", "_time_machine")
"""These keep originals to call them."""

_ABSENT = object()
"""A class has no such attribute of its own."""

_looked_through: dict[str, tuple[ModuleType, list[FunctionType], list[type]]] = {}


class Place:
    """The attribute ``name`` of a module or class."""

    def __init__(self, holder: Any, name: str) -> None:
        self._holder = holder
        self._name = name

    @property
    def in_module(self) -> bool:
        """Whether it is a name of a module: then what is there may have been imported from there."""
        return isinstance(self._holder, ModuleType)

    def get(self) -> Any:
        """What is there; of a class, what it has itself."""
        if isinstance(self._holder, type):
            return vars(self._holder).get(self._name, _ABSENT)
        return getattr(self._holder, self._name)

    def put(self, value: Any) -> None:
        """Replace it."""
        if value is _ABSENT:
            delattr(self._holder, self._name)
        else:
            setattr(self._holder, self._name, value)


class _Default(Place):
    """A default of a function's argument: ``name`` is its position, or its name where only that may be given."""

    def __init__(self, function: FunctionType, at: int | str) -> None:
        self._function = function
        self._at: Any = at

    def get(self) -> Any:
        return self._kept()[self._at]

    def put(self, value: Any) -> None:
        if isinstance(self._at, str):
            self._kept()[self._at] = value
        else:
            defaults = list(self._kept())
            defaults[self._at] = value
            self._function.__defaults__ = tuple(defaults)

    def _kept(self) -> Any:
        return self._function.__kwdefaults__ if isinstance(self._at, str) else self._function.__defaults__


class _Cell(Place):
    """A variable of a closure, as a dataclass keeps its default factories."""

    def __init__(self, cell: Any) -> None:
        self._cell = cell

    def get(self) -> Any:
        return self._cell.cell_contents

    def put(self, value: Any) -> None:
        self._cell.cell_contents = value


Wanted = Mapping[int, tuple[object, object]]


def kept_elsewhere(wanted: Wanted) -> Iterator[tuple[Place, object]]:
    """Every place that keeps a function of ``wanted``, and what is to be put there.

    ``wanted``: by its id each function, and the one to put in its place.
    """
    loaded: dict[str, Any] = dict(sys.modules)
    for name, module in loaded.items():
        if not isinstance(module, ModuleType) or name.startswith(_OURS):
            continue
        for attribute, value in list(vars(module).items()):
            if id(value) in wanted:
                yield Place(module, attribute), wanted[id(value)][1]
        functions, classes = _contents(name, module)
        for kind in classes:
            for attribute, value in list(vars(kind).items()):
                inner = value.__func__ if isinstance(value, staticmethod) else value
                if id(inner) in wanted:
                    replacement: Any = wanted[id(inner)][1]
                    yield Place(kind, attribute), replacement if inner is value else staticmethod(replacement)
        for function in functions:
            yield from _in_function(function, wanted)


def _in_function(function: FunctionType, wanted: Wanted) -> Iterator[tuple[Place, object]]:
    for at, value in enumerate(function.__defaults__ or ()):
        if id(value) in wanted:
            yield _Default(function, at), wanted[id(value)][1]
    for name, value in (function.__kwdefaults__ or {}).items():
        if id(value) in wanted:
            yield _Default(function, name), wanted[id(value)][1]
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # it is empty
            continue
        if id(value) in wanted and variable != "__class__":  # which is what `super` goes by
            yield _Cell(cell), wanted[id(value)][1]


def _contents(name: str, module: ModuleType) -> tuple[list[FunctionType], list[type]]:
    """The functions with defaults or closures, and the classes, that were defined in a module."""
    known = _looked_through.get(name)
    if known is None or known[0] is not module:
        values = list(vars(module).values())
        classes = [value for value in values if isinstance(value, type) and value.__module__ == name]
        functions = [value for value in values if isinstance(value, FunctionType) and value.__module__ == name]
        for kind in classes:
            functions += filter(None, map(_function, vars(kind).values()))
        keeping = [function for function in functions if _keeps(function)]
        known = _looked_through[name] = module, keeping, classes
    return known[1], known[2]


def _function(value: Any) -> FunctionType | None:
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    elif isinstance(value, property | functools.cached_property):
        value = value.fget if isinstance(value, property) else value.func
    return value if isinstance(value, FunctionType) else None


def _keeps(function: FunctionType) -> bool:
    return bool(function.__defaults__ or function.__kwdefaults__ or function.__closure__)


__all__ = ["Place", "kept_elsewhere"]
