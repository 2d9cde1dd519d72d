"""Who may do what: every route asks for a scope, each scope is refused what it may not do, and the reply says why."""

from __future__ import annotations

import contextlib
from typing import Any

import aiohttp
import msgspec
import pytest

from cutpoint.access import Token
from cutpoint_coordinator.access.scopes import RULES, SCOPES, Scope, includes, rule_of
from cutpoint_coordinator.answers import FaultAnswer
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.service import Service
from tests.coordinator.conftest import Serve

ADMIN = Token.generate()


async def call(
    service: Service, method: str, path: str, token: Token | str | None = None, *, headers: Any = None, body: Any = None
) -> tuple[int, str, dict[str, str]]:
    """The status, the code of the fault, and the headers of the answer."""
    given = dict(headers or {})
    if token is not None:
        given["Authorization"] = f"Bearer {token.reveal() if isinstance(token, Token) else token}"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, service.url + path, headers=given, json=body) as response,
    ):
        data = await response.read()
    code = ""
    with contextlib.suppress(msgspec.MsgspecError):
        code = msgspec.json.decode(data, type=FaultAnswer).error.code
    return response.status, code, dict(response.headers)


async def make(service: Service, name: str, scope: Scope, seconds: float | None = None) -> Token:
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        return Token.parse((await client.create_token(name, scope, expires_seconds=seconds)).secret)


def test_a_scope_includes_those_before_it_and_agents_are_apart() -> None:
    ladder: tuple[Scope, ...] = ("observe", "trigger", "restore", "administer")
    for at, held in enumerate(ladder):
        assert [includes(held, needed) for needed in ladder] == [at >= other for other in range(4)]
        assert not includes(held, "agent")
        assert not includes("agent", held)
    assert includes("agent", "agent")


async def test_every_route_is_in_the_table(serve: Serve) -> None:
    service = await serve()
    served = [
        ("GET" if route.method == "HEAD" else route.method, route.resource.canonical)
        for route in service.api.application().router.routes()
        if route.resource is not None
    ]
    assert [route for route in served if route not in RULES] == []
    assert [route for route in RULES if route not in served] == []


def test_a_route_that_was_forgotten_asks_for_the_highest_scope_and_is_audited() -> None:
    rule = rule_of("POST", "/v1/forgotten")
    assert (rule.scope, rule.first, rule.act) == ("administer", True, "POST /v1/forgotten")


def _path(canonical: str) -> str:
    return canonical.replace("{number}", "1").replace("{incarnation}", "1").replace("{name}", "nobody")


