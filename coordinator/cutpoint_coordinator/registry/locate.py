"""Open a registry from its URL.

=============================================  ========================================================
``memory:``                                    in this process, gone with it: for tests
``embedded:/path/to/directory``, or a path     durable, in a directory of one machine
``etcd://host:port,host2:port``                an etcd cluster; ``user:password@`` in front of the hosts,
                                               ``?ca=FILE&cert=FILE&key=FILE`` behind them for TLS, and
                                               ``compact=never``, or ``always``: see `etcd_history`
=============================================  ========================================================

A wrong URL is a `ConfigurationError` that says what to write instead; a password never appears in a message.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.registry.embedded import EmbeddedRegistry
from cutpoint_coordinator.registry.interface import DEFAULT_PATIENCE_SECONDS, DEFAULT_PREFIX, Registry
from cutpoint_coordinator.registry.memory import MemoryRegistry

if TYPE_CHECKING:
    from cutpoint_coordinator.registry.etcd_client import Credentials

_FORMS = "write memory:, a directory, embedded:DIRECTORY or etcd://HOST:PORT,HOST:PORT"
_DEFAULT_PORT = 2379
_ENDPOINT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_FILES = ("ca", "cert", "key")
_WORDS = (*_FILES, "compact")


async def open_registry(
    url: str, *, prefix: str = DEFAULT_PREFIX, patience_seconds: float = DEFAULT_PATIENCE_SECONDS
) -> Registry:
    """Open the registry at ``url`` for the computation whose keys live below ``prefix`` (it ends with ``/``).

    Raises `ConfigurationError` if the URL or what it names is wrong, and `RegistryError` if etcd does not answer
    within ``patience_seconds``; nothing is left open then.
    """
    if not prefix.isprintable() or not prefix.endswith("/"):
        raise ConfigurationError(
            f"{prefix!r} cannot be the registry's prefix; nothing was started; end it with a slash."
        )
    if url == "memory:":
        return MemoryRegistry()
    if url.startswith("etcd://"):
        return await _open_etcd(url, prefix, patience_seconds)
    path = url.removeprefix("embedded:")
    if not path or "://" in path or path.startswith("memory:") or re.fullmatch(r"[\w.-]+:\d+(,.*)?", path):
        raise ConfigurationError(f"{_without_password(url)!r} is not a registry; nothing was started; {_FORMS}.")
    return await EmbeddedRegistry.open(Path(path), prefix=prefix, patience_seconds=patience_seconds)


async def _open_etcd(url: str, prefix: str, patience_seconds: float) -> Registry:
    endpoints, settings = parse_etcd_url(url)
    compacting = settings.pop("compact", "alone")
    credentials = credentials_of(settings)
    from cutpoint_coordinator.registry.etcd import EtcdRegistry
    from cutpoint_coordinator.registry.etcd_history import Upkeep

    registry = EtcdRegistry(
        endpoints,
        prefix=prefix,
        credentials=credentials,
        patience_seconds=patience_seconds,
        upkeep=Upkeep(compacting=compacting),  # type: ignore[arg-type]  # Upkeep checks it
    )
    try:
        await registry.check_reachable()
    except BaseException:
        await registry.close()
        raise
    return registry


def parse_etcd_url(url: str) -> tuple[tuple[tuple[str, int], ...], dict[str, str]]:
    """The endpoints of an ``etcd://`` URL, and its settings: ``user``, ``password``, and those of `_WORDS`."""
    shown = _without_password(url)
    rest, _, query = url.removeprefix("etcd://").partition("?")
    login, _, hosts = rest.rstrip("/").rpartition("@")
    settings = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in settings.items():
        if name not in _WORDS or not value:
            raise ConfigurationError(
                f"{name!r} in the registry's URL {shown} is not known or is empty; nothing was started; "
                f"it takes {', '.join(_FILES)}, each with a file, and compact with alone, always or never."
            )
    if login:
        user, separator, password = login.partition(":")
        if not user or not separator:
            raise ConfigurationError(
                f"The registry's URL {shown} names a user without a password; write user:password@."
            )
        settings.update(user=unquote(user), password=unquote(password))
    return tuple(_endpoint(text, shown) for text in hosts.split(",")), settings


def _endpoint(text: str, shown: str) -> tuple[str, int]:
    found = _ENDPOINT.fullmatch(text)
    port = int(found["port"] or _DEFAULT_PORT) if found is not None else 0
    if found is None or not 1 <= port <= 65535:
        raise ConfigurationError(
            f"{text!r} in the registry's URL {shown} is not a host and port; nothing was started; "
            "write etcd://HOST:PORT,HOST:PORT."
        )
    return found["host"].strip("[]"), port


def credentials_of(settings: dict[str, str]) -> Credentials:
    if ("cert" in settings) != ("key" in settings) or ("cert" in settings and "ca" not in settings):
        raise ConfigurationError(
            "TLS to etcd takes ca, or ca, cert and key together; nothing was started; add the rest."
        )
    for name in _FILES:
        if name in settings:
            try:
                Path(settings[name]).read_bytes()
            except OSError as error:
                raise ConfigurationError(
                    f"The file for {name} in the registry's URL cannot be read ({error}); nothing was started; "
                    "correct it."
                ) from error
    from cutpoint_coordinator.registry.etcd_client import Credentials

    return Credentials(**settings)


def _without_password(url: str) -> str:
    return re.sub(r"//.*@", "//...@", url)
