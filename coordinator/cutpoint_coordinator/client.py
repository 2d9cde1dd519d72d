"""The HTTP API from the outside: one method for each thing that may be asked, answers as values of `answers`.

A coordinator that does not lead says who does; the client asks there, once. Faults are raised as `CutpointError`
with a line that says what to do. Whoever answers at the address is not trusted to be a coordinator: an answer of
another shape is `CoordinatorUnreachable`.
"""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from cutpoint.access import ClientTls, Token, is_loopback
from cutpoint.errors import (
    ConfigurationError,
    CoordinatorUnreachable,
    CutpointError,
    Damaged,
    ObjectMissing,
    RegistryError,
    StoreError,
)
from cutpoint_coordinator.access.answers import (
    GRACE_SECONDS,
    AuditAnswer,
    NewTokenAnswer,
    TokenAnswer,
    TokensAnswer,
)
from cutpoint_coordinator.access.scopes import Scope
from cutpoint_coordinator.answers import (
    CollectionStatus,
    CutAnswer,
    CutsAnswer,
    FaultAnswer,
    HealthAnswer,
    HistoryAnswer,
    MarksAnswer,
    PointDetailAnswer,
    PointsAnswer,
    RecoveriesAnswer,
    RecoveryAnswer,
    ReleaseAnswer,
    TopologyAnswer,
    VerifyAnswer,
)
from cutpoint_coordinator.monitoring.answers import MonitorAnswer, MonitorsAnswer
from cutpoint_coordinator.policy_answers import PolicyAnswer
from cutpoint_coordinator.upkeep import CollectionAnswer

if TYPE_CHECKING:
    from cutpoint.monitors.deployed import Deployed

T = TypeVar("T", bound=msgspec.Struct)

ANSWER_BYTES_MAX = 256 * 1024 * 1024
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
_GRACE_SECONDS = 10.0
_LOADING_SECONDS = 90.0
"""How long a coordinator may take to try whether a monitor can be loaded."""

_OF_MONITORS = ("code", "python", "description", "period_seconds", "seconds", "memory_bytes", "pins", "by")

_KINDS: dict[str, type[CutpointError]] = {
    "damaged": Damaged,
    "missing": ObjectMissing,
    "store_unreachable": StoreError,
    "registry_unreachable": RegistryError,
}


