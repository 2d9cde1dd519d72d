"""A store on a simulated disk as it is at this moment, for looking at it from outside: no program reads it, none waits.

It reads what a program would find through `cutpoint.store.DirectoryBackend`, and refuses to change anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from cutpoint.errors import UsageError
from cutpoint.store.backend import check_name, check_prefix, check_range, is_object_name, missing, too_long, too_short
from cutpoint_simulations.disk.inodes import File, Folder, Inode
from cutpoint_simulations.disk.tree import Tree


class Look:
    """The objects below ``folder``, an absolute path on the disk of ``tree``; ``url``: what programs call the store."""

    def __init__(self, tree: Tree, folder: str, url: str) -> None:
        self.url = url
        self._root = tree.find(folder).inode

    def create(self, name: str, data: bytes) -> NoReturn:
        """Refused."""
        raise UsageError(f"object {name} was not written in {self.url}: who looks from outside changes nothing")

    def delete(self, name: str) -> NoReturn:
        """Refused."""
        raise UsageError(f"object {name} was not deleted in {self.url}: who looks from outside changes nothing")

    def check_writable(self) -> NoReturn:
        """Refused."""
        raise UsageError(f"{self.url} is not for writing: who looks from outside changes nothing")

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """See `Backend.read`."""
        check_name(name)
        file = self._file(name)
        if file is None:
            raise missing(self.url, name)
        if bytes_max is not None and len(file.content) > bytes_max:
            raise too_long(self.url, name, len(file.content), bytes_max)
        return bytes(file.content)

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """See `Backend.read_range`."""
        check_range(name, start, length)
        data = self.read(name)
        if start + length > len(data):
            raise too_short(self.url, name, len(data), start, length)
        return data[start : start + length]

    def size(self, name: str) -> int | None:
        """See `Backend.size`."""
        check_name(name)
        file = self._file(name)
        return None if file is None else len(file.content)

    def list(self, prefix: str) -> tuple[str, ...]:
        """See `Backend.list`."""
        return tuple(name for name, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """See `Backend.sizes`."""
        check_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        found = ((name, len(file.content)) for name, file in _files(self._inode(folder), folder))
        return tuple(sorted((name, size) for name, size in found if name.startswith(prefix) and is_object_name(name)))

    def _inode(self, name: str) -> Inode | None:
        inode = self._root
        for part in name.split("/") if name else ():
            inode = inode.entries.get(part) if isinstance(inode, Folder) else None
        return inode

    def _file(self, name: str) -> File | None:
        inode = self._inode(name)
        return inode if isinstance(inode, File) else None


def _files(inode: Inode | None, path: str) -> Iterator[tuple[str, File]]:
    """The files below, each with its path."""
    if isinstance(inode, File):
        yield path, inode
    elif isinstance(inode, Folder):
        for name, child in inode.entries.items():
            yield from _files(child, f"{path}/{name}" if path else name)
