"""What every request passes before anything else: who asks, whether they may, how often, and the audit log.

A coordinator that was given no token, and whose registry has none, asks for none; then a page that a browser has been
lured to must not reach it under a name that is not its own (DNS rebinding). A token that is right is never kept out by
others' wrong ones: a secret cannot be guessed, so the limit on wrong ones protects the coordinator's time and its audit
log, and would otherwise be a way to lock others out.

When a token is revoked or expires, what its holder has open is closed at that moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from cutpoint.access import handshake
from cutpoint.policy import Policy, may
from cutpoint.wire.checks import one_line
from cutpoint_coordinator.access.audit import Act, Audit
from cutpoint_coordinator.access.callers import ANYBODY, ASKING, Asking, Caller, forbidden
from cutpoint_coordinator.access.limits import Limit, retry_after
from cutpoint_coordinator.access.scopes import Rule, included, rule_of
from cutpoint_coordinator.access.tokens import TokenBook
from cutpoint_coordinator.bodies import body_bytes
from cutpoint_coordinator.faults import Handler, Refused

TOLD = ("cut", "process", "event", "label", "keep", "name", "scope", "expires_seconds", "dry_run")
"""What of a body the audit log keeps: nothing that could be a secret."""

AGENTS_PATH = "/v1/agents"
"""Where agents connect, and prove who they are once they have."""

FAILURES_PER_SECOND = 1 / 6
FAILURES_BURST = 10.0
EXPIRY_SECONDS_MAX = 24 * 3600.0

_CHALLENGE = 'Bearer realm="cutpoint"'


class _Passed:
    """A request that was let through and has not ended."""

    def __init__(self, request: web.Request, asking: Asking) -> None:
        self.asking = asking
        self._request = request
        self._expiry: asyncio.TimerHandle | None = None

    def ends(self, until: float | None) -> None:
        """It may last until then, in seconds of the epoch; None: as long as it likes."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if until is not None:
            seconds = min(EXPIRY_SECONDS_MAX, max(0.0, until - time.time()))
            self._expiry = asyncio.get_running_loop().call_later(seconds, self.hang_up)

    def hang_up(self) -> None:
        """Close its connection, in whatever it is."""
        if self._request.transport is not None:
            self._request.transport.abort()


