from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import signal
import sys
import time
import weakref
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from cutpoint.errors import CutpointError
from cutpoint_simulations.loop import Simulation
from tests.simulations.loop.running import started

HERE: contextvars.ContextVar[str] = contextvars.ContextVar("HERE", default="nowhere")


class Diary:
    """What a program has said, with the virtual time and its process id."""

    def __init__(self) -> None:
        self.lines = list[str]()

    def __call__(self, line: str) -> None:
        self.lines.append(line)


async def forever(say: Diary, name: str) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        say(f"{name} is cancelled")
        await asyncio.sleep(0.01)
        raise
    finally:
        say(f"{name} ends")


def test_a_life_ends_with_main_as_under_asyncio_run() -> None:
    def program(say: Diary) -> Any:
        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                say("generator closed")

        async def main() -> None:
            asyncio.create_task(forever(say, "task"))  # noqa: RUF006
            generator = numbers()
            await anext(generator)
            await asyncio.sleep(0.01)
            say("main ends")

        return main

    simulated, real = Diary(), Diary()
    with Simulation(1) as simulation:
        host = started(simulation, "host", program(simulated))
        simulation.run(until=5)
        assert (host.alive, host.statuses) == (False, [0])
        assert simulation.unhandled == []
    asyncio.run(program(real)())
    assert simulated.lines == real.lines == ["main ends", "generator closed", "task is cancelled", "task ends"]


@pytest.mark.parametrize(("code", "status"), [(None, 0), (3, 3), ("words", 1)])
def test_sys_exit_anywhere_ends_the_life_in_good_order(code: Any, status: int) -> None:
    say = Diary()

    async def leaves() -> None:
        await asyncio.sleep(0.1)
        sys.exit(code)

    async def main() -> None:
        leaving = asyncio.create_task(leaves())
        await forever(say, "main")
        await leaving

    with Simulation(1) as simulation:
        host = started(simulation, "host", main)
        simulation.run(until=5)
        assert (host.alive, host.statuses) == (False, [status])
        assert simulation.unhandled == []
    assert say.lines == ["main is cancelled", "main ends"]


def test_an_exception_in_main_is_told_and_the_status_is_one() -> None:
    async def main() -> None:
        raise ValueError("wrong")

    with Simulation(1) as simulation:
        host = started(simulation, "host", main, restart_seconds=0.5)
        simulation.run(until=1.2)
        assert host.statuses == [1, 1, 1]
        assert host.life == 3
        assert {told.message for told in simulation.unhandled} == {"host ended with ValueError"}


def test_os_exit_runs_nothing_more() -> None:
    say = Diary()

    async def main() -> None:
        asyncio.create_task(forever(say, "task"))  # noqa: RUF006
        await asyncio.sleep(0.1)
        try:
            os._exit(7)
        finally:
            say("a line that no process would reach")
            with pytest.raises(OSError, match="Bad file descriptor"):
                await asyncio.open_connection("other", 80)

    with Simulation(1) as simulation:
        host = started(simulation, "host", main)
        simulation.run(until=1)
        assert (host.alive, host.statuses) == (False, [7])
        assert say.lines == ["a line that no process would reach"]


def test_what_is_registered_for_the_exit_is_called_at_an_end_in_good_order_only() -> None:
    say = Diary()

    def program(*, gone: bool) -> Any:
        async def main() -> None:
            for line in "abc":
                atexit.register(say, line)
            atexit.register(print)
            atexit.unregister(print)
            weakref.finalize(say, str)
            if gone:
                os._exit(1)

        return main

    with Simulation(1) as simulation:
        hosts = [started(simulation, f"{gone}", program(gone=gone)) for gone in (True, False)]
        simulation.run(until=1)
        assert [host.statuses for host in hosts] == [[1], [0]]
    assert say.lines == ["c", "b", "a"]


def test_a_process_may_end_itself_by_a_signal() -> None:
    async def main() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    async def asked() -> None:
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        signal.raise_signal(signal.SIGTERM)
        os.kill(os.getpid(), 0)
        await stopping.wait()

    with Simulation(1) as simulation:
        killed, stopped = started(simulation, "killed", main), started(simulation, "stopped", asked)
        simulation.run(until=1)
        assert (killed.alive, killed.statuses) == (False, [])
        assert (stopped.alive, stopped.statuses) == (False, [0])


def test_sigterm_calls_the_handler_and_without_one_ends_the_process() -> None:
    say = Diary()

    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, say, "hung up")
        assert loop.remove_signal_handler(signal.SIGUSR1) is False
        await stopping.wait()
        say("told to stop")
        assert loop.remove_signal_handler(signal.SIGTERM) is True
        await asyncio.Event().wait()

    with Simulation(1) as simulation:
        host = started(simulation, "host", main)
        simulation.run(until=1)
        host.terminate(signal.SIGHUP)
        host.terminate()
        simulation.run(until=2)
        assert (host.alive, say.lines) == (True, ["hung up", "told to stop"])
        host.terminate()
        assert not host.alive
        host.terminate()
        simulation.run(until=3)


def test_sigint_cancels_main_as_a_keyboard_does() -> None:
    say = Diary()

    async def main() -> None:
        await forever(say, "main")

    with Simulation(1) as simulation:
        host = started(simulation, "host", main)
        simulation.run(until=1)
        host.terminate(signal.SIGINT)
        simulation.run(until=2)
        assert (host.alive, host.statuses) == (False, [130])
        assert simulation.unhandled == []
    assert say.lines == ["main is cancelled", "main ends"]


