"""Timers: part of the state, fired once in a turn of their own, whatever recovery comes in between."""

from __future__ import annotations

import asyncio
import datetime
import itertools
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cutpoint.errors import ConfigurationError, UsageError
from cutpoint.protocol.consistency import Certificate
from cutpoint_agents import Agent, Timer
from cutpoint_agents.pending import Key
from cutpoint_agents.timers import Timers
from tests.agents.rig import IMPATIENT, Coordinator, lonely, running, session, until
from tests.agents.test_record_block import MONEY, Payee, balance, certificate_or_complaints, stored


class Shop:
    """Orders that expire. What a timer did is in the state, beside the timers."""

    def __init__(self, coordinator: str | None = None) -> None:
        self.agent = Agent("shop", coordinator=coordinator, settings=IMPATIENT)
        self.expired = self.agent.table("expired")
        self.expire: Timer = self.agent.timer("expire")(self._expire)
        self.calls: list[Any] = []

    def _expire(self, order: Any) -> None:
        self.calls.append(order)
        self.expired[order] = self.expired.get(order, 0) + 1


async def test_a_timer_fires_once_with_its_arguments_when_it_is_due() -> None:
    shop = Shop()
    async with shop.agent:
        began = shop.agent.clock.time()
        shop.expire.set(1, seconds=0.05)
        shop.expire.set(2, at=began + 0.02)
        shop.expire.set(3, at=shop.agent.clock.now() + datetime.timedelta(seconds=0.03))
        shop.expire.set(4, seconds=60)
        assert shop.expire.due(2) == began + 0.02
        assert (shop.calls, shop.expire.due(9)) == ([], None)
        await until(lambda: len(shop.calls) == 3)
        assert shop.agent.clock.time() >= began + 0.05
        await asyncio.sleep(0.05)
        assert shop.calls == [2, 3, 1]
        assert (shop.expire.due(1), shop.expire.due(4) is None) == (None, False)
        assert shop.agent.statistics().timers_failed == 0


async def test_setting_it_again_replaces_it_and_cancelling_it_removes_it() -> None:
    shop = Shop()
    async with shop.agent:
        shop.expire.set(1, seconds=0.02)
        shop.expire.set(1, seconds=60)
        shop.expire.set(2, seconds=0.02)
        shop.expire.set(3, seconds=60)
        shop.expire.set(3, seconds=0.04)
        assert (shop.expire.cancel(2), shop.expire.cancel(2)) == (True, False)
        await until(lambda: shop.calls == [3])
        await asyncio.sleep(0.02)
        assert shop.calls == [3]


async def test_a_handler_may_be_async_and_may_set_its_own_timer_again() -> None:
    agent = lonely("heart")
    beats: list[float] = []

    @agent.timer("beat")
    async def beat() -> None:
        await asyncio.sleep(0.001)
        beats.append(agent.clock.time())
        if len(beats) < 4:
            beat.set(seconds=0.01)

    async with agent:
        beat.set(seconds=0)
        await until(lambda: len(beats) == 4)
        assert all(later - earlier >= 0.01 for earlier, later in itertools.pairwise(beats))
        assert beat.due() is None


async def test_a_handler_that_raises_is_told_and_holds_no_other_up(caplog: pytest.LogCaptureFixture) -> None:
    agent = lonely("shop")
    fired: list[str] = []

    @agent.timer("call")
    def call(whom: str) -> None:
        fired.append(whom)
        if whom == "nobody":
            raise LookupError("no such\ncustomer")
        if whom == "partner":
            raise ConnectionRefusedError("not there")

    async with agent:
        for whom in ("nobody", "partner", "ann"):
            call.set(whom, seconds=0)
        await until(lambda: len(fired) == 3)
        assert fired == ["nobody", "partner", "ann"]
        assert agent.statistics().timers_failed == 2
        assert agent.statistics().faults == 0
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(record.getMessage(), bool(record.exc_info)) for record in errors] == [
        ("timer call failed: LookupError: no such customer; it has fired and does not fire again by itself", True),
        ("timer call failed: ConnectionRefusedError: not there; it has fired and does not fire again by itself", False),
    ]


