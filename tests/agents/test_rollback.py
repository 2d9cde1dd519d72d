"""Recovery as the agents live through it: stop, load, check, start again; in place, or as a new process."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from cutpoint.errors import RolledBack
from cutpoint.names import CutNumber, Digest, Incarnation
from cutpoint.protocol.messages import Delayed, Prepare, Ready, Start, Unfit
from cutpoint_agents import Agent
from tests.agents.held_store import stores_that_go_away
from tests.agents.ledger import Till, Vault
from tests.agents.rig import IMPATIENT, Coordinator, until


async def test_two_services_go_back_in_place_and_end_with_the_exact_sum(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        till = Till(coordinator.url, vault.url, last=200)
        async with till.agent:
            for _ in range(4):
                await asyncio.sleep(0.04)
                parts = await coordinator.take_cut("till", "vault")
                await asyncio.sleep(0.02)
                await coordinator.recover(parts, "till", "vault")
                await until(lambda: till.agent.statistics().phase == "running")
            await until(lambda: till.done, 20)
            assert (vault.sums["till"], till.confirmed.value) == (till.total, till.total)
            assert till.starts == 5
            assert till.agent.statistics().incarnation == 5
            assert till.agent.statistics().faults == vault.agent.statistics().faults == 0


async def test_a_recovery_to_the_beginning_starts_from_the_initial_state(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        till = Till(coordinator.url, vault.url, last=100)
        async with till.agent:
            await until(lambda: len(vault.order) > 20)
            await coordinator.recover({}, "till", "vault")
            await until(lambda: till.done, 20)
            assert vault.sums["till"] == till.total
            assert vault.order.count(1) == 2


async def test_a_process_that_lost_its_memory_is_restored_before_it_listens(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        first = Vault(coordinator.url)
        till_vault_url = ""
        async with first.serving():
            till = Till(coordinator.url, first.url, last=50)
            async with till.agent:
                await until(lambda: till.done, 20)
                parts = await coordinator.take_cut("till", "vault")
            till_vault_url = first.url
        assert till_vault_url
        coordinator.admits = False
        second = Vault(coordinator.url)
        app = web.Application()
        app.cleanup_ctx.append(second.agent.context)
        runner = web.AppRunner(app)
        setup = asyncio.create_task(runner.setup())
        await until(lambda: "vault" in coordinator.connections)
        assert not setup.done()
        await coordinator.recover(parts, "vault")
        await asyncio.wait_for(setup, 3)
        assert second.sums["till"] == till.total
        await runner.cleanup()


async def test_what_belongs_to_the_old_incarnation_is_told_so(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        agent = Agent("till", coordinator=coordinator.url, settings=IMPATIENT)
        async with agent, aiohttp.ClientSession() as session:
            ws = await agent.wrap(session.ws_connect(vault.url))
            waiting = asyncio.create_task(ws.receive())
            await asyncio.sleep(0.02)
            parts = await coordinator.take_cut("till", "vault")
            await coordinator.recover(parts, "till", "vault")
            assert (await asyncio.wait_for(waiting, 3)).type is WSMsgType.CLOSED
            assert ws.close_code == 1012
            with pytest.raises(RolledBack, match="connect again, or let the agent restart the task"):
                await ws.send_str("late")
            await until(lambda: agent.statistics().phase == "running")
            again = await agent.wrap(session.ws_connect(vault.url))
            await again.send_json({"till": "till", "amount": 7})
            assert await again.receive_json() == {"confirmed": 7}


async def test_a_turn_in_progress_is_cancelled_before_state_goes_back(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        parts = await coordinator.take_cut("vault")
        vault.pause = 60.0
        till = Till(coordinator.url, vault.url, last=1)
        async with till.agent:
            await until(lambda: vault.order == [1])
            vault.pause = 0.0
            await coordinator.recover(parts, "vault", "till")
            await until(lambda: vault.order == [1, 1] and till.done, 10)
            assert vault.sums["till"] == 1


async def test_a_task_that_will_not_end_makes_the_process_ask_to_be_started_again(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        vault = Vault(coordinator.url)
        statuses: list[int] = []
        vault.agent.exit = statuses.append
        release = asyncio.Event()

        @vault.agent.task
        async def stubborn() -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        async with vault.serving():
            parts = await coordinator.take_cut("vault")
            await coordinator.say(
                "vault",
                Prepare(
                    computation="test",
                    incarnation=Incarnation(2),
                    cut=CutNumber(1),
                    last_cut=CutNumber(1),
                    object=parts["vault"].object,
                    store=str(tmp_path),
                ),
            )
            await until(lambda: statuses == [75])
            assert not coordinator.heard_from("vault", Ready)
            release.set()


async def test_restart_me_exits_with_75_instead_of_stopping(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        vault = Vault(coordinator.url, rollback="restart")
        statuses: list[int] = []
        vault.agent.exit = statuses.append
        async with vault.serving():
            parts = await coordinator.take_cut("vault")
            await coordinator.say("vault", prepare(2, parts["vault"].object, tmp_path))
            await until(lambda: statuses == [75])


async def test_restart_me_restores_in_place_when_there_is_no_memory_yet(tmp_path: Path) -> None:
    coordinator = Coordinator(str(tmp_path))
    coordinator.admits = False
    async with coordinator.serving():
        vault = Vault(coordinator.url, rollback="restart")
        statuses: list[int] = []
        vault.agent.exit = statuses.append
        app = web.Application()
        app.cleanup_ctx.append(vault.agent.context)
        runner = web.AppRunner(app)
        setup = asyncio.create_task(runner.setup())
        await until(lambda: "vault" in coordinator.connections)
        await coordinator.recover({}, "vault")
        await asyncio.wait_for(setup, 3)
        assert statuses == []
        await runner.cleanup()


def prepare(incarnation: int, digest: str, store: Path) -> Prepare:
    return Prepare(
        computation="test",
        incarnation=Incarnation(incarnation),
        cut=CutNumber(1),
        last_cut=CutNumber(1),
        object=digest,
        store=str(store),
    )


async def test_a_part_that_is_missing_or_damaged_is_unfit_and_changes_nothing(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        parts = await coordinator.take_cut("vault")
        vault.sums["kept"] = 1
        await coordinator.say("vault", prepare(2, Digest("sha256:" + "0" * 64), tmp_path))
        await until(lambda: coordinator.heard_from("vault", Unfit))
        assert vault.sums["kept"] == 1
        (object_file,) = (path for path in tmp_path.rglob("*") if path.is_file() and "packs" in path.parts)
        object_file.chmod(0o644)
        object_file.write_bytes(object_file.read_bytes()[:-1])
        await coordinator.say("vault", prepare(3, parts["vault"].object, tmp_path))
        await until(lambda: len(coordinator.heard_from("vault", Unfit)) == 2)
        assert all("\n" not in unfit.reason for unfit in coordinator.heard_from("vault", Unfit))
        assert vault.sums["kept"] == 1
        await coordinator.say("vault", prepare(4, "", tmp_path))
        await until(lambda: coordinator.heard_from("vault", Ready))
        await coordinator.say("vault", Start(incarnation=Incarnation(4)))
        await until(lambda: "kept" not in vault.sums)


async def test_a_store_that_is_away_for_a_while_is_asked_again_and_the_wait_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores_that_go_away(monkeypatch)
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        parts = await coordinator.take_cut("vault")
        vault.sums["later"] = 1
        store.away = True
        await coordinator.say("vault", prepare(2, parts["vault"].object, tmp_path))
        await until(lambda: len(coordinator.heard_from("vault", Delayed)) >= 2, 30)
        assert not coordinator.heard_from("vault", Unfit)
        assert "the store does not answer" in coordinator.heard_from("vault", Delayed)[0].reason
        assert "does not answer" in vault.agent.driver.waiting_for
        store.away = False
        await until(lambda: coordinator.heard_from("vault", Ready), 30)
        await coordinator.say("vault", Start(incarnation=Incarnation(2)))
        await until(lambda: "later" not in vault.sums, 30)


async def test_a_store_that_is_away_is_not_asked_any_more_for_a_recovery_that_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores_that_go_away(monkeypatch)
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        parts = await coordinator.take_cut("vault")
        store.away = True
        await coordinator.say("vault", prepare(2, parts["vault"].object, tmp_path))
        await until(lambda: coordinator.heard_from("vault", Delayed), 30)
        await coordinator.say("vault", prepare(3, "", tmp_path))
        await until(lambda: coordinator.heard_from("vault", Ready), 30)
        asked = store.asked
        await until(lambda: len(vault.agent.driver.background._tasks) == 0, 30)
        assert store.asked == asked


async def test_requests_wait_while_the_process_is_being_restored(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        parts = await coordinator.take_cut("vault")
        await coordinator.say("vault", prepare(2, parts["vault"].object, tmp_path))
        await until(lambda: coordinator.heard_from("vault", Ready))
        coordinator.incarnation = 2
        till = Till(coordinator.url, vault.url, last=3)
        async with till.agent:
            await asyncio.sleep(0.05)
            assert vault.order == []
            await coordinator.say("vault", Start(incarnation=Incarnation(2)))
            await until(lambda: till.done, 5)


async def test_in_flight_messages_are_delivered_first_and_once(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        vault.pause = 0.02
        till = Till(coordinator.url, vault.url, last=40)
        till.pause = 0.0
        async with till.agent:
            await until(lambda: till.sent.value == 40)
            parts = await coordinator.take_cut("till", "vault")
            assert sum(part.in_flight_messages for part in parts.values()) > 5
            recorded = len(vault.order)
            await asyncio.sleep(0.05)
            vault.order.clear()
            await coordinator.recover(parts, "till", "vault")
            vault.pause = 0.0
            await until(lambda: till.done, 10)
            assert vault.sums["till"] == till.total
            assert sorted(vault.order)[-1] == 40
            assert len(vault.order) <= 40 - recorded + 10


async def test_a_boundary_is_closed_by_a_recovery(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        vault = Vault(coordinator.url)

        async def browser(request: web.Request) -> web.StreamResponse:
            raw = web.WebSocketResponse()
            await raw.prepare(request)
            ws: Any = vault.agent.wrap(raw, boundary=True)
            async for message in ws:
                await ws.send_str(message.data)
            return raw

        vault._deposits = browser  # type: ignore[method-assign]
        async with vault.serving(), aiohttp.ClientSession() as session, session.ws_connect(vault.url) as ws:
            await ws.send_str("x")
            assert await ws.receive_str() == "x"
            parts = await coordinator.take_cut("vault")
            assert parts["vault"].boundary == ("/deposits",)
            await coordinator.recover(parts, "vault")
            message = await asyncio.wait_for(ws.receive(), 3)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1012)


async def test_what_was_sent_before_a_close_is_delivered_after_a_recovery(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        till = Agent("till", coordinator=coordinator.url, settings=IMPATIENT)
        done = till.value("done", False)
        runs: list[bool] = []

        @till.task
        async def run() -> None:
            runs.append(done.value)
            if done.value:
                return
            async with aiohttp.ClientSession() as session, till.wrap(session.ws_connect(vault.url)) as ws:
                for amount in range(1, 21):
                    await ws.send_json({"till": "till", "amount": amount})
                done.value = True

        vault.pause = 0.03
        async with till:
            await until(lambda: vault.order and done.value)
            parts = await coordinator.take_cut("till", "vault")
            assert sum(part.in_flight_messages for part in parts.values()) > 10
            recorded = max(vault.order)
            vault.order.clear()
            vault.pause = 0.0
            await coordinator.recover(parts, "till", "vault")
            await until(lambda: vault.sums.get("till") == 210)
            assert runs == [False, True]
            assert vault.order[-(20 - recorded) :] == list(range(recorded + 1, 21))
            await until(lambda: not till.driver.open_channels())
