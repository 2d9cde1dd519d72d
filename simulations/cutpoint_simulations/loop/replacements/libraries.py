"""Libraries that have their own ways around the standard library; each is met only where it is installed.

aiohttp's default resolver is c-ares where `aiodns` is installed; in a simulated host it is the loop's. The network of
`grpc` lives below Python altogether, and is refused.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.loop.replacements.serving import Replacement, all_refused, served

_CHANNELS = ("insecure_channel", "secure_channel")


def replacements() -> list[Replacement]:
    """aiohttp's resolver and grpc's channels."""
    return [*_resolver(), *_channels()]


def _resolver() -> list[Replacement]:
    try:
        resolver: Any = importlib.import_module("aiohttp.resolver")
    except ImportError:
        return []

    threaded = resolver.ThreadedResolver
    if resolver.DefaultResolver is threaded:
        return []

    def of_loop(host: Host, *arguments: Any, **options: Any) -> Any:
        return threaded(*arguments, **options)

    return [served(resolver, "DefaultResolver", of_loop)]


def _channels() -> list[Replacement]:
    found = [sys.modules[name] for name in ("grpc", "grpc.aio") if name in sys.modules]
    return [
        replacement
        for place in found
        for replacement in all_refused(place, _CHANNELS, "grpc.{}()", "use the simulated cluster's registry")
    ]
