"""Idempotency keys: whatever becomes of an answer or of a leader, what was asked for with a key is done once."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest

from cutpoint.registry import Registry
from cutpoint_coordinator.http import once
from tests.coordinator.conftest import Agents, Serve

KEY = "Idempotency-Key"


async def post(url: str, path: str, body: Any = None, key: str = "k-1") -> tuple[int, dict[str, Any], bool]:
    """Status, answer, and whether it was answered before."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(url + path, json=body or {}, headers={KEY: key}) as response,
    ):
        answer = msgspec.json.decode(await response.read())
        return response.status, answer, response.headers.get("Idempotent-Replayed") == "true"


async def code(url: str, path: str, body: Any = None, key: str = "k-1") -> str:
    _, answer, _ = await post(url, path, body, key)
    return str(answer["error"]["code"])


async def test_a_cut_is_taken_once_for_a_key(serve: Serve, agents: Agents) -> None:
    service = await serve()
    await agents("ledger", service.url)
    first = await post(service.url, "/v1/cuts", {"timeout_seconds": 30})
    assert (first[0], first[1]["cut"], first[2]) == (200, 1, False)
    again = await post(service.url, "/v1/cuts", {"timeout_seconds": 31, "wait": True})
    assert (again[0], again[1], again[2]) == (200, first[1], True)
    assert (await post(service.url, "/v1/cuts", key="k-2"))[1]["cut"] == 2


async def test_two_who_ask_at_once_with_one_key_get_one_cut(serve: Serve, agents: Agents) -> None:
    service = await serve()
    agent = await agents("ledger", service.url)
    agent.hold_parts = True
    asking = [asyncio.create_task(post(service.url, "/v1/cuts")) for _ in range(5)]
    await agent.until(lambda: bool(agent.held))
    agent.release_parts()
    assert {answer["cut"] for _, answer, _ in await asyncio.gather(*asking)} == {1}
    assert service.driver is not None
    assert service.driver.core.ledger.computation.last_cut == 1


async def test_the_next_leader_knows_which_cut_a_key_led_to(serve: Serve, agents: Agents) -> None:
    service = await serve()
    agent = await agents("ledger", service.url)
    assert (await post(service.url, "/v1/cuts"))[1]["state"] == "published"
    agent.hold_parts = True
    status, opened, _ = await post(service.url, "/v1/cuts", {"wait": False}, key="k-2")
    assert (status, opened["cut"], opened["state"]) == (202, 2, "open")
    await service.stop()  # type: ignore[attr-defined]

    following = await serve()
    published = await post(following.url, "/v1/cuts")
    assert (published[1]["cut"], published[1]["state"], published[2]) == (1, "published", True)
    abandoned = await post(following.url, "/v1/cuts", {"timeout_seconds": 30}, key="k-2")
    assert (abandoned[0], abandoned[1]["cut"], abandoned[1]["state"], abandoned[2]) == (200, 2, "abandoned", True)


async def test_a_key_that_was_given_with_another_request_is_refused(serve: Serve, agents: Agents) -> None:
    service = await serve()
    await agents("ledger", service.url)
    await post(service.url, "/v1/cuts")
    assert await code(service.url, "/v1/recoveries") == "key_reused"
    assert (await post(service.url, "/v1/points/1/marks", {"event": "pin"}, "k-2"))[0] == 200
    assert await code(service.url, "/v1/points/1/marks", {"event": "unpin"}, "k-2") == "key_reused"
    assert await code(service.url, "/v1/cuts", key="k-2") == "key_reused"


@pytest.mark.parametrize("key", ["", "two words", "k" * 201, "k\u00e9"])
async def test_what_is_no_key_is_refused(key: str, serve: Serve) -> None:
    service = await serve()
    assert await code(service.url, "/v1/cuts", key=key) == "bad_key"


async def test_a_recovery_is_done_once_for_a_key_also_by_the_next_leader(serve: Serve, agents: Agents) -> None:
    service = await serve()
    await agents("ledger", service.url)
    await post(service.url, "/v1/cuts")
    first = await post(service.url, "/v1/recoveries", {"cut": 1}, "k-2")
    assert (first[1]["state"], first[1]["incarnation"]) == ("done", 2)
    again = await post(service.url, "/v1/recoveries", {"cut": 1, "timeout_seconds": 5}, "k-2")
    assert (again[1], again[2]) == (first[1], True)
    await service.stop()  # type: ignore[attr-defined]

    following = await serve()
    assert (await post(following.url, "/v1/recoveries", {"cut": 1}, "k-2"))[1:] == (first[1], True)


async def test_a_recovery_whose_leader_was_gone_before_it_could_say_so_is_not_done_again(
    serve: Serve, agents: Agents, registry: Registry
) -> None:
    service = await serve()
    await agents("ledger", service.url)
    await post(service.url, "/v1/cuts")
    first = await post(service.url, "/v1/recoveries", {"cut": 1}, "k-2")
    (record,) = await registry.scan("asked/")
    begun = msgspec.structs.replace(msgspec.json.decode(record.value, type=once.Kept), status=0, body="")
    assert service.driver is not None
    await service.driver.records.write("as a killed leader leaves it", ((record.key, msgspec.json.encode(begun)),))
    await service.stop()  # type: ignore[attr-defined]

    following = await serve()
    status, answer, _ = await post(following.url, "/v1/recoveries", {"cut": 1}, "k-2")
    assert (status, answer["state"], answer["incarnation"]) == (200, "done", first[1]["incarnation"])
    assert following.driver is not None
    assert following.driver.core.ledger.computation.incarnation == 2


async def test_what_was_refused_leaves_no_trace(serve: Serve, agents: Agents, registry: Registry) -> None:
    service = await serve()
    await agents("ledger", service.url)
    assert await code(service.url, "/v1/points/1/marks", {"event": "pin"}) == "unknown_point"
    assert await registry.scan("asked/") == ()
    await post(service.url, "/v1/cuts", key="k-2")
    assert (await post(service.url, "/v1/points/1/marks", {"event": "pin"}))[1]["pinned"] is True


async def test_the_oldest_keys_are_forgotten(
    serve: Serve, agents: Agents, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "KEPT_MAX", 3)
    service = await serve()
    await agents("ledger", service.url)
    await post(service.url, "/v1/cuts", key="cut")
    for number in range(6):
        assert (await post(service.url, "/v1/points/1/marks", {"event": "pin"}, f"k-{number}"))[0] == 200
    assert len(await registry.scan("asked/")) == 3
    assert (await post(service.url, "/v1/points/1/marks", {"event": "pin"}, "k-5"))[2] is True
    assert (await post(service.url, "/v1/points/1/marks", {"event": "pin"}, "k-0"))[2] is False


async def test_an_answer_that_is_too_long_to_keep_is_said_to_be_so(
    serve: Serve, agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "BODY_BYTES_MAX", 10)
    service = await serve()
    await agents("ledger", service.url)
    await post(service.url, "/v1/cuts", key="cut")
    assert (await post(service.url, "/v1/points/1/marks", {"event": "pin"}))[0] == 200
    assert await code(service.url, "/v1/points/1/marks", {"event": "pin"}) == "not_kept"
