"""Objects that programs keep in sets, hashed by a number of the host's own: such a set has the same order in every run.

By itself Python hashes them by their address. These are the objects of asyncio and aiohttp, and the channels of agents;
the futures and tasks of a simulated loop have numbers by themselves. A set of a program's own objects has an order of
its own in every process, unless they say what their hash is.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from asyncio import base_events, selector_events, tasks
from collections.abc import Iterator
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.replacements.serving import Replacement

_OF_ASYNCIO: tuple[type, ...] = (
    *(asyncio.Condition, asyncio.Event, asyncio.Lock, asyncio.Queue, asyncio.Semaphore),
    *(asyncio.StreamReader, asyncio.StreamWriter, base_events.Server),
    *(vars(selector_events)["_SelectorTransport"], vars(tasks)["_GatheringFuture"]),
)
_OF_AIOHTTP = (
    ("aiohttp.client", "ClientSession"),
    ("aiohttp.client_proto", "ResponseHandler"),
    ("aiohttp.client_reqrep", "ClientResponse"),
    ("aiohttp.client_ws", "ClientWebSocketResponse"),
    ("aiohttp.connector", "Connection"),
    ("aiohttp.connector", "_TransportPlaceholder"),
    ("aiohttp.web_protocol", "RequestHandler"),
    ("aiohttp.web_request", "BaseRequest"),
    ("aiohttp.web_response", "StreamResponse"),
)
_OF_AGENTS = (
    ("cutpoint_agents.aiohttp_websocket", "WrappedClient"),
    ("cutpoint_agents.aiohttp_websocket", "WrappedServer"),
    ("cutpoint_agents.aiohttp_websocket", "Wrapping"),
)


def replacements() -> list[Replacement]:
    """The hash of each class that is there."""
    return [(kind, "__hash__", _hash) for kind in (*_OF_ASYNCIO, *_of_libraries())]


def _of_libraries() -> Iterator[type]:
    for module, name in (*_OF_AIOHTTP, *_OF_AGENTS):
        if module.startswith("aiohttp"):
            try:
                importlib.import_module(module)
            except ImportError:  # it is not installed
                continue
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None:
            yield kind


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