def test_each_life_is_a_process_of_its_own() -> None:
    seen = list[tuple[int, int, str, int]]()

    async def main() -> None:
        seen.append((os.getpid(), os.getppid(), HERE.get(), int.from_bytes(os.urandom(8), "big")))
        HERE.set("a life")
        await asyncio.sleep(10)

    HERE.set("the test")
    with Simulation(1) as simulation:
        host = started(simulation, "host", main, restart_seconds=0.1)
        for _ in range(3):
            simulation.run(until=simulation.agenda.now + 0.5)
            host.kill()
        simulation.run(until=simulation.agenda.now + 0.5)
    assert [(pid, parent, here) for pid, parent, here, _ in seen] == [(101 + n, 1, "nowhere") for n in range(4)]
    assert len({drawn for *_, drawn in seen}) == 4


def test_starting_a_host_that_lives_and_killing_one_that_is_dead_change_nothing() -> None:
    with Simulation(1) as simulation:
        host = started(simulation, "host")
        host.start()
        assert host.life == 1
        host.kill()
        host.kill()
        assert (host.life, repr(host)) == (1, "<host host, dead, life 1>")
        with pytest.raises(CutpointError, match="a host called host already"):
            simulation.host("host")


def test_a_host_that_is_killed_and_started_at_the_same_moment_lives() -> None:
    lives = list[int]()
    with Simulation(1) as simulation:

        async def main() -> None:
            lives.append(host.life)

        host = simulation.host("one", main)
        host.start()  # its first turn is planned, and never comes
        host.kill()
        host.start()
        simulation.run(until=1.0)
    assert lives == [2]


def test_a_host_that_is_killed_and_started_in_its_own_turn_lives() -> None:
    lives = list[int]()
    with Simulation(1) as simulation:

        async def main() -> None:
            lives.append(host.life)
            if host.life == 1:
                host.kill()
                host.start()
            lives.append(host.life)

        host = started(simulation, "one", main)
        simulation.run(until=1.0)
        assert host.statuses == [0]
    assert lives == [1, 1, 2, 2]


def test_a_host_started_by_hand_meanwhile_is_not_started_again() -> None:
    with Simulation(1) as simulation:
        host = started(simulation, "host", restart_seconds=1.0)
        host.kill()
        host.start()
        simulation.run(until=5)
        assert host.life == 2


def test_a_sleeping_process_does_nothing_else_and_its_clock_goes_on() -> None:
    seen = list[tuple[str, float]]()

    async def ticks() -> None:
        loop = asyncio.get_running_loop()
        while True:
            seen.append(("tick", loop.time()))
            await asyncio.sleep(0.4)

    async def main() -> None:
        ticking = asyncio.create_task(ticks())
        await asyncio.sleep(0.1)
        began = time.monotonic()
        time.sleep(2.0)
        seen.append(("slept", time.monotonic() - began))
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            time.sleep(0.1)
        await asyncio.sleep(0.5)
        ticking.cancel()
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)

    with Simulation(1) as simulation:
        started(simulation, "host", main)
        simulation.run(until=10)
        assert simulation.unhandled == []
    (_, first), (what, slept), (_, second), *_ = seen
    assert (what, round(slept, 6)) == ("slept", 2.0)
    assert 3.0 < second - first < 3.3


def test_a_loop_that_never_waits_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutpoint_simulations.loop.simulation.TURNS_MAX", 1000)

    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    with Simulation(1) as simulation:
        started(simulation, "host", main)
        with pytest.raises(CutpointError, match="goes on without waiting"):
            simulation.run()


def test_statistics_count_what_happened() -> None:
    async def main() -> None:
        await asyncio.sleep(1)

    with Simulation(1) as simulation:
        started(simulation, "one", main, restart_seconds=1.0)
        started(simulation, "two", main)
        simulation.run(until=3.5)
        during = simulation.statistics()
    assert simulation.statistics() == during
    assert (during.hosts, during.lives, during.arrivals, during.seconds) == (2, 3, 0, 3.5)
    assert min(during.turns, during.callbacks) > 3


def test_starts_and_ends_are_heard() -> None:
    heard = list[tuple[str, str, str]]()

    async def main() -> None:
        await asyncio.sleep(1)

    with Simulation(1) as simulation:
        simulation.heard = lambda kind, host, text: heard.append((kind, host.name, text))
        started(simulation, "host", main, restart_seconds=1.0)
        simulation.run(until=2.5)
        simulation.lose_power("machine")
    assert heard == [
        ("start", "host", "life 1"),
        ("end", "host", "ends with status 0"),
        ("start", "host", "life 2"),
        ("end", "host", "its machine loses power"),
    ]


def test_what_a_simulation_needed_is_let_go_of_with_it() -> None:
    class Everything:
        """What the handler of an application can reach."""

    kept: list[weakref.ref[Everything]] = []

    async def serve() -> None:
        everything = Everything()
        kept.append(weakref.ref(everything))

        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=repr(everything))

        @web.middleware
        async def pass_on(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await handler(request)

        app = web.Application(middlewares=[pass_on])
        app.router.add_get("/", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", 80).start()
        await asyncio.Event().wait()

    async def ask() -> int:
        async with aiohttp.ClientSession() as http, http.get("http://one/") as response:
            return response.status

    with Simulation(1) as simulation:
        simulation.host("one", serve).start()
        other = simulation.host("other")
        other.start()
        simulation.run(until=1.0)
        assert simulation.complete(ask(), on=other) == 200
    assert [reference() for reference in kept] == [None]
