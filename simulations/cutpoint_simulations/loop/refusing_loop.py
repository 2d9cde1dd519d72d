"""An event loop that refuses what the machine around it would have to do: TLS, UDP, Unix sockets, pipes, children.

What is left is asyncio's own, over a selector.
"""

from __future__ import annotations

from asyncio import selector_events
from typing import TYPE_CHECKING, Any, NoReturn

from cutpoint_simulations.loop.selector import HostSelector
from cutpoint_simulations.refusal import not_simulated

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host


class RefusingLoop(selector_events.BaseSelectorEventLoop):
    """Refuses in the name of ``host``."""

    def __init__(self, host: Host, selector: HostSelector) -> None:
        self.host = host
        super().__init__(selector)

    def run_forever(self) -> NoReturn:
        """Refused: the simulation runs all loops."""
        self._refuse("an event loop run by itself", "let the simulation run it")

    def run_until_complete(self, future: Any) -> NoReturn:
        """Refused: the simulation runs all loops."""
        self._refuse("an event loop run by itself", "let the simulation run it")

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        """See `asyncio.loop.create_connection`. TLS is refused."""
        if options.get("ssl"):
            self._refuse("TLS", "speak http:// inside a simulation")
        return await super().create_connection(*arguments, **options)

    async def create_server(self, *arguments: Any, **options: Any) -> Any:
        """See `asyncio.loop.create_server`. TLS is refused."""
        if options.get("ssl"):
            self._refuse("TLS", "speak http:// inside a simulation")
        return await super().create_server(*arguments, **options)

    def _make_ssl_transport(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse("TLS", "speak http:// inside a simulation")

    async def start_tls(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("TLS", "speak http:// inside a simulation")

    async def create_datagram_endpoint(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("UDP", "use TCP")

    async def create_unix_server(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("a Unix socket", "use TCP")

    async def create_unix_connection(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("a Unix socket", "use TCP")

    async def subprocess_exec(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("a child process", "make it a host of its own")

    async def subprocess_shell(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("a child process", "make it a host of its own")

    async def connect_read_pipe(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("a pipe", "use TCP")

    async def connect_write_pipe(self, *_: Any, **__: Any) -> NoReturn:
        """Refused."""
        self._refuse("a pipe", "use TCP")

    def _refuse(self, what: str, instead: str) -> NoReturn:
        self.host.refuse(not_simulated(what, instead))
