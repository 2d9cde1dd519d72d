"""Caches in which libraries keep what they were once called with: applications of hosts that are gone, among others.

aiohttp caches, for each of the last thousand handlers, the handler with its middlewares, and with it everything that
the handler can reach. A service is one application for life and never notices; a thousand simulations would be kept.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

_LIBRARY = "aiohttp"
_CACHED = type(functools.lru_cache(lambda: None))
_found: dict[str, list[Any]] = {}


def forget() -> None:
    """Empty them. They are computed again when they are needed."""
    for name in [name for name in sys.modules if name.startswith(_LIBRARY)]:
        if name not in _found:
            _found[name] = [value for value in vars(sys.modules[name]).values() if isinstance(value, _CACHED)]
        for cached in _found[name]:
            cached.cache_clear()
