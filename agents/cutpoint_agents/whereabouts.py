"""Where a task waits, in the words of its author: the handler, and the innermost line that is the user's own.

Frames of Cutpoint, aiohttp and the standard library are passed over: an operator wants the line that can be changed.
"""

from __future__ import annotations

import asyncio
import sysconfig
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import aiohttp

_FOREIGN = tuple(
    str(Path(path)) + "/"
    for path in (Path(__file__).parent, Path(aiohttp.__file__).parent, sysconfig.get_path("stdlib"))
)
_INSTALLED = tuple(
    str(Path(path)) + "/" for path in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")) if path
)
_DEPTH_MAX = 200


class Whereabouts(NamedTuple):
    """``handler``: the outermost function of the user's; ``place``: ``file:line`` of the innermost."""

    handler: str
    place: str

    def __str__(self) -> str:
        return f"{self.handler} at {self.place}"


def whereabouts(task: asyncio.Task[Any]) -> Whereabouts:
    """Where ``task`` waits now. A finished task, or one without a line of the user's, says so."""
    return _chosen(_frames(task.get_coro()), task.get_name())


def whereabouts_of_loop(stack: FrameType | None) -> Whereabouts | None:
    """Where an event loop is held now; None if it has called nothing. ``stack``: the innermost frame of its thread.

    Only what the loop itself has called counts: what lies above it is the program that runs it.
    """
    frames: list[FrameType] = []
    while stack is not None and stack.f_code.co_filename != asyncio.events.__file__:
        frames.append(stack)
        stack = stack.f_back
    return None if stack is None else _chosen(frames[::-1], "the event loop")


def _chosen(frames: list[FrameType], otherwise: str) -> Whereabouts:
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(_FOREIGN)]
    written_here = [frame for frame in own if not frame.f_code.co_filename.startswith(_INSTALLED)] or own
    if not written_here:
        return Whereabouts(otherwise, "a line that is not the program's own")
    first, last = written_here[0], written_here[-1]
    return Whereabouts(first.f_code.co_qualname, f"{last.f_code.co_filename}:{last.f_lineno}")


def _frames(awaited: Any) -> list[FrameType]:
    """The frames of a chain of coroutines, outermost first."""
    frames: list[FrameType] = []
    while awaited is not None and len(frames) < _DEPTH_MAX:
        frame = next(
            (f for name in ("cr_frame", "gi_frame", "ag_frame") if (f := getattr(awaited, name, None)) is not None),
            None,
        )
        if frame is None:
            break
        frames.append(frame)
        awaited = next(
            (a for n in ("cr_await", "gi_yieldfrom", "ag_await") if (a := getattr(awaited, n, None)) is not None), None
        )
    return frames
