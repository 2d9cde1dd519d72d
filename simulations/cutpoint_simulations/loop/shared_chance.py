"""Generators of chance that modules share: the one behind `random.random`, and those kept at import by libraries.

They are older than any simulation and go on from where they are, so each simulation seeds them, and puts them back as
they were. A generator that is an attribute of a module, or the default of a function's argument, is found.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

_scanned: dict[str, ModuleType] = {}
_found: dict[int, random.Random] = {}


class SharedChance:
    """One simulation's hold on the shared generators."""

    def __init__(self) -> None:
        self._before: list[tuple[random.Random, Any]] = []

    def seed(self, seed: str) -> None:
        """Let all of them begin at ``seed``, until `restore`."""
        self._before = [(generator, generator.getstate()) for generator in _generators()]
        for generator, _ in self._before:
            generator.seed(seed)

    def restore(self) -> None:
        """Let them go on from where they were."""
        for generator, state in self._before:
            generator.setstate(state)
        self._before = []


def _generators() -> list[random.Random]:
    for name, module in list(sys.modules.items()):
        if _scanned.get(name) is not module and isinstance(module, ModuleType):
            _scanned[name] = module
            for generator in _in_module(module):
                _found[id(generator)] = generator
    return list(_found.values())


def _in_module(module: ModuleType) -> Iterator[random.Random]:
    for value in list(vars(module).values()):
        if type(value) is random.Random:
            yield value
        elif isinstance(value, FunctionType):
            yield from _in_defaults(value)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            for attribute in list(vars(value).values()):
                if isinstance(attribute, FunctionType):
                    yield from _in_defaults(attribute)


def _in_defaults(function: FunctionType) -> Iterator[random.Random]:
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        if type(value) is random.Random:
            yield value
