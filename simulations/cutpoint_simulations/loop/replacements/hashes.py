"""Objects that programs keep in sets, hashed by a number of the host's own: such a set has the same order in every run.

By itself Python hashes them by their address. These are the objects of asyncio and aiohttp, and the channels of agents;
a set of a program's own objects has an order of its own in every process, unless they say what their hash is.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.replacements.serving import Replacement

_OF_LIBRARIES = {
    "aiohttp": ("ClientResponse", "ClientWebSocketResponse"),
    "aiohttp.client_proto": ("ResponseHandler",),
    "aiohttp.web_response": ("StreamResponse",),
    "cutpoint_agents.aiohttp_websocket": ("WrappedClient", "WrappedServer", "Wrapping"),
}


def replacements() -> list[Replacement]:
    """The hash of each class that is there."""
    of_asyncio = [asyncio.StreamReader, asyncio.StreamWriter, asyncio.Queue, asyncio.Event, asyncio.Lock]
    of_libraries = [
        getattr(sys.modules[module], name)
        for module, names in _OF_LIBRARIES.items()
        for name in names
        if hasattr(sys.modules.get(module), name)
    ]
    hashed = [(kind, "__hash__", _hash) for kind in (*of_asyncio, *of_libraries)]
    return [*hashed, *_placeholders()]


def _placeholders() -> list[Replacement]:
    """What aiohttp keeps among its connections while one is made: it takes no attributes, and leads to a future."""
    connector = sys.modules.get("aiohttp.connector")
    placeholder = getattr(connector, "_TransportPlaceholder", None)
    return [] if placeholder is None else [(placeholder, "__hash__", lambda self: hash(self.closed))]


def _hash(thing: Any) -> int:
    """The number that the host's loop gives ``thing`` when it is first asked for; outside of hosts, the address."""
    try:
        serial: int = thing.simulated_serial
    except AttributeError:
        host = running.host
        if host is None or host.loop is None:
            return object.__hash__(thing)
        serial = host.loop.next_serial()
        try:
            thing.simulated_serial = serial
        except AttributeError:  # it has slots: then all of its kind have the same
            return 0
    return serial
