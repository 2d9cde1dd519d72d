"""What a simulated host may not have: the error that says so, and the line of the program that asked or that failed.

The line is that of the innermost caller who is neither the standard library, nor an installed package, nor this
simulator: the one that a user can change. The demo's services count as programs, though they live beside the simulator.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from types import CodeType, FrameType

from cutpoint.errors import CutpointError

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PROGRAMS = os.path.join(_OURS, "flights") + os.sep
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


def asking_line() -> str:
    """Where the program asked: ``file.py:12 in function``, the file relative to the current folder if below it."""
    innermost: FrameType | None = sys._getframe(1)
    frame = innermost
    while frame is not None and is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    frame = frame or innermost
    assert frame is not None, "somebody called"
    return _shown(frame.f_code, frame.f_lineno)


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


def is_machinery(file: str) -> bool:
    """Whether the code of ``file`` is the standard library's, an installed package's or the simulator's."""
    if file.startswith("<frozen "):
        return True
    path = os.path.abspath(file)
    if path.startswith(_PROGRAMS):
        return False
    return path.startswith((_OURS, *_LIBRARIES)) or any(part in path for part in _INSTALLED)
