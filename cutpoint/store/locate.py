"""From what an operator writes to a backend: a path, ``file:///path``, or ``memory:name`` within one process."""

from __future__ import annotations

import threading
from urllib.parse import unquote, urlsplit

from cutpoint.errors import ConfigurationError
from cutpoint.store.backend import Backend
from cutpoint.store.directory import DirectoryBackend
from cutpoint.store.memory import MemoryBackend
from cutpoint.wire.checks import one_line

_memories: dict[str, MemoryBackend] = {}
_lock = threading.Lock()


def open_backend(url: str) -> Backend:
    """Open the store at ``url``; nothing is made or written yet (see `Backend.check_writable`).

    ``file:///absolute/path`` and any plain path name a folder. ``memory:name`` is the same store for all who open it
    in this process. Raises `ConfigurationError` for anything else.
    """
    if url.startswith("memory:"):
        name = url.removeprefix("memory:")
        with _lock:
            return _memories.setdefault(name, MemoryBackend(name))
    if url.startswith("file:"):
        return DirectoryBackend(_path_of(url))
    scheme, separator, _ = url.partition("://")
    if separator and scheme.replace("+", "").isalnum():
        raise ConfigurationError(
            f"there is no store for {one_line(repr(url))}; name a folder, as a path or as file:///absolute/path"
        )
    if not url or "\0" in url:
        raise ConfigurationError("the store has no name; name a folder, as a path or as file:///absolute/path")
    return DirectoryBackend(url)


def _path_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ConfigurationError(f"{one_line(repr(url))} is no URL: {one_line(error)}") from error
    path = unquote(parts.path)
    elsewhere = parts.netloc not in ("", "localhost")
    if elsewhere or not path.startswith("/") or parts.query or parts.fragment or "\0" in path:
        raise ConfigurationError(
            f"{one_line(repr(url))} does not name a folder of this machine; write file:///absolute/path, "
            "with %23 for # and %3F for ?"
        )
    return path
