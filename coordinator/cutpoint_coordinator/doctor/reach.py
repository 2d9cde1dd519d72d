"""How the doctor reaches a coordinator: as every command does, with the same token and the same certificates."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from email.utils import parsedate_to_datetime

import aiohttp
import msgspec
from yarl import URL

from cutpoint.access import ClientTls, Token
from cutpoint_coordinator.answers import HealthAnswer
from cutpoint_coordinator.client import CoordinatorClient

_SECONDS = 5.0
_BYTES_MAX = 64 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """The coordinator at ``url``. ``token``: what it is shown; ``tls``: whom to believe."""

    url: str
    token: Token | None = None
    tls: ClientTls = dataclasses.field(default_factory=ClientTls)
    plain_http: bool = False

    def client(self) -> CoordinatorClient:
        """A client of it that follows the leader. Raises `ConfigurationError`."""
        return CoordinatorClient(self.url, token=self.token, tls=self.tls, plain_http=self.plain_http)

    async def health(self) -> tuple[HealthAnswer, float]:
        """What this one coordinator says of itself, and its clock, in seconds since 1970.

        Raises what aiohttp raises, `TimeoutError`, and `ValueError` for another answer. No token is shown.
        """
        connector = aiohttp.TCPConnector(ssl=self.tls.context()) if self._url.scheme == "https" else None
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
            session.get(f"{self.url.rstrip('/')}/healthz", allow_redirects=False) as response,
        ):
            body = await response.content.read(_BYTES_MAX)
            date = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()
        return msgspec.json.decode(body, type=HealthAnswer), date

    async def certificate_ends(self) -> float | None:
        """When its certificate ends, in seconds since 1970; None: it serves without TLS.

        Raises `OSError`, of which `ssl.SSLError` is one, and `TimeoutError`.
        """
        url = self._url
        if url.scheme != "https":
            return None
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_connection(url.host, url.port, ssl=self.tls.context())
        try:
            shown: dict[str, str] = writer.get_extra_info("peercert")
        finally:
            writer.transport.abort()
        return float(ssl.cert_time_to_seconds(shown["notAfter"]))

    @property
    def _url(self) -> URL:
        return URL(self.url if "://" in self.url else f"http://{self.url}")
