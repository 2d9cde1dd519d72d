"""Which paths lie on the simulated disk, and which writes elsewhere a simulated host is refused.

Everything below the prefix is on the disk of the host that runs. Elsewhere a host may read, for programs read their own
modules and data files, but not write. Two kinds of writes change nothing that a program could see, and are let through:
Python's caches of compiled modules, and the null device.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from cutpoint_simulations.disk.tree import FIRST_DESCRIPTOR
from cutpoint_simulations.refusal import not_simulated

WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_CACHE = "__pycache__"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Something on a simulated disk: ``path`` on that disk or a descriptor, ``at`` a folder's descriptor.

    ``shown`` is what the program called it: str, bytes, or None for a descriptor.
    """

    path: str | int
    at: int | None
    shown: Any

    @property
    def named(self) -> str:
        """The path, where a descriptor will not do."""
        if isinstance(self.path, int):
            raise TypeError("expected str, bytes or os.PathLike object, not int")
        return self.path

    @property
    def as_bytes(self) -> bool:
        """Whether names found there are told as bytes."""
        return isinstance(self.shown, bytes)


def is_simulated(descriptor: object) -> bool:
    """Whether this is the descriptor of something on a simulated disk."""
    return isinstance(descriptor, int) and descriptor >= FIRST_DESCRIPTOR


@dataclasses.dataclass(frozen=True)
class Places:
    """``prefix``: the absolute, normal path below which everything is simulated."""

    prefix: str

    def __post_init__(self) -> None:
        assert os.path.isabs(self.prefix), "the prefix is absolute"
        assert os.path.normpath(self.prefix) == self.prefix != "/", "the prefix is a folder in normal form"

    def find(self, path: Any, dir_fd: int | None = None) -> Place | None:
        """Where on a simulated disk this is; None if it is elsewhere, or nothing that the system takes for a path."""
        if isinstance(path, int):
            return Place(path=path, at=None, shown=None) if is_simulated(path) else None
        shown = os.fspath(path) if isinstance(path, os.PathLike) else path
        if not isinstance(shown, str | bytes):
            return None
        name = os.fsdecode(shown)
        if dir_fd is not None and not os.path.isabs(name):
            return Place(path=name, at=dir_fd, shown=shown) if is_simulated(dir_fd) else None
        if not name:
            return None
        below = self._below(name if os.path.isabs(name) else os.path.join(os.getcwd(), name))
        return None if below is None else Place(path=below, at=None, shown=shown)

    def require_harmless(self, what: str, path: Any) -> None:
        """Raise `NotSimulated` for a write elsewhere, unless nobody could notice it."""
        shown = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else repr(path)
        if shown == os.devnull or _CACHE in shown.split(os.sep)[-2:]:
            return
        raise not_simulated(f"{what} {shown!r}", f"put it below {self.prefix}, which is on the simulated disk")

    def _below(self, path: str) -> str | None:
        """The path on the disk; None if it is not there. Dots within the prefix are left to the disk."""
        normal = os.path.normpath(path)
        if normal != self.prefix and not normal.startswith(self.prefix + "/"):
            return None
        rest = path[len(self.prefix) :] if path.startswith(self.prefix + "/") else normal[len(self.prefix) :]
        return rest or "/"
