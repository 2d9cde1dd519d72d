"""Channels whose other end has no agent: a browser, a third party. They lie outside every cut, which lists them.

Nothing is added to what travels. The object that was given stays what it was, except that ``receive`` opens a turn,
so that state is not recorded in the middle of handling a message, and that a recovery closes it.
"""

from __future__ import annotations

from typing import Any

from aiohttp import WSMessage, WSMsgType

from cutpoint_agents.aiohttp_websocket.transport import AiohttpTransport, Raw
from cutpoint_agents.endpoint import SERVICE_RESTART
from cutpoint_agents.switchboard import Switchboard

_ENDS = frozenset((WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR))


class Boundary:
    """One such channel. It puts its own ``receive`` and ``close`` in the place of the given object's."""

    def __init__(self, board: Switchboard, raw: Raw, label: str) -> None:
        kind: Any = type(raw)
        self._board = board
        self._label = label
        self._transport = AiohttpTransport(raw)
        self._receive = kind.receive.__get__(raw)
        self._close = kind.close.__get__(raw)
        self._ended = False
        instance: Any = raw
        instance.receive = self.receive
        instance.close = self.close
        board.boundary_opened(self, label)

    @property
    def title(self) -> str:
        """How reports call it."""
        return f"{self._label} (boundary)"

    @property
    def turns_over(self) -> bool:
        """Whether it will begin no more turns."""
        return self._ended

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """The next message, once turns are given out: it begins one."""
        turns = self._board.turns
        outer = turns.before_receive(self)
        message: WSMessage = await self._receive(timeout)
        if message.type in _ENDS:
            self._end()
        elif outer is None:
            await turns.open(self)
        return message

    async def close(self, **how: Any) -> bool:
        """Close the connection."""
        self._end()
        closed: bool = await self._close(**how)
        return closed

    def roll_back(self) -> None:
        """A recovery: the other end will have to connect again."""
        self._end()
        task = self._board.background.spawn(self._transport.close(SERVICE_RESTART, "recovery"))
        task.add_done_callback(lambda _: self._transport.abort())

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._board.boundary_closed(self)
