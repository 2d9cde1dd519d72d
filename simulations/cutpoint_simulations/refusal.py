"""What a simulated host may not have: the error that says so, and the line of the program that asked or that failed.

The line is that of the innermost caller who is neither the standard library, nor an installed package, nor Cutpoint:
the one that a user can change. The demo's services count as programs, though they live beside the simulator. Work that
was handed over, to a thread, a task or a later turn, has no such caller: then it is the line that handed it over, and
where nobody knows that, the host and the name of what it calls.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any, TypeVar

from cutpoint.errors import CutpointError

_Function = TypeVar("_Function", bound=Callable[..., Any])
Line = tuple[CodeType, int]
"""Some code, and a line of it."""

_PARTS = ("cutpoint", "cutpoint_agents", "cutpoint_coordinator", "cutpoint_simulations")
_OURS = tuple(
    os.path.dirname(os.path.abspath(found.origin)) + os.sep
    for found in map(importlib.util.find_spec, _PARTS)
    if found is not None and found.origin is not None
)
_PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flights") + os.sep
_LIBRARIES = tuple(
    sorted(
        {os.path.abspath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    )
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


class NotSimulated(CutpointError):
    """A simulated host asked for something real. It was not given, and nothing outside the simulation was touched."""


def not_simulated(what: str, instead: str) -> NotSimulated:
    """The error for ``what`` was asked for (a clause); ``instead`` says what to do."""
    return NotSimulated(
        f"{what}, asked for at {asking_line()}: a simulated host has nothing real; "
        f"nothing outside the simulation was touched; {instead}"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What a host is at: ``name`` is what it calls, ``asked`` the line that handed it over, None if nobody knows."""

    host: str
    name: str
    asked: Line | None


_WORK: dict[int, Callable[[Mapping[str, Any]], Work | None]] = {}


def begins_work(work: Callable[[Mapping[str, Any]], Work | None]) -> Callable[[_Function], _Function]:
    """Marks a function from which a host is driven: nobody above it asked. ``work`` reads its local names."""

    def mark(function: _Function) -> _Function:
        _WORK[id(function.__code__)] = work
        return function

    return mark


def name_of(function: Any) -> str:
    """What people call ``function``; of one that only carries another (`functools.partial`), that other."""
    while isinstance(function, functools.partial):
        carried = function.args and getattr(function.func, "__name__", "") == "run"  # what a context runs
        function = function.args[0] if carried else function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def program_line(frame: FrameType | None) -> Line | None:
    """The line of the program in ``frame`` or nearest above it, no further up than a host is driven from."""
    while frame is not None:
        code = frame.f_code
        if not is_machinery(code.co_filename):
            return code, frame.f_lineno
        if id(code) in _WORK:
            return None
        frame = frame.f_back
    return None


def asking_line() -> str:
    """Where the program asked: ``file.py:12 in function``, the file relative to the current folder if below it."""
    innermost = sys._getframe(1)
    work = _work_at(innermost)
    line = program_line(innermost) or (work.asked if work else None)
    if line is None and work is not None:
        return f"host {work.host}, in {work.name}"
    return _shown(*(line or (innermost.f_code, innermost.f_lineno)))


def _work_at(frame: FrameType | None) -> Work | None:
    while frame is not None and id(frame.f_code) not in _WORK:
        frame = frame.f_back
    return None if frame is None else _WORK[id(frame.f_code)](frame.f_locals)


def failing_line(error: BaseException) -> str:
    """Where the program was when ``error`` was raised, as `asking_line` says it; empty if nobody knows.

    Of a group of errors the first one counts.
    """
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    steps = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    of_the_program = [step for step in steps if not is_machinery(step[0].co_filename)]
    return _shown(*(of_the_program or steps)[-1]) if steps else ""


def _shown(code: CodeType, line: int) -> str:
    folder = os.getcwd() + os.sep
    return f"{code.co_filename.removeprefix(folder)}:{line} in {code.co_qualname}"


@functools.cache
def is_machinery(file: str) -> bool:
    """Whether the code of ``file`` is the standard library's, an installed package's or Cutpoint's."""
    if file.startswith("<frozen "):
        return True
    path = os.path.abspath(file)
    if path.startswith(_PROGRAMS):
        return False
    return path.startswith((*_OURS, *_LIBRARIES)) or any(part in path for part in _INSTALLED)