class Declined(CutpointError):
    """The coordinator did not do what it was asked. ``code`` is stable."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class CoordinatorClient:
    """Asks the coordinator at ``url``. Use it as an async context manager.

    ``token``: what it shows; ``tls``: whom it believes, for an ``https`` URL. A token does not leave this machine
    unencrypted unless ``plain_http`` says that it may. Raises `ConfigurationError`.
    """

    def __init__(
        self, url: str, *, token: Token | None = None, tls: ClientTls | None = None, plain_http: bool = False
    ) -> None:
        self.url = _base(url)
        self._token = token
        self._tls = tls or ClientTls()
        self._plain_http = plain_http
        self._authorization(self.url)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> CoordinatorClient:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        connector = aiohttp.TCPConnector(ssl=self._tls.context()) if self._may_meet_tls else None
        self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True, connector=connector)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def health(self) -> HealthAnswer:
        """Whether the coordinator leads."""
        return await self._ask("GET", "/healthz", HealthAnswer)

    async def cut(self, *, wait: bool = True, timeout_seconds: float = 60.0) -> CutAnswer:
        """Take a cut. ``state`` of the answer is ``open`` if it has not ended within the time."""
        body = {"wait": wait, "timeout_seconds": timeout_seconds}
        return await self._ask("POST", "/v1/cuts", CutAnswer, body, answer_seconds=timeout_seconds + _GRACE_SECONDS)

    async def cut_state(self, cut: int) -> CutAnswer:
        """How it stands with one cut."""
        return await self._ask("GET", f"/v1/cuts/{cut}", CutAnswer)

    async def cuts(self) -> CutsAnswer:
        """All cuts, ascending."""
        return await self._ask("GET", "/v1/cuts", CutsAnswer)

    async def history(self, *, limit: int = 50, before: int = 0) -> HistoryAnswer:
        """How cuts went: figures, hours, and the newest cuts (below number ``before``, if it is not 0)."""
        return await self._ask("GET", f"/v1/history?limit={limit}&before={before}", HistoryAnswer)

    async def points(self) -> PointsAnswer:
        """All recovery points, ascending."""
        return await self._ask("GET", "/v1/points", PointsAnswer)

    async def point(self, cut: int) -> PointDetailAnswer:
        """One recovery point with its manifest and certificate."""
        return await self._ask("GET", f"/v1/points/{cut}", PointDetailAnswer)

    async def verify(self, cut: int | None = None) -> VerifyAnswer:
        """Read one recovery point back, or all; takes as long as it takes."""
        return await self._ask("POST", "/v1/verify", VerifyAnswer, {"cut": cut}, answer_seconds=None)

    async def mark(self, cut: int, event: str, *, label: str = "", by: str = "") -> MarksAnswer:
        """Say ``label``, ``unlabel``, ``pin`` or ``unpin`` of a recovery point; what holds of it then."""
        body = {"event": event, "label": label, "by": by}
        return await self._ask("POST", f"/v1/points/{cut}/marks", MarksAnswer, body)

    async def collect(
        self, keep: str = "", *, dry_run: bool = False, per_second: float | None = None, by: str = ""
    ) -> CollectionAnswer:
        """Drop what ``keep`` (empty: the coordinator's own policy) does not keep; takes as long as it takes."""
        body = {"keep": keep, "dry_run": dry_run, "per_second": per_second, "by": by}
        return await self._ask("POST", "/v1/collections", CollectionAnswer, body, answer_seconds=None)

    async def collection(self) -> CollectionStatus:
        """What the coordinator keeps, and how the last collection went."""
        return await self._ask("GET", "/v1/collections", CollectionStatus)

    async def recover(
        self, cut: int | None = None, *, dry_run: bool = False, wait: bool = True, timeout_seconds: float = 60.0
    ) -> RecoveryAnswer:
        """Go back to ``cut`` (None: the last recovery point; 0: the beginning), or only say what that would do."""
        body = {"cut": cut, "dry_run": dry_run, "wait": wait, "timeout_seconds": timeout_seconds}
        seconds = timeout_seconds + _GRACE_SECONDS
        return await self._ask("POST", "/v1/recoveries", RecoveryAnswer, body, answer_seconds=seconds)

    async def recoveries(self) -> RecoveriesAnswer:
        """The recoveries that were completed, ascending."""
        return await self._ask("GET", "/v1/recoveries", RecoveriesAnswer)

    async def release(self, process: str, *, timeout_seconds: float = 60.0) -> ReleaseAnswer:
        """Go on without ``process``, which is gone and will not come back."""
        body = {"process": process, "timeout_seconds": timeout_seconds}
        seconds = timeout_seconds + _GRACE_SECONDS
        return await self._ask("POST", "/v1/releases", ReleaseAnswer, body, answer_seconds=seconds)

    async def monitors(self) -> MonitorsAnswer:
        """The monitors, and what they have found."""
        return await self._ask("GET", "/v1/monitors", MonitorsAnswer)

    async def monitor(self, name: str) -> MonitorAnswer:
        """One monitor, and what it has found."""
        return await self._ask("GET", f"/v1/monitors/{name}", MonitorAnswer)

    async def put_monitor(self, deployed: Deployed) -> MonitorAnswer:
        """Bring a monitor, or replace the one of its name; its code was written by `deploy` of this Python."""
        body = {name: getattr(deployed, name) for name in _OF_MONITORS}
        path = f"/v1/monitors/{deployed.name}"
        return await self._ask("PUT", path, MonitorAnswer, body, answer_seconds=_LOADING_SECONDS)

    async def remove_monitor(self, name: str) -> MonitorAnswer:
        """Take a monitor away, with what it has found."""
        return await self._ask("DELETE", f"/v1/monitors/{name}", MonitorAnswer)

    async def policy(self) -> PolicyAnswer:
        """The policy in force."""
        return await self._ask("GET", "/v1/policy", PolicyAnswer)

    async def declare_policy(
        self,
        toml: str,
        *,
        version: int | None = None,
        dry_run: bool = False,
        by: str = "",
        source: str = "",
    ) -> PolicyAnswer:
        """Declare the policy in a TOML text called ``source``, or only say what it would change.

        ``version``: only if this one is in force; raises `Declined` (``policy_changed``) if another one is.
        """
        body = {"toml": toml, "version": version, "dry_run": dry_run, "by": by, "source": source}
        return await self._ask("PUT", "/v1/policy", PolicyAnswer, body)

    async def topology(self) -> TopologyAnswer:
        """Processes, channels, the open cut, the recovery under way."""
        return await self._ask("GET", "/v1/topology", TopologyAnswer)

    async def tokens(self) -> TokensAnswer:
        """All tokens, without their secrets."""
        return await self._ask("GET", "/v1/tokens", TokensAnswer)

    async def create_token(self, name: str, scope: Scope, *, expires_seconds: float | None = None) -> NewTokenAnswer:
        """Make a token; its secret is told this once."""
        body = {"name": name, "scope": scope, "expires_seconds": expires_seconds}
        return await self._ask("POST", "/v1/tokens", NewTokenAnswer, body)

    async def rotate_token(
        self, name: str, *, grace_seconds: float = GRACE_SECONDS, expires_seconds: float | None = None
    ) -> NewTokenAnswer:
        """Give a token a new secret; the old one counts for ``grace_seconds`` beside it."""
        body = {"grace_seconds": grace_seconds, "expires_seconds": expires_seconds}
        return await self._ask("POST", f"/v1/tokens/{quote(name, safe='')}/rotate", NewTokenAnswer, body)

    async def revoke_token(self, name: str) -> TokenAnswer:
        """Let a token count no more."""
        return await self._ask("DELETE", f"/v1/tokens/{quote(name, safe='')}", TokenAnswer)

    async def audit(self, *, before: int | None = None, limit: int = 100) -> AuditAnswer:
        """Who did what, the newest first; ``before`` of the answer asks for the next page."""
        query = f"?limit={limit}" if before is None else f"?limit={limit}&before={before}"
        return await self._ask("GET", f"/v1/audit{query}", AuditAnswer)

    # --------------------------------------------------------------------------------------------------- inside

    @property
    def _may_meet_tls(self) -> bool:
        return self.url.scheme == "https" or self._tls != ClientTls()

    def _authorization(self, base: URL) -> dict[str, str]:
        """The headers that show the token to ``base``. Raises `ConfigurationError` where it could be overheard."""
        if self._token is None:
            return {}
        overheard = base.scheme != "https" and not is_loopback(base.host or "")
        if overheard and (not self._plain_http or self.url.scheme == "https"):
            raise ConfigurationError(
                f"{base} is reached without TLS, and the token could be read on the way; nothing was sent; "
                "give the coordinator a certificate and write https://, or allow it: CUTPOINT_PLAIN_HTTP=1"
            )
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        body: object = None,
        *,
        answer_seconds: float | None = ANSWER_SECONDS,
    ) -> T:
        status, data = await self._request(self.url, method, path, body, answer_seconds)
        if status >= 400:
            fault = _decode(self.url, data, FaultAnswer).error
            if not fault.leader or _base(fault.leader) == self.url:
                raise _error(fault.code, f"{fault.message}; {fault.remedy}")
            leader = _base(fault.leader)
            status, data = await self._request(leader, method, path, body, answer_seconds)
            if status >= 400:
                fault = _decode(leader, data, FaultAnswer).error
                raise _error(fault.code, f"{fault.message}; {fault.remedy}")
        return _decode(self.url, data, kind)

    async def _request(
        self, base: URL, method: str, path: str, body: object, answer_seconds: float | None
    ) -> tuple[int, bytes]:
        assert self._session is not None, "use the client as an async context manager"
        content = None if body is None else msgspec.json.encode(body)
        headers = self._authorization(base)
        if content is not None:
            headers["Content-Type"] = "application/json"
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
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise CoordinatorUnreachable(
                f"nobody answers at {base} ({_reason(error)}); nothing was done; "
                "start one with `cutpoint coordinator`, or say where it is with --coordinator URL"
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CoordinatorUnreachable(
                f"what answers at {base} is no coordinator, or it went away ({_reason(error)}); "
                "what it was asked for may have happened; look with `cutpoint topology`, or correct --coordinator URL"
            ) from error
        return response.status, bytes(data)


def _base(url: str) -> URL:
    """The address without a path. Raises `ConfigurationError`."""
    try:
        base = URL(url if "://" in url else f"http://{url}")
        good = base.scheme in ("http", "https") and bool(base.host) and base.path in ("", "/") and not base.query_string
    except ValueError:
        base, good = URL(), False
    if not good:
        raise ConfigurationError(f"{url!r} is not a coordinator's address; nothing was done; write http://HOST:PORT")
    return base.origin()


def _decode(base: URL, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise CoordinatorUnreachable(
            f"what answers at {base} is no coordinator of this version; nothing is known to have been done; "
            "correct --coordinator URL, or install the same version of Cutpoint at both ends"
        ) from error


def _error(code: str, message: str) -> CutpointError:
    kind = _KINDS.get(code)
    return Declined(message, code) if kind is None else kind(message)


def _reason(error: BaseException) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
        return os.strerror(cause.errno)
    return " ".join(str(cause).split()) or type(cause).__name__
