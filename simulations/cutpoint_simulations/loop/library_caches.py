"""Caches in which libraries keep what they were once called with: applications of hosts that are gone, among others.

aiohttp caches, for each of the last thousand handlers, the handler with its middlewares, and with it everything that
the handler can reach. A service is one application for life and never notices; a thousand simulations would be kept.
"""

from __future__ import annotations

import functools
import sys

_LIBRARY = "aiohttp"
_CACHED = type(functools.lru_cache(lambda: None))


def forget() -> None:
    """Empty them. They are computed again when they are needed."""
    for name, module in list(sys.modules.items()):
        if name.startswith(_LIBRARY):
            for value in list(vars(module).values()):
                if isinstance(value, _CACHED):
                    value.cache_clear()
