"""Everything that a coordinator has to get hold of before it can begin: its address, its registry, its store.

Whatever is wrong with one of them is found here, before anything is served, and told in one line. What was opened
before is let go of again, and folders that were made on the way are removed, so a failed start leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cutpoint.access import is_loopback
from cutpoint.errors import ConfigurationError, StoreError
from cutpoint.registry import Registry
from cutpoint.store import Backend, KeyRing, loaded_keys, open_backend
from cutpoint.store.identity import StoreSealing, identify
from cutpoint.store.replica import adopt, read_replica_note
from cutpoint.store.retention import Policy
from cutpoint_coordinator.access.tokens import PREFIX as TOKENS
from cutpoint_coordinator.registry import open_registry
from cutpoint_coordinator.settings import Address, Settings


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What a coordinator works with. ``url`` is how agents and operators reach it."""

    listener: socket.socket
    url: str
    registry: Registry
    backend: Backend
    keys: KeyRing | None = None
    replica: Backend | None = None
    retention: Policy | None = None


async def open_all(settings: Settings, registry_at: Callable[[], Awaitable[Registry]] | None = None) -> Opened:
    """Bind the address, open the store and the registry. Raises `CutpointError`; then nothing is left open.

    ``registry_at`` opens the registry in the place of what ``settings`` name.
    """
    retention = Policy.parse(settings.keep) if settings.keep else None
    keys = _keys(settings.keys)
    if settings.tls is not None:
        settings.tls.context()
    backend = open_backend(settings.store)
    replica = None if settings.replica is None else open_backend(settings.replica)
    listener = await bind(settings.listen)
    try:
        opening = registry_at or partial(
            open_registry,
            settings.registry,
            prefix=settings.registry_prefix,
            patience_seconds=settings.registry_call_seconds,
        )
        remote = registry_at is not None or settings.registry.startswith("etcd://")
        with _tidied(_folder_of(backend)):
            if not remote:  # what can be asked without making anything comes first
                await asyncio.to_thread(_check_store, backend)
            registry = await opening()
            try:
                await _check_access(settings, registry)
                if remote:
                    await asyncio.to_thread(_check_store, backend)
                await asyncio.to_thread(_identify, backend, keys)
                if replica is not None:
                    await asyncio.to_thread(_check_replica, backend, replica)
            except BaseException:
                await registry.close()
                raise
    except BaseException:
        listener.close()
        raise
    return Opened(
        listener=listener,
        url=_reached_at(settings, listener),
        registry=registry,
        backend=backend,
        keys=keys,
        replica=replica,
        retention=retention,
    )


async def _check_access(settings: Settings, registry: Registry) -> None:
    """Raise `ConfigurationError` if others than this machine could do everything without anybody having said so."""
    if settings.token is not None or settings.open_access or is_loopback(settings.listen.host):
        return
    if await registry.scan(TOKENS):
        return
    raise ConfigurationError(
        f"{settings.listen.host} can be reached from other machines, and no token is asked for; nothing was started; "
        "make one: cutpoint tokens generate --output admin.token, then add --token-file admin.token; "
        "or say that anybody may do everything: --open-access"
    )


def _check_store(backend: Backend) -> None:
    """Raise `CutpointError` unless recovery points can be published there."""
    backend.check_writable()
    note = read_replica_note(backend)
    if note is not None:
        raise ConfigurationError(
            f"{backend.url} is a replica that is kept in step with another store; nothing was started; if that one is "
            f"gone for good, make this one the store: cutpoint replicate --to {backend.url} --promote"
        )


def _check_replica(backend: Backend, replica: Backend) -> None:
    """Raise `ConfigurationError` if ``replica`` can never be one; out of reach it may be."""
    with contextlib.suppress(StoreError):
        adopt(backend, replica)


def _identify(backend: Backend, keys: KeyRing | None) -> None:
    """See to it that the store says which one it is. Raises `Damaged` if it is of a newer format."""
    sealing = keys.sealing if keys is not None else None
    sealed = StoreSealing(algorithm="AES-256-GCM", key=sealing.current) if sealing and sealing.current else None
    created = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
    identify(backend, created=created, keys=keys, sealing=sealed)


def _keys(path: str | None) -> KeyRing | None:
    """The keys in the file at ``path``. Raises `ConfigurationError` if they cannot sign: a leader has to."""
    keys = loaded_keys(path)
    if keys is not None and keys.trusted and not keys.signing:
        raise ConfigurationError(
            f"the keys in {path} only verify, and a coordinator signs what it publishes; nothing was started; "
            "give it the file that `cutpoint keys generate` made, and the public part to the services"
        )
    return keys


async def bind(address: Address) -> socket.socket:
    """A socket bound to ``address``, not listening yet. Raises `ConfigurationError`."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except OSError as error:
        raise ConfigurationError(
            f"{address.host!r} is no address of this machine ({error.strerror}); nothing was started; "
            "listen on 127.0.0.1, or on a name that this machine has"
        ) from error
    family, kind, protocol, _, target = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {address.host}:{address.port} ({os.strerror(error.errno or 0)}); nothing was started; "
            "stop what listens there, or choose another address with --listen HOST:PORT (port 0: any free one)"
        ) from error
    listener.setblocking(False)
    return listener


def _reached_at(settings: Settings, listener: socket.socket) -> str:
    address = settings.advertise or settings.listen
    port = (settings.advertise and settings.advertise.port) or listener.getsockname()[1]
    everywhere = address.host in ("0.0.0.0", "::")
    return Address(host=socket.gethostname() if everywhere else address.host, port=port).url_of(
        "https" if settings.tls is not None else "http"
    )


def _folder_of(backend: Backend) -> Path | None:
    parts = urlsplit(backend.url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


@contextlib.contextmanager
def _tidied(folder: Path | None) -> Iterator[None]:
    """Remove the folders that were made on the way to ``folder``, and in it, if what follows fails."""
    if folder is None:
        yield
        return
    made = [path for path in (folder / "tmp", folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # a folder that is not empty stays, and its parents with it
            for path in made:
                if path.exists():
                    path.rmdir()
        raise
