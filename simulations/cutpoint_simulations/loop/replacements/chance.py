"""Sources of chance: the operating system's, and the generators that `random` shares among all who import it."""

from __future__ import annotations

import os
import random
import ssl
import uuid
from collections.abc import Callable
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.loop.replacements.serving import Replacement, served

_LAST = {"uuid1": "_last_timestamp", "uuid6": "_last_timestamp_v6", "uuid7": "_last_timestamp_v7"}
"""What `uuid` remembers, so that no two of one process are the same."""


def replacements() -> list[Replacement]:
    """Chance."""
    entropy = [(os, "urandom"), (os, "getrandom"), (ssl, "RAND_bytes")]
    return [
        (random.Random, "seed", _seeded(random.Random.seed)),
        *(served(random, name, _of_host(name)) for name in random.__all__ if _is_shared(getattr(random, name))),
        *(served(place, name, _entropy) for place, name in entropy if hasattr(place, name)),
        served(uuid, "getnode", lambda host: host.number),
        *(served(uuid, name, _dated(getattr(uuid, name), last)) for name, last in _LAST.items() if hasattr(uuid, name)),
    ]


def _entropy(host: Host, count: int, flags: int = 0) -> bytes:
    return host.entropy.randbytes(count)


def _seeded(seed: Callable[..., None]) -> Callable[..., None]:
    def seeded(self: random.Random, a: Any = None, version: int = 2) -> None:
        """A generator that is given no seed takes the host's, not the operating system's."""
        host = running.host
        if a is None and host is not None:
            a = host.entropy.getrandbits(128)
        seed(self, a, version)

    return seeded


def _is_shared(function: Any) -> bool:
    """Whether it is a method of the one generator behind the functions of `random`."""
    return isinstance(getattr(function, "__self__", None), random.Random)


def _of_host(name: str) -> Callable[..., Any]:
    def serve(host: Host, *arguments: Any, **options: Any) -> Any:
        return getattr(host.random, name)(*arguments, **options)

    return serve


def _dated(function: Callable[..., uuid.UUID], last: str) -> Callable[..., uuid.UUID]:
    """Each host remembers for itself."""
    names = vars(uuid)

    def serve(host: Host, *arguments: Any, **options: Any) -> uuid.UUID:
        before = names[last]
        names[last] = host.last_uuids.get(last)
        try:
            return function(*arguments, **options)
        finally:
            host.last_uuids[last], names[last] = names[last], before

    return serve
