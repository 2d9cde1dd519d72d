"""Recoveries through the whole service: processes vanish, come back without their memory, and go back together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cutpoint.errors import CutpointError
from cutpoint.protocol.messages import Prepare
from cutpoint.store import open_backend, read_manifest
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted
from tests.coordinator.test_cuts import Ask


async def test_a_process_that_comes_back_without_its_memory_takes_everybody_back(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve()
    client = await ask(service.url)
    till, ledger = await agents("till", service.url), await agents("ledger", service.url)
    till.set_state(b"at the cut")
    await client.cut()
    till.set_state(b"after the cut")
    await ledger.vanish()

    reborn = Scripted("ledger", "life-2")
    await reborn.connect(service.url)
    await reborn.until(lambda: reborn.restored == [1])
    await till.until(lambda: till.restored == [1])

    (recovery,) = (await client.recoveries()).recoveries
    assert (recovery.state, recovery.incarnation, recovery.cut, recovery.lost) == ("done", 2, 1, ("ledger",))
    assert (till.process.incarnation, reborn.process.incarnation) == (2, 2)
    assert till.state == b"at the cut"
    answer = await client.cut()
    assert (answer.cut, answer.state, answer.point and answer.point.incarnation) == (2, "published", 2)
    await reborn.vanish()


async def test_manual_recovery_waits_to_be_told(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve(manual_recovery=True)
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    await client.cut()
    await ledger.vanish()
    reborn = Scripted("ledger", "life-2")
    await reborn.connect(service.url)
    async with asyncio.timeout(5):
        while not (await client.topology()).hold:
            await asyncio.sleep(0.02)
    assert "recovery is left to you" in (await client.topology()).hold
    assert reborn.restored == []

    done = await client.recover()

    assert (done.state, done.cut, done.incarnation) == ("done", 1, 2)
    await reborn.until(lambda: reborn.restored == [1])
    await reborn.vanish()


async def test_a_dry_run_says_what_would_be_restored_and_changes_nothing(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve()
    client = await ask(service.url)
    till, ledger = await agents("till", service.url), await agents("ledger", service.url)
    with pytest.raises(CutpointError, match="there is no recovery point yet"):
        await client.recover(dry_run=True)
    point = (await client.cut()).point
    assert point is not None

    plan = await client.recover(dry_run=True)
    assert (plan.state, plan.cut, plan.incarnation, plan.fits) == ("planned", 1, 2, True)
    assert [(part.process, part.connected, part.object[:7]) for part in plan.parts] == [
        ("ledger", True, "sha256:"),
        ("till", True, "sha256:"),
    ]
    await till.vanish()
    plan = await client.recover(1, dry_run=True)
    assert (plan.fits, plan.waits_for) == (False, ("till is not connected",))
    assert (await client.topology()).incarnation == 1
    assert not any(isinstance(message, Prepare) for message in ledger.heard)


async def test_a_recovery_waits_for_a_missing_process_and_names_it(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve(missing_seconds=0.1)
    client = await ask(service.url)
    till, ledger = await agents("till", service.url), await agents("ledger", service.url)
    await client.cut()
    await till.vanish()

    answer = await client.recover(timeout_seconds=0.3)

    assert (answer.state, answer.cut, answer.waits_for) == ("under way", 1, ("till is not connected",))
    under_way = (await client.topology()).recovery
    assert under_way is not None
    assert (under_way.target, under_way.phase, under_way.waits_for) == (1, "preparing", ("till is not connected",))
    assert "recovery waits" in [notice.kind for notice in service.notices.latest()]
    with pytest.raises(CutpointError, match="a recovery is under way"):
        await client.cut()
    back = Scripted("till", "life-2")
    await back.connect(service.url)
    await ledger.until(lambda: ledger.restored == [1])
    await back.vanish()


async def test_a_damaged_part_falls_back_to_the_recovery_point_before(
    serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    ledger.set_state(b"first")
    await client.cut()
    ledger.set_state(b"second")
    await client.cut()
    newest = read_manifest(open_backend(str(store)), 2).parts[0].packs[-1].name()  # type: ignore[arg-type]
    path = store / newest
    path.write_bytes(path.read_bytes()[:-1])

    verified = await client.verify()
    assert [(point.cut, point.sound) for point in verified.points] == [(1, True), (2, False)]
    assert newest in verified.points[1].complaints[0]
    done = await client.recover()

    assert (done.state, done.cut) == ("done", 1)
    await ledger.until(lambda: ledger.restored == [1])
    assert ledger.state == b"first"
    points = (await client.points()).points
    assert [bool(point.damaged) for point in points] == [False, True]


async def test_going_back_to_the_beginning_starts_everybody_anew(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    await client.cut()
    done = await client.recover(0)
    assert (done.state, done.cut, done.incarnation) == ("done", 0, 2)
    await ledger.until(lambda: ledger.restored == [0])
    assert (await client.cut()).cut == 2
