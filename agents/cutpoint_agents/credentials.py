"""How an agent shows a coordinator who it is, and finds out whether it is one: with a token that is never sent.

A coordinator that does not prove that it knows the token is told nothing, not even which process this is.
"""

from __future__ import annotations

import ssl

import aiohttp

from cutpoint.access import ClientTls, Token
from cutpoint.access.handshake import ASKING, AgentSide, signed_headers
from cutpoint.errors import ConfigurationError, CoordinatorUnreachable


class Credentials:
    """``token``: None where the coordinators ask for none; ``tls``: whom to believe behind an ``https`` URL."""

    def __init__(self, token: Token | None = None, tls: ClientTls | None = None) -> None:
        self._token = token
        self._tls = tls or ClientTls()
        self._context: ssl.SSLContext | None = None

    def context(self, url: str) -> ssl.SSLContext | None:
        """What a connection to ``url`` is made with; None without TLS. Raises `ConfigurationError`."""
        if not url.startswith(("https:", "wss:")):
            return None
        if self._context is None:
            self._context = self._tls.context()
        return self._context

    def begin(self) -> AgentSide | None:
        """One exchange of proofs; None without a token."""
        return None if self._token is None else AgentSide(self._token)

    async def prove(
        self, exchange: AgentSide, connection: aiohttp.ClientWebSocketResponse, url: str, seconds: float
    ) -> None:
        """Believe the coordinator, and be believed. Raises `CutpointError` unless it knows the token."""
        try:
            message = await connection.receive(timeout=seconds)
        except TimeoutError as error:
            raise CoordinatorUnreachable(
                f"the coordinator at {url} said nothing in time; this agent goes on trying"
            ) from error
        denied = message.type is aiohttp.WSMsgType.CLOSE and message.data == aiohttp.WSCloseCode.POLICY_VIOLATION
        if not denied and message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
            raise CoordinatorUnreachable(
                f"the connection to the coordinator at {url} is lost; this agent goes on trying"
            )
        proof = exchange.proof(message.data) if message.type is aiohttp.WSMsgType.TEXT else None
        if proof is None:
            raise ConfigurationError(
                f"what answers at {url} does not prove that it knows this agent's token; it was told nothing; "
                "correct the URL or the token, or let the coordinator ask for tokens"
            )
        await connection.send_str(proof.encode())

    def headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """What proves, for this one request, that the token is known."""
        return {} if self._token is None else signed_headers(self._token, method, path, body)


def asking(exchange: AgentSide | None) -> dict[str, str]:
    """The header with which an exchange begins."""
    return {} if exchange is None else {ASKING: exchange.header}
