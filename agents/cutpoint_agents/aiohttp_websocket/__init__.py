"""The adapter for aiohttp's WebSockets: client and server, wrapped so that they are used as before.

* `transport`: one WebSocket as a carrier of sessions, and how to dial it again;
* `surface`: what the application holds, attribute for attribute what aiohttp would have given it;
* `wrapping`: from aiohttp's object to ours, whichever of the three kinds it is;
* `boundary`: channels whose other end has no agent;
* `carriers`: the middleware that serves resumed connections and holds requests while the process is restored.
"""

from __future__ import annotations

from cutpoint_agents.aiohttp_websocket.carriers import install
from cutpoint_agents.aiohttp_websocket.surface import WrappedClient, WrappedServer, endpoint_of
from cutpoint_agents.aiohttp_websocket.transport import Dialling
from cutpoint_agents.aiohttp_websocket.wrapping import Wrapping, wrap

__all__ = ["Dialling", "WrappedClient", "WrappedServer", "Wrapping", "endpoint_of", "install", "wrap"]