async def test_each_scope_is_refused_what_it_may_not_do(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    tokens = {scope: await make(service, f"token-{scope}", scope) for scope in SCOPES}
    refused = 0
    for (method, canonical), rule in RULES.items():
        if rule.scope is None:
            assert (await call(service, method, _path(canonical)))[0] in (200, 503)
            continue
        status, code, headers = await call(service, method, _path(canonical))
        assert (status, code) in ((401, "unauthorized"), (429, "too_many_failures")), (method, canonical)
        for scope, token in tokens.items():
            if includes(scope, rule.scope) or (rule.agents and scope == "agent"):
                continue
            status, code, headers = await call(service, method, _path(canonical), token)
            assert (status, code) == (403, "forbidden"), (method, canonical, scope)
            assert f'scope="{rule.scope}"' in headers["WWW-Authenticate"]
            refused += 1
    assert refused > 30


async def test_each_scope_may_do_what_is_its_own(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    tokens = {scope: await make(service, f"token-{scope}", scope) for scope in SCOPES if scope != "agent"}
    for scope, (method, path, status) in {
        "observe": ("GET", "/v1/topology", 200),
        "trigger": ("POST", "/v1/cuts", 409),
        "restore": ("POST", "/v1/recoveries", 409),
        "administer": ("GET", "/v1/audit", 200),
    }.items():
        assert (await call(service, method, path, tokens[scope]))[0] == status  # type: ignore[index]


async def test_the_policy_narrows_what_scopes_may_from_the_moment_it_is_declared(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    ci = await make(service, "ci", "trigger")
    ops, boss = await make(service, "ops", "restore"), await make(service, "boss", "administer")
    acts = {
        "cuts": ("/v1/cuts", {}),
        "back": ("/v1/recoveries", {}),
        "collect": ("/v1/collections", {"keep": "last 1"}),
    }

    async def may(token: Token, act: str) -> bool:
        path, body = acts[act]
        status, code, _ = await call(service, "POST", path, token, body=body)
        assert status in (200, 403, 409)
        return (status, code) != (403, "forbidden")

    assert [await may(ci, "cuts"), await may(ops, "back"), await may(boss, "collect")] == [True, True, True]
    async with CoordinatorClient(service.url, token=boss) as client:
        await client.declare_policy('[access]\ntrigger = ["ci"]\nrestore = ["scope:administer"]\ndelete = []\n')
        assert [await may(ci, "cuts"), await may(ops, "cuts"), await may(boss, "cuts")] == [True, False, False]
        assert [await may(ci, "back"), await may(ops, "back"), await may(boss, "back")] == [False, False, True]
        assert [await may(boss, "collect"), await may(ADMIN, "collect")] == [False, False]
        status, code, _ = await call(service, "POST", "/v1/releases", ops, body={"process": "till"})
        assert (status, code) == (403, "forbidden")
        await client.declare_policy('[access]\ntrigger = ["ops"]\n')  # nobody is locked out for good
        assert [await may(ci, "cuts"), await may(ops, "cuts"), await may(boss, "collect")] == [False, True, True]
        log = await client.audit(limit=100)
    denied = [entry for entry in log.entries if entry.who == "ci" and "policy" in str(entry)]
    assert denied


async def test_taking_a_pin_away_asks_for_more_than_setting_it(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    trigger, restore = await make(service, "ci", "trigger"), await make(service, "ops", "restore")
    for event in ("unpin", "unlabel"):
        body = {"event": event, "label": "x"}
        assert (await call(service, "POST", "/v1/points/1/marks", trigger, body=body))[:2] == (403, "forbidden")
        assert (await call(service, "POST", "/v1/points/1/marks", restore, body=body))[0] == 404
    assert (await call(service, "POST", "/v1/points/1/marks", trigger, body={"event": "pin"}))[0] == 404


@pytest.mark.parametrize(
    "given",
    ["", "x", "cutp_", "Bearer", "cutp_abcdefghjk_" + "A" * 43 + "_00000000", "cutp_abcdefghjk"],
)
async def test_what_is_no_token_lets_nobody_in(given: str, serve: Serve) -> None:
    service = await serve(token=ADMIN)
    status, code, headers = await call(service, "GET", "/v1/topology", given)
    assert (status, code) == (401, "unauthorized")
    assert headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_wrong_secret_under_a_known_name_lets_nobody_in(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    forged = Token(ADMIN.id, Token.generate().secret)
    assert (await call(service, "GET", "/v1/topology", forged))[:2] == (401, "unauthorized")
    for scheme in ("Basic", "Token", "Negotiate"):
        headers = {"Authorization": f"{scheme} {ADMIN.reveal()}"}
        assert (await call(service, "GET", "/v1/topology", headers=headers))[0] == 401


async def test_a_page_from_elsewhere_is_refused_even_with_a_token(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    for origin, status in (("https://evil.example", 403), ("null", 403), (service.url, 200)):
        assert (await call(service, "GET", "/v1/topology", ADMIN, headers={"Origin": origin}))[0] == status


async def test_without_tokens_a_name_that_is_not_its_own_is_refused(serve: Serve) -> None:
    """A page at evil.example, which has its name point to 127.0.0.1 once it is loaded, is of one origin with us."""
    service = await serve()
    port = service.url.rpartition(":")[2]
    for host, status in (
        (f"evil.example:{port}", 403),
        ("evil.example", 403),
        (f"localhost:{port}", 200),
        (f"127.0.0.1:{port}", 200),
        (f"[::1]:{port}", 200),
    ):
        headers = {"Host": host, "Origin": f"http://{host}"}
        assert (await call(service, "GET", "/v1/topology", headers=headers))[0] == status, host


async def test_with_tokens_every_name_will_do(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    assert (await call(service, "GET", "/v1/topology", ADMIN, headers={"Host": "cutpoint.example"}))[0] == 200
    assert (await call(service, "GET", "/v1/topology", headers={"Host": "cutpoint.example"}))[0] == 401
