"""`os.scandir` on a simulated disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Any


class Entry:
    """What `os.DirEntry` is, for str and bytes. It knows what was there when the folder was listed."""

    def __init__(self, name: Any, path: Any, status: os.stat_result) -> None:
        self.name = name
        self.path = path
        self._status = status

    def __fspath__(self) -> Any:
        """The path."""
        return self.path

    def __repr__(self) -> str:
        """Like Python's own."""
        return f"<DirEntry {self.name!r}>"

    def inode(self) -> int:
        """The number of the file or folder."""
        return self._status.st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self._status.st_mode)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        return stat.S_ISREG(self._status.st_mode)

    def is_symlink(self) -> bool:
        """Nothing is."""
        return False

    def is_junction(self) -> bool:
        """Nothing is."""
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """What is known of it."""
        return self._status


class Listing:
    """The entries of a folder: an iterator and a context manager."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Entry]:
        """Itself."""
        return self

    def __next__(self) -> Entry:
        """The next entry."""
        return next(self._entries)

    def __enter__(self) -> Listing:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Give no more entries."""
        self._entries = iter([])
