"""What a life leaves behind when it is killed can reach nothing, and nobody hears of it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cutpoint_simulations.loop import Simulation
from tests.simulations.loop.running import started

FILE = Path("/simulated/file")


async def hears_all(heard: list[bytes]) -> None:
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(100):
                heard.append(data)

    await asyncio.start_server(listen, "0.0.0.0", 80)


@pytest.mark.parametrize("power", [False, True])
def test_the_finally_blocks_of_a_killed_life_reach_no_socket_and_no_file(power: bool) -> None:
    heard, reached = list[bytes](), list[str]()

    async def main() -> None:
        _, writer = await asyncio.open_connection("listener", 80)
        buffered = FILE.open("w")
        buffered.write("in a buffer of Python's")
        writer.write(b"alive")
        try:
            await asyncio.sleep(1000)
        finally:
            attempts: list[Any] = [
                lambda: writer.write(b"dead"),
                lambda: writer.transport.abort(),
                lambda: socket.socket().connect(("10.0.0.2", 80)),
                lambda: FILE.write_text("dead"),
                lambda: FILE.unlink(),
                lambda: buffered.close(),
                lambda: asyncio.get_running_loop().run_in_executor(None, reached.append, "a thread"),
                lambda: asyncio.get_running_loop().call_soon(reached.append, "a callback"),
                lambda: asyncio.get_running_loop().create_task(asyncio.sleep(0)),
            ]
            for attempt in attempts:
                with contextlib.suppress(BaseException):
                    attempt()
            reached.append("the end")

    with Simulation(1) as simulation:
        listener = started(simulation, "listener", machine="elsewhere")
        simulation.complete(hears_all(heard), on=listener)
        host = started(simulation, "host", main)
        simulation.run(until=1)
        host.kill(power=power)
        simulation.run(until=2)
        host.start(_idle)
        simulation.run(until=3)
        disk = simulation.disk("machine")
        digest, before = simulation.digest, disk.files()
    assert heard == [b"alive"]
    assert reached == ["the end"]
    assert before == disk.files() == {"/file": b""}
    assert simulation.digest == digest
    assert simulation.unhandled == []
    assert simulation.refused == []


async def _idle() -> None:
    await asyncio.Event().wait()


def test_a_life_killed_in_the_middle_of_its_own_turn_gets_no_further() -> None:
    heard, reached = list[bytes](), list[str]()
    with Simulation(1) as simulation:
        listener = started(simulation, "listener")
        simulation.complete(hears_all(heard), on=listener)

        async def main() -> None:
            _, writer = await asyncio.open_connection("listener", 80)
            loop = asyncio.get_running_loop()
            loop.call_soon(host.kill)
            loop.call_soon(writer.write, b"dead")
            loop.call_soon(reached.append, "the next callback")

        host = started(simulation, "host", main)
        simulation.run(until=1)
    assert heard == []
    assert reached == []


def test_a_disk_that_kills_its_program_between_two_writes_keeps_the_first() -> None:
    with Simulation(1) as simulation:

        async def main() -> None:
            Path("/simulated/one").write_text("1")
            try:
                Path("/simulated/two").write_text("2")
            finally:
                Path("/simulated/three").write_text("3")

        disk = simulation.disk("machine")
        host = simulation.host("host", main)

        def before(operation: str, path: str) -> None:
            if path == "/two":
                disk.before_operation = None
                host.kill()

        disk.before_operation = before
        host.start()
        simulation.run(until=1)
        assert simulation.unhandled == []
        assert disk.files() == {"/one": b"1"}


class Talkative:
    """A program whose every part has something to say at its end."""

    def generator(self) -> Iterator[int]:
        try:
            yield 1
        finally:
            print("a generator ends")

    async def generates(self) -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            print("an asynchronous generator ends")

    async def stubborn(self) -> None:
        for _ in range(5):
            try:
                await asyncio.sleep(1000)
            except BaseException:
                logging.getLogger("dead").error("I will not")
        sys.stderr.write("ends at last\n")

    async def never(self) -> None:
        while True:
            with contextlib.suppress(BaseException):
                await asyncio.sleep(1000)

    async def not_begun(self, inner: Any) -> None:
        await inner

    async def holds(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _idle()
        writer.close()

    async def grouped(self) -> None:
        async with asyncio.timeout(1000), asyncio.TaskGroup() as group:
            group.create_task(_idle())
            await asyncio.Event().wait()

    async def main(self, dies: Callable[[], None]) -> None:
        kept, counts = self.generator(), self.generates()
        next(kept)
        await anext(counts)
        server = await asyncio.start_server(self.holds, "0.0.0.0", 80)
        connection = await asyncio.open_connection("127.0.0.1", 80)
        tasks = [asyncio.create_task(make()) for make in (self.stubborn, self.never, self.grouped)]
        waiting = asyncio.gather(*tasks)
        await asyncio.sleep(1)
        late = asyncio.create_task(self.not_begun(_idle()))
        dies()
        print(server, connection, waiting, late, kept, counts, "the last words of this turn")
        await asyncio.sleep(1000)


def test_nothing_is_printed_logged_or_warned_of_when_the_dead_are_cleared_away(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    program = Talkative()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Simulation(1) as simulation:
            killed = simulation.host("killed")
            killed.start(lambda: program.main(killed.kill))
            started(simulation, "alive", program.grouped)
            simulation.run(until=3)
        gc.collect()
    printed = capfd.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.out.endswith("the last words of this turn\n")
    assert printed.err == ""
    assert caplog.records == []


def test_what_the_dead_begin_in_their_last_words_is_ended_too() -> None:
    kept = list[asyncio.Task[Any]]()

    async def main() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            kept.append(asyncio.get_running_loop().create_task(not_awaited()))

    async def not_awaited() -> None:
        await asyncio.sleep(0)

    with Simulation(1) as simulation:
        started(simulation, "host", main)
        simulation.run(until=1)
    coroutine: Any = kept[0].get_coro()
    assert (kept[0].done(), coroutine.cr_frame) == (False, None)


def test_what_the_dead_keep_is_let_go_of_at_the_end() -> None:
    import weakref

    class Kept:
        pass

    references = list[weakref.ref[Kept]]()

    async def main() -> None:
        kept = Kept()
        references.append(weakref.ref(kept))
        await asyncio.sleep(1000)
        references.append(weakref.ref(kept))

    with Simulation(1) as simulation:
        host = started(simulation, "host", main, restart_seconds=0.1)
        for _ in range(5):
            simulation.run(until=simulation.agenda.now + 1)
            host.kill()
        assert [reference() is None for reference in references] == [False] * 5
    assert [reference() for reference in references] == [None] * 5