async def test_a_timer_of_the_past_fires_at_once_after_a_restore_and_one_of_the_future_later(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        shop = Shop(coordinator.url)
        async with shop.agent:
            shop.expire.set("soon", seconds=0.2)
            shop.expire.set("late", seconds=60)
            late = shop.expire.due("late")
            parts = await coordinator.take_cut("shop")
            shop.expire.cancel("late")
            shop.expire.set("never", seconds=0.2)
            await until(lambda: shop.calls == ["soon", "never"])
            await coordinator.recover(parts, "shop")
            await until(lambda: shop.calls == ["soon", "never", "soon"])
            assert shop.expired == {"soon": 1}
            assert (shop.expire.due("late"), shop.expire.due("never")) == (late, None)
            parts = await coordinator.take_cut("shop")
            await coordinator.recover(parts, "shop")
            await until(lambda: shop.agent.statistics().phase == "running")
            await asyncio.sleep(0.05)
            assert shop.calls == ["soon", "never", "soon"], "what fired before the cut does not fire after it"


async def test_a_process_that_lost_its_memory_fires_what_was_set_in_its_former_life(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        coordinator.releases = False
        first = Shop(coordinator.url)
        await first.agent.__aenter__()
        first.expire.set((17, "eu"), seconds=0.05)
        drawn = [first.agent.random.random()]
        parts = await coordinator.take_cut("shop")
        drawn.append(first.agent.random.random())
        recorded = first.agent.clock.time()
        await first.agent.__aexit__(RuntimeError, None, None)
        coordinator.admits = False
        second = Shop(coordinator.url)
        starting = asyncio.create_task(second.agent.__aenter__())
        await until(lambda: "shop" in coordinator.connections)
        await asyncio.sleep(0.06)
        await coordinator.recover(parts, "shop")
        await asyncio.wait_for(starting, 3)
        await until(lambda: second.calls == [(17, "eu")])
        assert second.agent.random.random() == drawn[1]
        assert second.agent.clock.time() >= recorded
        await second.agent.__aexit__(RuntimeError, None, None)


async def restored_steps(store: Path) -> list[tuple[int, int, list[int]]]:
    """What several cuts of a handler that changes state, waits and changes it again have: both changes, and timers."""
    seen: list[tuple[int, int, list[int]]] = []
    async with Coordinator(str(store)).serving() as coordinator:
        agent = Agent("shop", coordinator=coordinator.url, settings=IMPATIENT)
        steps = agent.table("steps")

        @agent.timer("move")
        async def move(number: int) -> None:
            steps["begun"] = number
            await asyncio.sleep(0.005)
            steps["done"] = number
            move.set(number + 1, seconds=0.0)

        def look() -> None:
            pending = [number for number in range(1000) if move.due(number) is not None]
            seen.append((steps.get("begun", 0), steps.get("done", 0), pending))

        agent.derived("seen", rebuild=look)
        async with agent:
            move.set(1, seconds=0.0)
            for pause in (0.001, 0.003, 0.007, 0.002, 0.011, 0.004):
                await asyncio.sleep(pause)
                parts = await coordinator.take_cut("shop")
                await asyncio.sleep(0.01)
                await coordinator.recover(parts, "shop")
                await until(lambda: agent.statistics().phase == "running")
    assert len(seen) == 6
    return seen


async def test_no_cut_holds_both_a_timer_and_what_its_handler_did(tmp_path: Path) -> None:
    seen = await restored_steps(tmp_path)
    assert seen == [(done, done, [done + 1]) for _, done, _ in seen]
    assert seen[-1][1] > 6


async def test_a_handler_outside_of_a_turn_would_be_torn_by_a_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fire(timers: Timers, key: Key, _due: float) -> None:
        timers.pending.drop(key)
        await timers._call(timers._declared[key[0]], key)

    monkeypatch.setattr(Timers, "_fire", fire)
    seen = await restored_steps(tmp_path)
    assert any(begun != done or pending != [done + 1] for begun, done, pending in seen), "every cut was whole"


async def test_a_cut_that_waits_for_a_handler_names_the_timer_and_the_line(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("shop", coordinator=coordinator.url, settings=IMPATIENT)
        release = asyncio.Event()

        @agent.timer("slow")
        async def slow() -> None:
            await release.wait()

        async with agent:
            slow.set(seconds=0)
            await until(lambda: agent.driver.turns.tasks())
            (described,) = agent.driver.turns.describe(range(100), {})
            assert described.text.startswith("a turn of timer slow in ")
            assert (described.kind, described.channel) == ("turn", "timer slow")
            assert described.handler.endswith(".slow")
            assert "test_timers.py:" in described.place
            release.set()


async def test_what_handlers_pay_and_send_balances_in_every_cut(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        payee = Payee(coordinator.url)
        payer = Agent("payer", coordinator=coordinator.url, settings=IMPATIENT)
        purse = payer.value("purse", MONEY)
        channels: list[Any] = []

        @payer.timer("pay")
        async def pay() -> None:
            purse.value -= 1
            await asyncio.sleep(0)
            await channels[0].send_str("1")
            pay.set(seconds=0)

        async with running(payee.app) as url, payer, session() as http:
            channels.append(await payer.wrap(http.ws_connect(url + "/payments")))
            pay.set(seconds=0)
            await until(lambda: payee.purse.value)
            for _ in range(5):
                await asyncio.sleep(0.005)
                parts = await coordinator.take_cut("payer", "payee")
                assert isinstance(certificate_or_complaints(parts), Certificate)
                assert sum(balance(part) for part in stored(tmp_path, parts)) == MONEY
            pay.cancel()
            await channels[0].close()


async def test_a_part_with_timers_restores_where_none_is_declared_and_they_are_handed_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        coordinator.releases = False
        parts: dict[str, Any] = {}

        async def cut() -> None:
            parts.update(await coordinator.take_cut("shop"))

        first = Shop(coordinator.url)
        await first.agent.__aenter__()
        first.expire.set(1, seconds=60)
        await cut()
        await first.agent.__aexit__(RuntimeError, None, None)
        coordinator.admits = False

        between = Agent("shop", coordinator=coordinator.url, settings=IMPATIENT)
        between.table("expired")

        @between.timer("other")
        def other() -> None:
            raise AssertionError("nobody has set it")

        await restored(coordinator, between, parts, cut)
        assert "timers 'expire' were recorded and are not declared: they are kept and do not fire" in caplog.messages
        last = Shop(coordinator.url)
        due: list[float | None] = []

        async def look() -> None:
            due.append(last.expire.due(1))

        await restored(coordinator, last.agent, parts, look)
        assert due[0] is not None


async def restored(
    coordinator: Coordinator, agent: Agent, parts: dict[str, Any], then: Callable[[], Awaitable[None]]
) -> None:
    """Start this process from ``parts``, do something, and stop it."""
    starting = asyncio.create_task(agent.__aenter__())
    await until(lambda: "shop" in coordinator.connections)
    await coordinator.recover(parts, "shop")
    await asyncio.wait_for(starting, 3)
    await then()
    await agent.__aexit__(RuntimeError, None, None)
    await until(lambda: "shop" not in coordinator.connections)


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"seconds": 1, "at": 2.0},
        {"seconds": -1},
        {"seconds": float("nan")},
        {"seconds": "1"},
        {"at": float("inf")},
        {"at": datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)},
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_and_nothing_is_set(when: dict[str, Any]) -> None:
    shop = Shop()
    with pytest.raises(UsageError, match=r"timer expire: .*nothing was set"):
        shop.expire.set(1, **when)
    assert shop.expire.due(1) is None


def test_arguments_that_cannot_be_recorded_are_refused_at_the_call() -> None:
    shop = Shop()
    with pytest.raises(ConfigurationError, match="an argument of timer expire cannot be kept exactly as msgpack"):
        shop.expire.set(object(), seconds=1)
    assert shop.agent._surroundings.timers.pending.first() is None


def test_a_change_of_an_argument_does_not_reach_the_timer() -> None:
    shop, order = Shop(), ["a"]
    shop.expire.set(order, seconds=60)
    order.append("b")
    assert shop.expire.due(["a"]) is not None
    assert shop.expire.due(order) is None


async def test_a_timer_is_declared_once_by_a_good_name_and_before_the_start() -> None:
    agent = lonely("shop")
    agent.timer("expire")(lambda: None)
    with pytest.raises(ConfigurationError, match="timer 'expire' is declared twice"):
        agent.timer("expire")(lambda: None)
    with pytest.raises(ConfigurationError, match="cannot name a timer"):
        agent.timer("@expire")(lambda: None)
    with pytest.raises(ConfigurationError, match="needs a function, not int"):
        agent.timer("late")(5)  # type: ignore[arg-type]
    async with agent:
        with pytest.raises(UsageError, match="timer 'late' is declared after the start"):
            agent.timer("late")
