"""One question to a coordinator: found, followed to the leader, asked again until it is answered or the time is over.

Every request that changes something carries an Idempotency-Key, drawn once and given again with each try, so that
trying again does nothing twice. Whoever answers at the address is not trusted to be a coordinator: an answer of
another shape is `CoordinatorUnreachable`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
import msgspec
from yarl import URL

from cutpoint.access import ClientTls, Token, is_loopback, tls_complaint
from cutpoint.errors import (
    ConfigurationError,
    CoordinatorUnreachable,
    CutpointError,
    Damaged,
    ObjectMissing,
    RegistryError,
    StoreError,
)
from cutpoint_coordinator.answers import Fault, FaultAnswer

T = TypeVar("T")

ANSWER_BYTES_MAX = 256 * 1024 * 1024
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
PATIENCE_SECONDS = 10.0
"""For how long a coordinator that went away is looked for: longer than another one takes to lead."""

HOPS_MAX = 5
"""How often in a row one coordinator may name another one as the leader before a pause is made."""

_PAUSE_SECONDS = 0.05
_PAUSE_SECONDS_MAX = 1.0

_KINDS: dict[str, type[CutpointError]] = {
    "damaged": Damaged,
    "missing": ObjectMissing,
    "store_unreachable": StoreError,
    "registry_unreachable": RegistryError,
}

_WAITING_HELPS = ("not_leading", "not_ready", "registry_unreachable")


class Declined(CutpointError):
    """The coordinator did not do what it was asked. ``code`` is stable."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class _Away(CoordinatorUnreachable):
    """The question was not answered; asking again, with the same key, is safe. ``refused``: it reached nobody."""

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


