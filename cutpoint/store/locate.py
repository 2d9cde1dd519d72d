"""From what an operator writes to a backend: a path, ``file:///path``, ``s3://bucket/prefix``, ``gs://``, ``az://``.

A store in a cloud is asked again when that may help, is limited and cached if its URL says so, and needs an extra that
is imported only here, when such a URL is opened.
"""

from __future__ import annotations

import threading
from urllib.parse import unquote, urlsplit

from cutpoint.errors import ConfigurationError
from cutpoint.installing import how_to_install
from cutpoint.store.backend import Backend
from cutpoint.store.caching import CachingBackend
from cutpoint.store.directory import DirectoryBackend
from cutpoint.store.limiting import LimitingBackend
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.remote_url import SCHEMES, RemoteUrl
from cutpoint.store.retrying import RetryingBackend
from cutpoint.wire.checks import one_line

_memories: dict[str, MemoryBackend] = {}
_lock = threading.Lock()

_WHAT_THERE_IS = (
    "name a folder, as a path or as file:///absolute/path, or a place in a cloud: "
    "s3://bucket/prefix, gs://bucket/prefix, az://container/prefix"
)


def open_backend(url: str) -> Backend:
    """Open the store at ``url``; nothing is made or written yet (see `Backend.check_writable`).

    ``file:///absolute/path`` and any plain path name a folder; ``s3://bucket/prefix``, ``gs://bucket/prefix`` and
    ``az://container/prefix`` a place in a cloud (options: `cutpoint.store.remote_url.RemoteUrl`). ``memory:name`` is
    the same store for all who open it in this process. Raises `ConfigurationError` for anything else.
    """
    if url.startswith("memory:"):
        name = url.removeprefix("memory:")
        with _lock:
            return _memories.setdefault(name, MemoryBackend(name))
    if url.startswith("file:"):
        return DirectoryBackend(_path_of(url))
    scheme, separator, _ = url.partition("://")
    if separator and scheme in SCHEMES:
        return _open_remote(RemoteUrl.parse(url))
    if separator and scheme.replace("+", "").isalnum():
        raise ConfigurationError(f"there is no store for {one_line(scheme)}://; nothing was opened; {_WHAT_THERE_IS}")
    if not url or "\0" in url:
        raise ConfigurationError(f"the store has no name; nothing was opened; {_WHAT_THERE_IS}")
    return DirectoryBackend(url)


def _open_remote(where: RemoteUrl) -> Backend:
    try:
        from cutpoint.store.objects import ObjectBackend
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"a store at {where.scheme}:// needs an extra; nothing was opened; {how_to_install('objects')}"
        ) from error
    backend: Backend = ObjectBackend(where)
    if where.bytes_per_second or where.operations_per_second:
        backend = LimitingBackend(
            backend, bytes_per_second=where.bytes_per_second, operations_per_second=where.operations_per_second
        )
    if where.retry_seconds:
        backend = RetryingBackend(backend, deadline_seconds=where.retry_seconds)
    if where.cache:
        backend = CachingBackend(backend, where.cache, bytes_max=where.cache_bytes)
    return backend


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