class Gate:
    """The gate of one coordinator. ``hosts``: names that it is reached under, besides addresses and localhost.

    ``leading`` raises `Refused` while another coordinator leads; ``policy``: the one in force, as far as is known.
    """

    def __init__(
        self,
        *,
        tokens: TokenBook,
        audit: Audit,
        hosts: tuple[str, ...],
        per_second: float,
        leading: Callable[[], object],
        policy: Callable[[], Policy],
    ) -> None:
        self._tokens = tokens
        self._audit = audit
        self._leading = leading
        self._policy = policy
        self._hosts = dict.fromkeys(name.lower() for name in ("localhost", *hosts))
        self._requests = Limit(per_second=per_second, burst=2 * per_second)
        self._failures = Limit(per_second=FAILURES_PER_SECOND, burst=FAILURES_BURST)
        self._open: dict[int, _Passed] = {}
        self._passed = 0

    @property
    def middleware(self) -> Middleware:
        """To be put before every handler."""

        @web.middleware
        async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._pass(request, handler)

        return gate

    def tokens_changed(self) -> None:
        """Close what is open under a token that counts no more; who has just changed it still gets the answer."""
        now = ASKING.get(None)
        for passed in tuple(self._open.values()):
            standing = self._tokens.counting(passed.asking.caller.key)
            if standing is not None:
                passed.ends(standing.until)
            elif passed.asking is not now:
                passed.hang_up()

    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        rule = rule_of(request.method, resource.canonical if resource is not None else None)
        if rule.scope is None:
            return await handler(request)
        asking = await self._asking(request, rule)
        caller = asking.caller
        ASKING.set(asking)
        self._limit(request, caller, rule)
        if not caller.may(rule.scope) and not (rule.agents and caller.scope == "agent"):
            what = rule.act or f"{request.method} {request.path[:100]}"
            self._audit.denied(who=caller.title, what=what, origin=address_of(request), why=f"it may {caller.scope}")
            raise forbidden(caller, rule.scope, what)
        self._ask_policy(request, caller, rule)
        with self._counted(request, asking):
            return await self._audited(request, handler, asking, rule)

    # -------------------------------------------------------------------------------------------------- who asks

    async def _asking(self, request: web.Request, rule: Rule) -> Asking:
        if not self._tokens.loaded:
            raise Refused(
                503, "not_ready", "this coordinator does not know the tokens yet; nothing was done", "try again"
            )
        if not self._tokens.wanted:
            self._check_host(request)
            return Asking(caller=ANYBODY)
        given = request.headers.get("Authorization", "")
        if (rule.scope == "agent" or rule.agents) and handshake.ASKING in request.headers:
            return await self._agent(request)
        kind, _, token = given.partition(" ")
        holder = self._tokens.holder(token.strip()) if kind.lower() == "bearer" else None
        if holder is None:
            raise self.failed(request, "the token is unknown, or counts no more" if given else "no token was given")
        return Asking(caller=holder)

    async def _agent(self, request: web.Request) -> Asking:
        """An agent, which does not send its token: it has signed this request, or begins an exchange of proofs."""
        asked = handshake.Asked.read(request.headers[handshake.ASKING])
        found = self._tokens.verifier(asked.id) if asked is not None else None
        if asked is None or found is None:
            raise self.failed(request, "the token is unknown, or counts no more")
        verifier, caller = found
        signature = request.headers.get(handshake.SIGNED)
        if signature is None:
            if request.path != AGENTS_PATH:
                raise self.failed(request, "the request is not signed")
            return Asking(caller=caller, exchange=handshake.CoordinatorSide(asked, verifier))
        body = await body_bytes(request)
        if not handshake.signs(verifier, asked, signature, request.method, request.path_qs, body):
            raise self.failed(request, "the request's signature is wrong, or the clocks are too far apart")
        return Asking(caller=caller)

    def failed(self, request: web.Request, why: str) -> Refused:
        """The answer to somebody who has no right token; noted, and limited."""
        address = address_of(request)
        self._audit.denied(who="nobody known", what="log in", origin=address_of(request), why=why)
        wait = self._failures.take(address)
        if wait:
            return Refused(
                429,
                "too_many_failures",
                f"{why}, and too often from {address}; nothing was done",
                "give a right token, or wait",
                headers={"Retry-After": retry_after(wait)},
            )
        error = ', error="invalid_token"' if request.headers.get("Authorization") else ""
        return Refused(
            401,
            "unauthorized",
            f"{why}; nothing was done",
            "give a token: cutpoint tokens create on the coordinator's side, CUTPOINT_TOKEN on this one",
            headers={"WWW-Authenticate": _CHALLENGE + error},
        )

    def _limit(self, request: web.Request, caller: Caller, rule: Rule) -> None:
        """Raise `Refused` for somebody who asks too often; agents connect as often as they must."""
        wait = 0.0 if rule.scope == "agent" else self._requests.take(caller.key or address_of(request))
        if wait:
            raise Refused(
                429,
                "too_many_requests",
                "too many requests in a short time; this one was not done",
                "ask less often, or follow /v1/events",
                headers={"Retry-After": retry_after(wait)},
            )

    def _ask_policy(self, request: web.Request, caller: Caller, rule: Rule) -> None:
        """Raise `Refused` for somebody whose scope is enough, and whom the declared policy does not let do it.

        Where no token is asked for, nobody has a name that a policy could give.
        """
        if rule.policy is None or not caller.name:
            return
        self._leading()
        why = may(self._policy(), rule.policy, name=caller.name, scopes=included(caller.scope))
        if why:
            self._audit.denied(who=caller.title, what=rule.act, origin=address_of(request), why="the policy")
            raise Refused(
                403, "forbidden", why, f"ask who may change the policy, or use another token than {caller.name}"
            )

    def _check_host(self, request: web.Request) -> None:
        name = host_of(request.host)
        if name in self._hosts or _is_address(name):
            return
        raise Refused(
            403,
            "unknown_host",
            f"this coordinator is not {one_line(name)[:100]}; nothing was done",
            "ask it under its address, or give it a token: then it answers under every name",
        )

    # ------------------------------------------------------------------------------------------------ while it runs

    @contextlib.contextmanager
    def _counted(self, request: web.Request, asking: Asking) -> Iterator[None]:
        """See to it that ``request`` ends when its caller's token does."""
        self._passed += 1
        number = self._passed
        passed = _Passed(request, asking)
        if asking.caller.key:
            self._open[number] = passed
            passed.ends(asking.caller.until)
        try:
            yield
        finally:
            self._open.pop(number, None)
            passed.ends(None)

    async def _audited(self, request: web.Request, handler: Handler, asking: Asking, rule: Rule) -> web.StreamResponse:
        if not rule.act:
            return await handler(request)
        self._leading()
        target = await _target(request)
        origin = address_of(request)
        act: Act | None = None
        if rule.first:
            act = await self._audit.begin(who=asking.caller.title, what=rule.act, target=target, origin=origin)
        outcome = "not known: the request was broken off"
        try:
            response = await handler(request)
            outcome = asking.outcome or ("done" if response.status != 202 else "begun, and not waited for")
            return response
        except Refused as refused:
            outcome = f"refused: {refused.fault.code}"
            raise
        except Exception as error:
            outcome = f"failed: {type(error).__name__}"
            raise
        finally:
            if act is not None:
                self._audit.finish(act, outcome)
            else:
                self._audit.note(who=asking.caller.title, what=rule.act, target=target, origin=origin, outcome=outcome)


def address_of(request: web.Request) -> str:
    """The address that a request came from. What a proxy says of others is not believed."""
    return request.remote or "unknown"


def host_of(host: str) -> str:
    """The name in a Host header, without the port."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def _target(request: web.Request) -> str:
    """What a request is about, in a few words: the path's own, and what of its body may be kept."""
    words = list(request.match_info.values())
    body = await body_bytes(request)
    with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        asked = msgspec.json.decode(body) if body else {}
        if isinstance(asked, dict):
            words += [f"{name}={_word(asked[name])}" for name in TOLD if asked.get(name) is not None]
    return " ".join(words)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:80] if isinstance(value, str | int | float) else "..."
