"""Alerts arrive, signed, at whoever was declared, whatever becomes of receivers and leaders; secrets stay secret."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec
import pytest

from cutpoint.access import Token
from cutpoint.registry import Registry
from cutpoint_coordinator.client import CoordinatorClient, Declined
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.webhooks import delivery, sending
from cutpoint_coordinator.webhooks.answers import HookAnswer
from cutpoint_coordinator.webhooks.kept import Waiting
from cutpoint_coordinator.webhooks.kinds import KINDS
from tests.coordinator import monitored
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.monitored import Bank, brought
from tests.coordinator.test_cuts import Ask
from tests.coordinator.webhooks.receiver import PATH, Receiver, until

SECRET = "cutp_hook_of-the-tests-0123456789"
Receive = Callable[..., Awaitable[Receiver]]


@pytest.fixture
async def receive(cleanup: contextlib.AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> Receive:
    """Start a receiver; what does not arrive is soon tried again."""
    monkeypatch.setattr(delivery, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(delivery, "PAUSE_SECONDS_MAX", 0.2)

    async def start(secret: str = SECRET) -> Receiver:
        receiver = await Receiver(secret).open()
        cleanup.push_async_callback(receiver.close)
        return receiver

    return start


async def stored(registry: Registry) -> dict[str, bytes]:
    return {record.key: record.value for record in await registry.scan("webhooks/")}


def told(service: Service, kind: str) -> list[str]:
    return [notice.text for notice in service.notices.latest() if notice.kind == kind]


def known(service: Service, name: str) -> HookAnswer:
    assert service.webhooks is not None
    return service.webhooks.one(name)


def raise_alert(service: Service, kind: str = "cuts fail", cut: int = 7) -> None:
    service.notices.add(kind, f"{kind}: of cut {cut}", {"cut": cut})


async def ready(client: CoordinatorClient) -> CoordinatorClient:
    """Once the leader has read its webhooks."""
    await client.webhooks()
    async with asyncio.timeout(30):
        while True:
            try:
                await client.remove_webhook("nobody")
            except Declined as error:
                if error.code == "unknown_webhook":
                    return client
                await asyncio.sleep(0.02)


async def test_a_violated_monitor_arrives_as_an_alert(serve: Serve, ask: Ask, receive: Receive) -> None:
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    async with Bank("here", service.url, ada=60).open() as here:
        await client.put_monitor(brought(monitored.money))
        async with here.agent.turn():
            here.accounts["ada"] += 40
        await client.cut()
        async with here.agent.turn():
            here.accounts["ada"] += 1
        cut = (await client.cut()).cut
        await until(lambda: "monitor violated" in receiver.kinds())
    alert = receiver.alerts[receiver.kinds().index("monitor violated")]
    assert (alert.cut, alert.severity, alert.computation) == (cut, "critical", "default")
    assert f"`cutpoint show {cut}`" in alert.next
    assert "are 101, not 100" in alert.what
    assert alert.fields["monitor"] == "money"
    assert receiver.forged == []


async def test_cuts_that_fail_and_succeed_again_are_told(
    serve: Serve, ask: Ask, agents: Agents, receive: Receive
) -> None:
    service, receiver = await serve(deadline_seconds=0.2), await receive()
    client = await ready(await ask(service.url))
    await client.put_webhook("pager", receiver.url, kinds=["cuts fail", "cuts succeed"], secret=SECRET)
    agent = await agents("ledger", service.url)
    agent.hold_parts = True
    for _ in range(3):
        assert (await client.cut()).state == "abandoned"
    agent.release_parts()
    assert (await client.cut()).state == "published"
    await until(lambda: len(receiver.alerts) == 2)
    assert [(alert.kind, alert.cut) for alert in receiver.alerts] == [("cuts fail", 3), ("cuts succeed", 4)]
    assert "`cutpoint history 3`" in receiver.alerts[0].next


async def test_a_receiver_with_another_secret_refuses_and_the_alert_waits_for_the_right_one(
    serve: Serve, ask: Ask, receive: Receive
) -> None:
    service, receiver = await serve(), await receive(secret="the-secret-of-somebody-else")
    client = await ready(await ask(service.url))
    new = await client.put_webhook("pager", receiver.url)
    assert new.secret.startswith("cutp_hook_")
    raise_alert(service)
    await until(lambda: told(service, "webhook failing"))
    assert (receiver.alerts, len(receiver.forged) > 0) == ([], True)
    assert (await client.webhook("pager")).trouble == "it answered 400"
    receiver.secret = new.secret
    await until(lambda: receiver.alerts)
    assert (await client.put_webhook("pager", receiver.url)).secret == "", "told once"
    again = await client.put_webhook("pager", receiver.url, new_secret=True)
    assert again.secret not in ("", new.secret)


async def test_what_is_refused_with_500_is_tried_again_and_counted(serve: Serve, ask: Ask, receive: Receive) -> None:
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    receiver.statuses = [500, 503]
    raise_alert(service, cut=1)
    raise_alert(service, cut=2)
    await until(lambda: len(receiver.alerts) == 2)
    assert [alert.cut for alert in receiver.alerts] == [1, 2], "in order"
    assert receiver.requests == 4
    assert len({alert.id for alert in receiver.alerts}) == 2
    await until(lambda: known(service, "pager").delivered == 2)
    assert told(service, "webhook works again") == ["webhook pager takes alerts again"]
    hook = await client.webhook("pager")
    assert (hook.delivered, hook.failed, hook.lost, hook.waiting, hook.trouble) == (2, 2, 0, 0, "")
    assert told(service, "webhook failing") == ["webhook pager does not take alerts: it answered 500. Trying again."]
    metrics = service.on_call.metrics.exposition().decode()
    assert 'cutpoint_webhook_deliveries_total{outcome="failed",webhook="pager"} 2.0' in metrics
    assert 'cutpoint_webhook_deliveries_total{outcome="delivered",webhook="pager"} 2.0' in metrics


async def test_a_slow_receiver_holds_up_no_cut_and_no_other_webhook(
    serve: Serve, ask: Ask, agents: Agents, receive: Receive
) -> None:
    service, slow, quick = await serve(), await receive(), await receive()
    client = await ready(await ask(service.url))
    await agents("ledger", service.url)
    slow.held = asyncio.Event()
    await client.put_webhook("slow", slow.url, secret=SECRET)
    await client.put_webhook("quick", quick.url, secret=SECRET)
    raise_alert(service)
    await until(lambda: slow.requests)
    for number in range(1, 6):
        assert (await client.cut()).cut == number
    await until(lambda: quick.alerts)
    assert slow.alerts == []
    slow.held.set()
    await until(lambda: slow.alerts)
    assert slow.alerts == quick.alerts


async def test_who_does_not_answer_in_time_is_tried_again(
    serve: Serve, ask: Ask, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.1)
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    receiver.held = asyncio.Event()
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    trial = await client.test_webhook("pager")
    assert (trial.delivered, trial.trouble) == (False, "it did not answer within 0.1 seconds")
    raise_alert(service)
    await until(lambda: receiver.requests >= 2)
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 30.0)
    receiver.held.set()
    await until(lambda: receiver.alerts)


async def test_redirects_are_not_followed(serve: Serve, ask: Ask, receive: Receive) -> None:
    service, receiver, elsewhere = await serve(), await receive(), await receive()
    client = await ready(await ask(service.url))
    receiver.redirects_to = elsewhere.url
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    raise_alert(service)
    await until(lambda: receiver.requests >= 2)
    trial = await client.test_webhook("pager")
    assert not trial.delivered
    assert "it answered 307, and redirects are not followed" in trial.trouble
    assert elsewhere.requests == 0


async def test_neither_the_secret_nor_the_path_is_told_anywhere(
    serve: Serve, registry: Registry, receive: Receive, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    admin = Token.generate()
    service, receiver = await serve(token=admin), await receive()
    seen: list[str] = []
    async with CoordinatorClient(service.url, token=admin) as client:
        await ready(client)
        made = await client.put_webhook("made", receiver.url)
        seen.append(repr(await client.put_webhook("pager", receiver.url, secret=SECRET)))
        for url, secret in (
            (f"ftp://host{PATH}", ""),
            (f"http://me:{SECRET}@host{PATH}", ""),
            (receiver.url, "short-1"),
        ):
            with pytest.raises(Declined) as declined:
                await client.put_webhook("pager", url, secret=secret)
            assert declined.value.code == "bad_webhook"
            seen.append(str(declined.value))
            assert "short-1" not in str(declined.value)
        await client.test_webhook("pager")
        receiver.statuses = [500] * 3
        raise_alert(service)
        await until(lambda: len(receiver.alerts) >= 2)
        seen += [repr(await client.webhooks()), repr(await client.webhook("pager")), repr(await client.audit())]
        await client.put_webhook("gone", "http://127.0.0.1:9/hidden-path", secret=SECRET)
        seen.append((await client.test_webhook("gone")).trouble)
        raise_alert(service)
        await until(lambda: told(service, "webhook failing"))
        seen += [repr(await client.remove_webhook("pager")), repr(await client.topology())]
        acts = [entry.what for entry in (await client.audit()).entries]
    assert service.webhooks is not None
    seen += [repr(each.hook) for each in service.webhooks._deliveries.values()]
    seen += [caplog.text, repr(service.notices.latest()), service.on_call.metrics.exposition().decode()]
    seen += [repr(vars(record)) for record in caplog.records]
    seen += [record.value.decode() for prefix in ("audit/", "asked/") for record in await registry.scan(prefix)]
    for text in seen:
        for secret in (SECRET, made.secret, "hidden-path"):
            assert secret not in text, text
    assert {"set webhook", "test webhook", "remove webhook"} <= set(acts)
    receiver.secret = made.secret


async def test_what_a_leader_has_not_delivered_the_next_one_does(
    serve: Serve, ask: Ask, receive: Receive, registry: Registry
) -> None:
    first, receiver = await serve(), await receive()
    client = await ready(await ask(first.url))
    await client.put_webhook("pager", receiver.url, kinds=["cuts fail", "leading"], secret=SECRET)
    receiver.statuses = [500] * 1000
    raise_alert(first, cut=1)
    raise_alert(first, cut=2)

    async def kept() -> list[Waiting]:
        records = await stored(registry)
        return [msgspec.json.decode(value, type=Waiting) for key, value in records.items() if "/waiting/" in key]

    async with asyncio.timeout(30):
        while len(waiting := await kept()) < 2:
            await asyncio.sleep(0.02)
    await first.stop()  # type: ignore[attr-defined]
    second = await serve()
    receiver.statuses = []
    await until(lambda: len(receiver.alerts) == 3)
    assert [(alert.kind, alert.cut) for alert in receiver.alerts] == [
        ("cuts fail", 1),
        ("cuts fail", 2),
        ("leading", None),
    ]
    assert {alert.id for alert in receiver.alerts[:2]} == {each.alert.id for each in waiting}
    assert second.candidate in receiver.alerts[2].what
    async with asyncio.timeout(30):
        while await kept():
            await asyncio.sleep(0.02)
    hook = await (await ask(second.url)).webhook("pager")
    assert (hook.delivered, hook.lost) == (3, 0)
    assert hook.failed > 0, "what became of alerts is known to the next leader"


async def test_a_full_queue_loses_the_oldest_and_says_so(
    serve: Serve, ask: Ask, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "WAITING_MAX", 3)
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    receiver.statuses = [500] * 1000
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    for cut in range(1, 6):
        raise_alert(service, cut=cut)
    await until(lambda: told(service, "alerts lost"))
    assert (await client.webhook("pager")).lost == 2
    receiver.statuses = []
    await until(lambda: len(receiver.alerts) == 3)
    assert [alert.cut for alert in receiver.alerts] == [3, 4, 5]
    metrics = service.on_call.metrics.exposition().decode()
    assert 'cutpoint_webhook_deliveries_total{outcome="lost",webhook="pager"} 2.0' in metrics


async def test_an_alert_that_has_waited_too_long_is_lost(
    serve: Serve, ask: Ask, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "WAIT_SECONDS_MAX", 0.2)
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    receiver.statuses = [500] * 1000
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    raise_alert(service)
    await until(lambda: told(service, "alerts lost"))
    hook = await client.webhook("pager")
    assert (hook.lost, hook.waiting) == (1, 0)


async def test_who_was_removed_gets_nothing_more_and_its_task_ends(
    serve: Serve, ask: Ask, receive: Receive, registry: Registry
) -> None:
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    receiver.statuses = [500] * 1000
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    raise_alert(service)
    await until(lambda: receiver.requests)
    assert any(task.get_name() == "cutpoint webhook pager" for task in asyncio.all_tasks())
    assert (await client.remove_webhook("pager")).waiting == 1
    assert not any(task.get_name() == "cutpoint webhook pager" for task in asyncio.all_tasks())
    await client.put_webhook("other", (await receive()).url, secret=SECRET)
    raise_alert(service)
    await until(lambda: known(service, "other").delivered == 1)
    asked = receiver.requests
    raise_alert(service)
    await until(lambda: known(service, "other").delivered == 2)
    assert receiver.requests == asked
    assert [key for key in await stored(registry) if "pager" in key] == []
    with pytest.raises(Declined) as declined:
        await client.webhook("pager")
    assert declined.value.code == "unknown_webhook"


async def test_points_that_grow_old_are_told_and_a_new_one_too(
    serve: Serve, ask: Ask, agents: Agents, receive: Receive
) -> None:
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    await client.put_webhook(
        "pager", receiver.url, kinds=["recovery points stale", "recovery points fresh"], secret=SECRET
    )
    await client.declare_policy('[cuts]\ninterval = "200ms"\n[alerts]\nstale_after = "300ms"\n')
    await until(lambda: receiver.kinds() == ["recovery points stale"])
    assert "there is no recovery point" in receiver.alerts[0].what
    await agents("ledger", service.url)
    await until(lambda: "recovery points fresh" in receiver.kinds())


async def test_a_webhook_that_wants_some_kinds_gets_those_alone_and_unknown_ones_are_refused(
    serve: Serve, ask: Ask, receive: Receive
) -> None:
    service, receiver = await serve(), await receive()
    client = await ready(await ask(service.url))
    with pytest.raises(Declined) as declined:
        await client.put_webhook("pager", receiver.url, kinds=["cuts fial"])
    assert "'cuts fial' is no kind of alert" in str(declined.value)
    await client.put_webhook("pager", receiver.url, kinds=["recovery failed"], secret=SECRET)
    for kind in (*KINDS, "cut published", "webhook failing"):
        raise_alert(service, kind)
    await until(lambda: receiver.alerts)
    assert receiver.kinds() == ["recovery failed"]
    assert (await client.webhooks()).kinds["recovery failed"] == "critical"


async def test_without_webhooks_nothing_is_sent_and_nothing_runs_for_it(serve: Serve, receive: Receive) -> None:
    service = await serve(webhooks=False)
    assert not any("webhook" in task.get_name() for task in asyncio.all_tasks())
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/webhooks") as response:
        body: Any = await response.json()
    assert (response.status, body["error"]["code"]) == (409, "no_webhooks")


async def test_a_record_that_cannot_be_read_is_told_and_harms_no_other(
    serve: Serve, ask: Ask, receive: Receive, registry: Registry
) -> None:
    first, receiver = await serve(), await receive()
    client = await ready(await ask(first.url))
    await client.put_webhook("pager", receiver.url, secret=SECRET)
    assert first.driver is not None
    await first.driver.records.write("break", (("webhooks/broken", b"\xff{"), ("webhooks/gone/waiting/x-1", b"{}")))
    await first.stop()  # type: ignore[attr-defined]
    second = await serve()
    client = await ready(await ask(second.url))
    await until(lambda: "leading" in receiver.kinds())
    found = await client.webhooks()
    assert (found.refused, [hook.name for hook in found.webhooks]) == (("broken",), ["pager"])
    await client.remove_webhook("broken")
    async with asyncio.timeout(30):
        while any("broken" in key or "gone" in key for key in await stored(registry)):
            await asyncio.sleep(0.02)
