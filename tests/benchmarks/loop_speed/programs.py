"""What both simulators run: plain asyncio, the same to the letter."""

from __future__ import annotations

import asyncio

PORT = 8080
WAIT_EVERY = 10


async def serve() -> None:
    """Echo lines until the first connection ends."""
    done = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()
        done.set()

    server = await asyncio.start_server(handle, port=PORT)
    await done.wait()
    server.close()


async def ping(round_trips: int) -> None:
    """Ask the host called ``server``, one line after the other."""
    reader, writer = await asyncio.open_connection("server", PORT)
    for number in range(round_trips):
        writer.write(b"%d\n" % number)
        await writer.drain()
        assert int(await reader.readline()) == number
    writer.close()
    await writer.wait_closed()


async def queues(round_trips: int) -> None:
    """Two tasks and two queues, and now and then a wait."""
    there: asyncio.Queue[int] = asyncio.Queue()
    back: asyncio.Queue[int] = asyncio.Queue()

    async def echo() -> None:
        while True:
            await back.put(await there.get())

    echoing = asyncio.create_task(echo())
    for number in range(round_trips):
        await there.put(number)
        assert await back.get() == number
        if number % WAIT_EVERY == 0:
            await asyncio.sleep(0.001)
    echoing.cancel()
