"""Tokens are made, shown once, kept as verifiers, rotated and revoked; and what is open under one is closed with it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import aiohttp
import msgspec
import pytest

from cutpoint.access import Token
from cutpoint.registry import Registry, Transaction
from cutpoint_coordinator.access.tokens import TokenRecord
from cutpoint_coordinator.client import CoordinatorClient, Declined
from tests.coordinator.access.test_scopes import ADMIN, call, make
from tests.coordinator.conftest import Serve


async def test_a_token_is_shown_once_and_kept_as_a_verifier(serve: Serve, registry: Registry) -> None:
    service = await serve(token=ADMIN)
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        made = await client.create_token("ci", "trigger", expires_seconds=60)
        listed = await client.tokens()
    token = Token.parse(made.secret)
    assert [(each.name, each.scope, each.state, each.created_by) for each in listed.tokens] == [
        ("ci", "trigger", "active", "bootstrap")
    ]
    assert listed.tokens[0].expires > listed.tokens[0].created[:19]
    for stored in (msgspec.json.encode(listed), *(record.value for record in await registry.scan(""))):
        assert token.reveal()[16:59].encode() not in stored
        assert token.secret not in stored
    record = await registry.read("tokens/ci")
    assert record is not None
    assert msgspec.json.decode(record.value, type=TokenRecord).verifier == token.verifier()
    assert (await call(service, "GET", "/v1/topology", token))[0] == 200


async def test_the_answer_with_a_secret_is_not_to_be_stored(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    body = {"name": "ci", "scope": "observe"}
    status, _, headers = await call(service, "POST", "/v1/tokens", ADMIN, body=body)
    assert (status, headers["Cache-Control"]) == (201, "no-store")


async def test_a_token_that_has_expired_lets_nobody_in(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    service = await serve(token=ADMIN)
    token = await make(service, "brief", "observe", seconds=3600)
    assert (await call(service, "GET", "/v1/topology", token))[0] == 200
    later = time.time() + 3601
    monkeypatch.setattr("time.time", lambda: later)
    assert (await call(service, "GET", "/v1/topology", token))[:2] == (401, "unauthorized")


async def test_a_rotated_token_counts_under_both_secrets_until_the_grace_is_over(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await serve(token=ADMIN)
    old = await make(service, "ci", "trigger")
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        new = Token.parse((await client.rotate_token("ci", grace_seconds=60)).secret)
        for token in (old, new):
            assert (await call(service, "GET", "/v1/cuts", token))[0] == 200
        later = time.time() + 61
        monkeypatch.setattr("time.time", lambda: later)
        assert (await call(service, "GET", "/v1/cuts", old))[0] == 401
        assert (await call(service, "GET", "/v1/cuts", new))[0] == 200
        last = Token.parse((await client.rotate_token("ci", grace_seconds=0)).secret)
    assert [(await call(service, "GET", "/v1/cuts", each))[0] for each in (old, new, last)] == [401, 401, 200]


async def test_a_revoked_token_counts_no_more_at_once_and_its_name_is_free(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    old = await make(service, "ci", "trigger")
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        assert (await client.revoke_token("ci")).state == "revoked"
        assert (await call(service, "GET", "/v1/cuts", old))[0] == 401
        for again in (client.revoke_token("ci"), client.rotate_token("ci"), client.revoke_token("no/body")):
            with pytest.raises(Declined) as refused:
                await again
            assert refused.value.code == "unknown_token"
        new = Token.parse((await client.create_token("ci", "observe")).secret)
    assert (await call(service, "GET", "/v1/cuts", new))[0] == 200


async def test_revoking_closes_what_the_holder_has_open(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    token = await make(service, "ci", "trigger")
    release = asyncio.Event()
    service.access.audit.entries = _never(release)  # type: ignore[method-assign]
    audit = await make(service, "auditor", "administer")
    headers = {"Authorization": f"Bearer {audit.reveal()}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        waiting = asyncio.create_task(session.get(f"{service.url}/v1/audit").__aenter__())
        while not release.is_set():
            await asyncio.sleep(0.01)
        async with CoordinatorClient(service.url, token=ADMIN) as client:
            await client.revoke_token("ci")
            assert not waiting.done()
            await client.revoke_token("auditor")
        async with asyncio.timeout(10):
            with contextlib.suppress(aiohttp.ClientError):
                assert (await waiting).status == 401  # aiohttp asks once more when its connection has gone
    assert (await call(service, "GET", "/v1/cuts", token))[0] == 401


def _never(reached: asyncio.Event) -> Any:
    async def wait(**_: Any) -> Any:
        reached.set()
        await asyncio.Event().wait()

    return wait


async def test_the_last_way_to_administer_is_not_revoked(serve: Serve) -> None:
    service = await serve()
    async with CoordinatorClient(service.url) as client:
        first = Token.parse((await client.create_token("root", "administer")).secret)
    async with CoordinatorClient(service.url, token=first) as client:
        with pytest.raises(Declined) as refused:
            await client.revoke_token("root")
        assert refused.value.code == "last_administrator"
        await client.create_token("second", "administer")
        await client.revoke_token("root")


async def test_a_computation_that_has_had_a_token_is_never_open_again(serve: Serve, registry: Registry) -> None:
    service = await serve(token=ADMIN)
    await make(service, "ci", "trigger")
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        await client.revoke_token("ci")
    await service.stop()  # type: ignore[attr-defined]
    again = await serve()
    assert (await call(again, "GET", "/v1/cuts"))[:2] == (401, "unauthorized")


async def test_tokens_survive_every_coordinator_and_others_learn_of_them(serve: Serve) -> None:
    leader, follower = await serve(token=ADMIN), await serve(leads=False)
    token = await make(leader, "ci", "trigger")
    async with asyncio.timeout(10):
        while (await call(follower, "GET", "/v1/cuts"))[0] != 401:
            await asyncio.sleep(0.05)
    assert (await call(follower, "GET", "/v1/cuts", token))[:2] == (503, "not_leading")
    await leader.stop()  # type: ignore[attr-defined]
    async with asyncio.timeout(10):
        await follower.wait_leading()
    assert (await call(follower, "GET", "/v1/cuts", token))[0] == 200
    assert (await call(follower, "GET", "/v1/cuts", ADMIN))[0] == 401, "the token of another coordinator's start"


@pytest.mark.parametrize("stored", [b"{", b"\xff", b"[]", b'{"name": "other"}'])
async def test_a_damaged_record_lets_nobody_in_and_is_told(stored: bytes, serve: Serve, registry: Registry) -> None:
    leadership = await registry.campaign("a", ttl_seconds=3, address="")
    await registry.commit(leadership, Transaction(request="1", puts=(("tokens/ci", stored),)))
    await registry.resign(leadership)
    service = await serve()
    assert (await call(service, "GET", "/v1/cuts"))[:2] == (401, "unauthorized")
    (notice,) = [each for each in service.notices.latest() if each.kind == "tokens unreadable"]
    assert "tokens/ci is damaged; that token lets nobody in; make it anew" in notice.text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "a b", "scope": "observe"}, "bad_name"),
        ({"name": "", "scope": "observe"}, "bad_name"),
        ({"name": "bootstrap", "scope": "observe"}, "bad_name"),
        ({"name": "x" * 101, "scope": "observe"}, "bad_name"),
        ({"name": "../../computation", "scope": "observe"}, "bad_name"),
        ({"name": "ci", "scope": "root"}, "bad_body"),
        ({"name": "ci"}, "bad_body"),
        ({"name": "ci", "scope": "observe", "expires_seconds": 0}, "bad_body"),
        ({"name": "ci", "scope": "observe", "expires_seconds": -1}, "bad_body"),
        ({"name": "ci", "scope": "observe", "expires_seconds": 1e300}, "bad_body"),
        ({"name": "taken", "scope": "observe"}, "token_exists"),
    ],
)
async def test_a_token_that_cannot_be_is_refused(body: Any, code: str, serve: Serve) -> None:
    service = await serve(token=ADMIN)
    await make(service, "taken", "observe")
    assert (await call(service, "POST", "/v1/tokens", ADMIN, body=body))[1] == code
