"""Nobody binds a clock or a source of chance: a simulator that replaces them in their own modules reaches everybody."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.test_style import SOURCES, shown

REPLACEABLE = ("time", "random", "secrets", "uuid", "os")
"""Modules whose functions are looked up at each call, so nothing is imported from them."""

UNREPLACEABLE = ("now", "utcnow", "today")
"""Methods of `datetime.datetime` and `datetime.date` that ask the machine behind every replacement's back."""


def complaints(source: str) -> list[str]:
    """What a simulator could not replace, or would replace too late."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=module) if module in REPLACEABLE:
                found.append(f"{node.lineno}: from {module} import")
            case ast.Call(func=ast.Attribute(attr=name, value=owner)) if name in UNREPLACEABLE:
                if ast.unparse(owner).rpartition(".")[2] in ("datetime", "date"):
                    found.append(f"{node.lineno}: {ast.unparse(owner)}.{name}()")
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                given = (*node.args.defaults, *(default for default in node.args.kw_defaults if default is not None))
                found += [
                    f"{default.lineno}: the default {ast.unparse(default)}" for default in given if bound(default)
                ]
    return found


def bound(expression: ast.expr) -> bool:
    """Whether ``expression``, evaluated when its module is imported, takes hold of a function of these modules."""
    parts = [part for part in ast.walk(expression) if isinstance(part, ast.Attribute)]
    return any(isinstance(part.value, ast.Name) and part.value.id in REPLACEABLE for part in parts)


@pytest.mark.parametrize("path", [path for path in SOURCES if "cutpoint_simulations" not in path.parts], ids=shown)
def test_clocks_and_chance_are_looked_up_when_they_are_called(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("from time import perf_counter", "1: from time import"),
        ("from os import _exit", "1: from os import"),
        ("datetime.now(UTC)", "1: datetime.now()"),
        ("datetime.datetime.utcnow()", "1: datetime.datetime.utcnow()"),
        ("date.today()", "1: date.today()"),
        ("def f(clock=time.monotonic): ...", "1: the default time.monotonic"),
        ("lambda *, chance=random.Random(): chance", "1: the default random.Random()"),
    ],
)
def test_the_check_finds_what_it_is_for(source: str, complaint: str) -> None:
    assert complaints(source) == [complaint]
