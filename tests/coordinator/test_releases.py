"""Letting go of processes that will not come back, through the whole service."""

from __future__ import annotations

import asyncio

import pytest

from cutpoint.errors import CutpointError
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted
from tests.coordinator.test_cuts import Ask


async def test_a_release_lets_cuts_and_the_waiting_recovery_go_on(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger, stray = await agents("ledger", service.url), await agents("ledgre", service.url)
    assert (await client.cut()).state == "published"
    await stray.vanish()
    with pytest.raises(CutpointError, match="or `cutpoint release ledgre` if it will not come back"):
        await client.cut()
    assert (await client.recover(timeout_seconds=0.2)).waits_for == ("ledgre is not connected",)

    assert (await client.release("ledgre")).process == "ledgre"

    await ledger.until(lambda: ledger.restored == [1])
    plan = await client.recover(1, dry_run=True)
    assert (plan.fits, [part.process for part in plan.parts]) == (True, ["ledger"])
    point = (await client.cut()).point
    assert point is not None
    assert (point.members, point.left) == (("ledger",), ("ledgre",))


async def test_a_released_process_that_joins_again_is_new_and_empty(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    till = await agents("till", service.url)
    till.set_state(b"old")
    await client.cut()
    await till.vanish()
    await client.release("till")
    again = Scripted("till", "life-2")
    await again.join(service.url)
    assert again.state == b""
    assert (await client.topology()).incarnation == 1
    point = (await client.cut()).point
    assert point is not None
    assert (point.members, point.left) == (("ledger", "till"), ())
    await again.vanish()


async def test_what_cannot_be_released_is_refused_with_what_to_do(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    for name, text in (
        ("ledger", "ledger is connected; nothing was changed; stop it first, or let it call agent.leave()"),
        ("till", "there is no process till; nothing was changed; take one of those that there are: ledger"),
        ("no name", "'no name' is no process's name; nothing was done; see /v1/topology for those that there are"),
    ):
        with pytest.raises(CutpointError) as refused:
            await client.release(name)
        assert str(refused.value) == text


async def test_a_second_process_of_one_name_that_keeps_knocking_is_logged_once(
    serve: Serve, agents: Agents, caplog: pytest.LogCaptureFixture
) -> None:
    service = await serve()
    await agents("ledger", service.url)
    second = Scripted("ledger", "second")
    for _ in range(5):
        second.heard.clear()
        await second.connect(service.url)
        await second.until(lambda: bool(second.rejections))
        await second.vanish()
    await asyncio.sleep(0)
    assert [record.message for record in caplog.records].count(second.rejections[0].reason) == 1
