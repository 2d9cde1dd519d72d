"""What a simulated host may not have: the error that says so, and the line of the program that asked.

The line is that of the innermost caller who is neither the standard library, nor an installed package, nor this
simulator: the one that a user can change. The demo's services count as programs, though they live beside the simulator.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from types import FrameType

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
    while frame is not None and _is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    frame = frame or innermost
    assert frame is not None, "somebody called"
    file = frame.f_code.co_filename
    folder = os.getcwd() + os.sep
    return f"{file.removeprefix(folder)}:{frame.f_lineno} in {frame.f_code.co_qualname}"


def _is_machinery(file: str) -> bool:
    """Whether the code of ``file`` is the standard library's, an installed package's or the simulator's."""
    if file.startswith("<frozen "):
        return True
    path = os.path.abspath(file)
    if path.startswith(_PROGRAMS):
        return False
    return path.startswith((_OURS, *_LIBRARIES)) or any(part in path for part in _INSTALLED)