class Asking:
    """Asks the coordinators at ``urls``, the leader among them. Use it as an async context manager.

    ``token``: what it shows; ``tls``: whom it believes, for an ``https`` URL. A token does not leave this machine
    unencrypted unless ``plain_http`` says that it may. ``patience_seconds``: for how long a coordinator that was there
    and went away is asked again. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        token: Token | None = None,
        tls: ClientTls | None = None,
        plain_http: bool = False,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        given = (urls,) if isinstance(urls, str) else tuple(urls)
        if not given:
            raise ConfigurationError("no coordinator's address was given; nothing was done; write http://HOST:PORT")
        self.urls = tuple(base_of(url) for url in given)
        self.url = self.urls[0]
        self._token = token
        self._tls = tls or ClientTls()
        self._plain_http = plain_http
        self._secure = any(url.scheme == "https" for url in self.urls)
        for url in self.urls:
            self._headers(url)
        self._patience_seconds = patience_seconds
        self._met = len(self.urls) > 1
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Begin. `close` it in the end."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        meets_tls = self._secure or self._tls != ClientTls()
        connector = aiohttp.TCPConnector(ssl=self._tls.context()) if meets_tls else None
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True, connector=connector)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: object = None,
        *,
        answer_seconds: float | None = ANSWER_SECONDS,
    ) -> T:
        """The answer as ``kind``. Raises `CutpointError`."""
        loop = asyncio.get_running_loop()
        until = None if answer_seconds is None else loop.time() + answer_seconds
        key = "" if method == "GET" else secrets.token_hex(16)
        troubled_at: float | None = None
        pause, hops = _PAUSE_SECONDS, 0
        while True:
            left = None if until is None else max(0.1, until - loop.time())
            trouble: CutpointError
            try:
                status, data = await self._request(self.url, method, path, body, left, key)
            except _Away as away:
                if away.refused and not self._met:
                    raise
                trouble, leader = away, None
            else:
                self._met = True
                if status < 400:
                    return decode(self.url, data, kind)
                fault = decode(self.url, data, FaultAnswer).error
                trouble = error_of(fault)
                if fault.code not in _WAITING_HELPS:
                    raise trouble
                leader = base_of(fault.leader) if fault.leader else None
            now = loop.time()
            troubled_at = now if troubled_at is None else troubled_at
            if now - troubled_at >= self._patience_seconds and (leader in (None, self.url) or hops > HOPS_MAX):
                raise trouble
            hops += 1
            self._turn_to(leader)
            if leader is None or hops > HOPS_MAX:
                await asyncio.sleep(min(pause, self._patience_seconds))
                pause, hops = min(2 * pause, _PAUSE_SECONDS_MAX), 0

    def _turn_to(self, leader: URL | None) -> None:
        """Ask ``leader`` next, or the next one of those that are known."""
        if leader is not None and leader != self.url:
            self.url = leader
            return
        place = self.urls.index(self.url) + 1 if self.url in self.urls else 0
        self.url = self.urls[place % len(self.urls)]

    async def _request(
        self, base: URL, method: str, path: str, body: object, answer_seconds: float | None, key: str = ""
    ) -> tuple[int, bytes]:
        assert self._session is not None, "use the client as a context manager"
        content = None if body is None else msgspec.json.encode(body)
        headers = self._headers(base)
        if content is not None:
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        try:
            async with asyncio.timeout(answer_seconds):
                async with self._session.request(
                    method, URL(f"{base}{path}", encoded=True), data=content, headers=headers, allow_redirects=False
                ) as response:
                    data = bytearray()
                    async for chunk in response.content.iter_any():
                        data += chunk
                        if len(data) > ANSWER_BYTES_MAX:
                            raise ValueError(f"its answer is longer than {ANSWER_BYTES_MAX} bytes")
        except TimeoutError as error:
            raise CoordinatorUnreachable(
                f"the coordinator at {base} did not answer within the time; what it was asked for may still happen; "
                "look with `cutpoint topology`"
            ) from error
        except aiohttp.ClientSSLError as error:
            raise CoordinatorUnreachable(
                f"the certificate of {base} is not believed, or it does not believe ours ({tls_complaint(error)}); "
                "nothing was sent; say whom to believe with --tls-ca FILE, and what to show with --tls-cert FILE"
            ) from error
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise _Away(
                f"nobody answers at {base} ({reason_of(error)}); nothing was done; "
                "start one with `cutpoint coordinator`, or say where it is with --coordinator URL",
                refused=True,
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            message = (
                f"what answers at {base} is no coordinator, or it went away ({reason_of(error)}); "
                "what it was asked for may have happened; look with `cutpoint topology`, or correct --coordinator URL"
            )
            if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError):
                raise _Away(message, refused=False) from error
            raise CoordinatorUnreachable(message) from error
        return response.status, bytes(data)

    def _headers(self, base: URL) -> dict[str, str]:
        """The headers that show the token to ``base``. Raises `ConfigurationError` where it could be overheard."""
        if self._token is None:
            return {}
        overheard = base.scheme != "https" and not is_loopback(base.host or "")
        if overheard and (not self._plain_http or self._secure):
            raise ConfigurationError(
                f"{base} is reached without TLS, and the token could be read on the way; nothing was sent; "
                "give the coordinator a certificate and write https://, or allow it: CUTPOINT_PLAIN_HTTP=1"
            )
        return {"Authorization": f"Bearer {self._token.reveal()}"}


def base_of(url: str) -> URL:
    """The address without a path. Raises `ConfigurationError`."""
    try:
        base = URL(url if "://" in url else f"http://{url}")
        good = base.scheme in ("http", "https") and bool(base.host) and base.path in ("", "/") and not base.query_string
    except ValueError:
        base, good = URL(), False
    if not good:
        raise ConfigurationError(f"{url!r} is not a coordinator's address; nothing was done; write http://HOST:PORT")
    return base.origin()


def decode(base: URL, data: bytes, kind: type[T]) -> T:
    """``data`` as ``kind``. Raises `CoordinatorUnreachable`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise CoordinatorUnreachable(
            f"what answers at {base} is no coordinator of this version; nothing is known to have been done; "
            "correct --coordinator URL, or install the same version of Cutpoint at both ends"
        ) from error


def error_of(fault: Fault) -> CutpointError:
    """What to raise of a fault."""
    message = f"{fault.message}; {fault.remedy}"
    kind = _KINDS.get(fault.code)
    return Declined(message, fault.code) if kind is None else kind(message)


def reason_of(error: BaseException) -> str:
    """Why a connection failed, in a few words."""
    cause: Any = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        return os.strerror(cause.errno)
    return " ".join(str(cause).split()) or type(cause).__name__
