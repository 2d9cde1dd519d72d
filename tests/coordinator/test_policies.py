"""The policy in force: kept in the registry, followed at once, whoever leads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec
import pytest

from cutpoint.access import Token
from cutpoint.errors import RegistryError
from cutpoint.policy import Cuts, Policy, Retention, to_toml
from cutpoint.registry import Registry
from cutpoint_coordinator.client import CoordinatorClient, Declined
from cutpoint_coordinator.policies import KEY, PolicyRecord
from cutpoint_coordinator.registry import MemoryRegistry
from cutpoint_coordinator.service import Service
from tests.coordinator.conftest import Agents, Serve

Ask = Callable[[str], Awaitable[CoordinatorClient]]
MINUTE = Policy(cuts=Cuts(interval_seconds=60))
HOUR = Policy(cuts=Cuts(interval_seconds=3600))


async def published(client: CoordinatorClient, count: int) -> None:
    """Wait until there are so many recovery points."""
    async with asyncio.timeout(30):
        while len((await client.points()).points) < count:
            await asyncio.sleep(0.02)


def told(service: Service, kind: str) -> list[str]:
    return [notice.text for notice in service.notices.latest() if notice.kind == kind]


async def stored(registry: Registry) -> PolicyRecord:
    record = await registry.read(KEY)
    assert record is not None
    return msgspec.json.decode(record.value, type=PolicyRecord)


def seen(service: Service) -> PolicyRecord:
    assert service.policies is not None
    return service.policies.record


async def test_without_a_declared_policy_the_flags_hold(serve: Serve, ask: Ask, registry: Registry) -> None:
    service = await serve(interval_seconds=90, keep="last 5", manual_recovery=True)
    answer = await (await ask(service.url)).policy()
    assert (answer.version, answer.source) == (0, "flags")
    assert answer.policy == {
        "cuts": {"interval": "90s"},
        "retention": {"keep": "last 5"},
        "recovery": {"automatic": False},
    }
    assert await registry.read(KEY) is None


async def test_a_declared_policy_holds_at_once_and_is_told(
    serve: Serve, agents: Agents, ask: Ask, registry: Registry
) -> None:
    service = await serve()
    await agents("a", service.url)
    client = await ask(service.url)
    text = '[cuts]\ninterval = "50ms"\n[services.a]\nowner = "team a"\n'
    answer = await client.declare_policy(text, by="ada", source="prod.toml")
    assert (answer.version, answer.by, answer.source) == (1, "ada", "prod.toml")
    assert [change.key for change in answer.changes] == ["cuts.interval", "services.a.owner"]
    await published(client, 2)
    assert (await stored(registry)).policy == seen(service).policy
    assert told(service, "policy changed") == [
        'policy 1 was declared by ada from prod.toml: cuts.interval default to "50ms", '
        'services.a.owner default to "team a"'
    ]
    (member,) = (await client.topology()).members
    assert (member.owner, member.consistency) == ("team a", "joined")
    await client.declare_policy("")
    count = len((await client.points()).points)
    await client.cut()
    assert service.driver is not None
    assert service.driver.core.statistics().cut is None
    assert len((await client.points()).points) >= count


async def test_retention_follows_the_policy(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    await agents("a", service.url)
    client = await ask(service.url)
    for _ in range(4):
        await client.cut()
    await client.declare_policy('[retention]\nkeep = "last 2"\ncollect_every = "50ms"\n')
    async with asyncio.timeout(30):
        while len((await client.points()).points) > 2:
            await asyncio.sleep(0.02)
    assert (await client.collection()).policy == "last 2"


async def test_a_policy_is_declared_only_over_the_version_that_was_meant(serve: Serve, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    assert (await client.declare_policy(to_toml(MINUTE), version=0)).version == 1
    with pytest.raises(Declined, match="the policy in force is version 1, not 0; nothing was changed") as caught:
        await client.declare_policy(to_toml(HOUR), version=0)
    assert caught.value.code == "policy_changed"
    async with aiohttp.ClientSession() as session:
        url = f"{service.url}/v1/policy"
        async with session.get(url) as response:
            tag = response.headers["ETag"]
        assert tag == '"1"'
        body = {"policy": {"cuts": {"interval": "1h"}}}
        async with session.put(url, json=body, headers={"If-Match": '"7"'}) as response:
            assert response.status == 412
        async with session.put(url, json=body, headers={"If-Match": "x"}) as response:
            assert response.status == 400
        async with session.put(url, json=body | {"version": 3}, headers={"If-Match": tag}) as response:
            assert response.status == 400
        async with session.put(url, json=body, headers={"If-Match": tag}) as response:
            assert (response.status, response.headers["ETag"]) == (200, '"2"')
    assert seen(service).policy == HOUR


async def test_a_dry_run_and_the_same_policy_change_nothing(serve: Serve, ask: Ask, registry: Registry) -> None:
    service = await serve()
    client = await ask(service.url)
    planned = await client.declare_policy(to_toml(MINUTE), dry_run=True)
    assert ([change.key for change in planned.changes], planned.version) == (["cuts.interval"], 0)
    assert await registry.read(KEY) is None
    await client.declare_policy(to_toml(MINUTE))
    again = await client.declare_policy(to_toml(MINUTE))
    assert (again.version, again.changes) == (1, ())


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"toml": "[cuts]\ninterval = 'x'\n[zut]\n"}, "policy:2: interval: "),
        ({"policy": {"cuts": {"interval": -1}}}, "policy: cuts.interval: interval: -1 is out of range"),
        ({}, "the body has to have toml or policy"),
        ({"toml": "", "policy": {}}, "one of them"),
        ({"toml": "\ud800"}, "the body is not what"),
        ({"toml": "", "source": "a\nb"}, "no file is called like this"),
        ({"toml": "", "version": "x"}, "the body is not what"),
    ],
)
async def test_what_is_no_policy_is_refused_with_every_mistake(
    serve: Serve, body: dict[str, object], complaint: str
) -> None:
    service = await serve()
    async with (
        aiohttp.ClientSession() as session,
        session.put(f"{service.url}/v1/policy", json=body) as response,
    ):
        fault = (await response.json())["error"]
    assert response.status == 400
    assert complaint in fault["message"]
    assert seen(service).version == 0


# ------------------------------------------------------------------------------------------------------- who rules


async def test_the_next_leader_follows_what_was_declared_and_says_that_its_flags_do_not_count(
    serve: Serve, ask: Ask
) -> None:
    first = await serve()
    await (await ask(first.url)).declare_policy(to_toml(HOUR), by="ada")
    await first.stop()  # type: ignore[attr-defined]
    second = await serve(interval_seconds=5)
    assert (seen(second).version, seen(second).policy) == (1, HOUR)
    (text,) = told(second, "policy differs")
    assert "this coordinator's flags have no effect: policy 1, declared by ada, rules" in text


async def test_a_file_is_declared_where_there_is_no_policy_and_once_only(
    serve: Serve, ask: Ask, registry: Registry
) -> None:
    first = await serve(policy=MINUTE, policy_file="p.toml")
    assert (seen(first).version, seen(first).source, seen(first).policy) == (1, "p.toml", MINUTE)
    await (await ask(first.url)).declare_policy(to_toml(HOUR), by="ada")
    await first.stop()  # type: ignore[attr-defined]
    again = await serve(policy=MINUTE, policy_file="p.toml")
    assert (seen(again).version, seen(again).policy) == (2, HOUR)
    (text,) = told(again, "policy differs")
    assert "p.toml is not the policy in force, which is version 2, declared by ada at " in text
    assert (await stored(registry)).version == 2


async def test_a_file_that_was_changed_is_the_later_word_of_a_coordinator_that_is_started_with_it(
    serve: Serve,
) -> None:
    first = await serve(policy=MINUTE, policy_file="p.toml")
    await first.stop()  # type: ignore[attr-defined]
    await asyncio.sleep(0.01)
    second = await serve(policy=HOUR, policy_file="p.toml")
    assert (seen(second).version, seen(second).policy, told(second, "policy differs")) == (2, HOUR, [])


async def test_a_coordinator_that_was_started_before_does_not_bring_its_older_file_back(serve: Serve) -> None:
    first = await serve(policy=Policy(retention=Retention(keep="last 9")), policy_file="old.toml")
    waiting = await serve(policy=MINUTE, policy_file="older.toml", leads=False)
    assert first.policies is not None
    await asyncio.sleep(0.01)
    await first.policies.declare(HOUR, by="ada", source="the API")
    await first.stop()  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        await waiting.wait_leading()
    assert seen(waiting).policy == HOUR
    assert len(told(waiting, "policy differs")) == 1


@pytest.mark.parametrize("damage", [b"{", b'{"version": 1, "policy": {}, "record": 99}', b'{"version": "x"}'])
async def test_a_policy_that_cannot_be_read_stops_the_coordinator(
    serve: Serve, registry: MemoryRegistry, damage: bytes
) -> None:
    first = await serve()
    assert first.driver is not None
    await first.driver.records.write("spoil", [(KEY, damage)])
    await first.stop()  # type: ignore[attr-defined]
    second = await serve(leads=False)
    with pytest.raises(RegistryError, match="the registry's policy cannot be read"):
        await asyncio.wait_for(second.task, 20)  # type: ignore[attr-defined]


async def test_whose_token_declares_a_policy_is_kept_with_the_name_that_they_give(serve: Serve) -> None:
    token = Token.generate()
    service = await serve(token=token)
    async with CoordinatorClient(service.url, token=token) as client:
        holder = (await client.declare_policy("[cuts]\ninterval = 60\n")).by
        assert holder not in ("", "an operator")
        assert (await client.declare_policy("[cuts]\ninterval = 61\n", by="ada")).by == f"ada ({holder})"
