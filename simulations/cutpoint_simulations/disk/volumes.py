"""Disks of other machines below ``/machines/NAME``, as over a network file system, beside a program's own disk.

Another machine's loss of power does not end the program: what it had open there fails with EIO, and what it opens
afterwards is found on what was left. Nothing can be renamed or linked from one disk to another.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable
from typing import Any

from cutpoint_simulations.disk.disk import Disk, Mount
from cutpoint_simulations.disk.gate import Stopped
from cutpoint_simulations.disk.tree import DESCRIPTORS_OF_ONE, FIRST_DESCRIPTOR

FOLDER = "/machines/"

_BY_DESCRIPTOR = ("close", "read", "pread", "write", "pwrite", "fsync", "seek", "is_file")
_BY_PATH = {
    **{"open": 2, "mkdir": 1, "truncate": 1, "set_modified": 1, "set_mode": 1},
    **{"stat": 0, "names": 0, "rmdir": 0, "unlink": 0},
}
"""Which of the arguments after the path is the folder that a relative path starts from."""


class Volumes(Mount):
    """What one life of a program sees: its machine's disk, and by ``disk_of`` every other one."""

    def __init__(self, own: Disk, disk_of: Callable[[str], Disk]) -> None:
        super().__init__(own.tree)
        self._disk_of = disk_of
        self._others: dict[str, Mount] = {}

    @property
    def descriptors(self) -> int:
        """How many are open, wherever."""
        return super().descriptors + sum(mount.descriptors for mount in self._others.values())

    def kill(self) -> None:
        """See `Mount.kill`; other machines live on."""
        super().kill()
        for mount in self._others.values():
            mount.kill()

    def check_descriptors(self) -> None:
        """Assert the invariants of what is open."""
        super().check_descriptors()
        for mount in self._others.values():
            mount.check_descriptors()

    def _elsewhere(self, path: object) -> tuple[Mount, Any] | None:
        """The mount of another machine's disk and the path there, or the same descriptor; None: it is here."""
        if isinstance(path, int):
            found = [m for m in self._others.values() if _range_of(m.tree.next_descriptor) == _range_of(path)]
            here = _range_of(path) == _range_of(self.tree.next_descriptor)
            return None if here or not found else (found[0], path)
        if not isinstance(path, str) or not path.startswith(FOLDER):
            return None
        name, _, rest = path.removeprefix(FOLDER).partition("/")
        mount = self._others.get(name)
        if mount is None or mount.dead:
            mount = self._others[name] = self._disk_of(name).mount()
        return mount, f"/{rest}"

    def _at(self, mount: Mount, name: str, *arguments: Any) -> Any:
        """Do it there, as long as this program lives."""
        self._enter()
        try:
            return getattr(mount, name)(*arguments)
        except Stopped:
            if self.dead:
                raise
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from None


def _range_of(descriptor: int) -> int:
    return (descriptor - FIRST_DESCRIPTOR) // DESCRIPTORS_OF_ONE


def _routed(name: str, place: int | None) -> Callable[..., Any]:
    here = getattr(Mount, name)

    @functools.wraps(here)
    def routed(self: Volumes, path: Any, *arguments: Any) -> Any:
        at = arguments[place] if place is not None and len(arguments) > place else None
        if at is not None and isinstance(path, str) and not path.startswith("/"):
            if (there := self._elsewhere(at)) is not None:
                return self._at(there[0], name, path, *arguments)
        elif (there := self._elsewhere(path)) is not None:
            return self._at(there[0], name, there[1], *arguments)
        return here(self, path, *arguments)

    return routed


def _routed_pair(name: str) -> Callable[..., Any]:
    here = getattr(Mount, name)

    @functools.wraps(here)
    def routed(self: Volumes, source: str, target: str, at: int | None = None, to: int | None = None) -> Any:
        one, other = self._elsewhere(source), self._elsewhere(target)
        if one is None and other is None:
            return here(self, source, target, at, to)
        if one is None or other is None or one[0] is not other[0]:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return self._at(one[0], name, one[1], other[1])

    return routed


for _name in _BY_DESCRIPTOR:
    setattr(Volumes, _name, _routed(_name, None))
for _name, _place in _BY_PATH.items():
    setattr(Volumes, _name, _routed(_name, _place))
for _name in ("link", "rename"):
    setattr(Volumes, _name, _routed_pair(_name))
