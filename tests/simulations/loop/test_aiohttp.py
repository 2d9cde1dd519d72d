"""Real aiohttp servers and clients, unchanged, on simulated hosts."""

from __future__ import annotations

import asyncio
import email.utils
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cutpoint_simulations.loop import Simulation
from tests.simulations.loop.running import started

PORT = 8080
URL = f"http://server:{PORT}"


def application(ended: list[str]) -> web.Application:
    async def get(request: web.Request) -> web.Response:
        return web.json_response({"query": dict(request.query), "time": time.time(), "from": request.remote})

    async def post(request: web.Request) -> web.Response:
        return web.json_response(await request.json(), status=201)

    async def upload(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            await response.write(chunk[::-1])
        await response.write_eof()
        return response

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        ended.append("a slow request")
        return web.Response(text="slow")

    async def socket(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=5)
        await ws.prepare(request)
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                await ws.send_str(message.data.upper())
            else:
                await ws.send_bytes(message.data)
        ended.append(f"a WebSocket, code {ws.close_code}")
        return ws

    async def file(request: web.Request) -> web.FileResponse:
        Path("/simulated/page.html").write_text("<p>" * 100_000)
        return web.FileResponse("/simulated/page.html")

    async def context(app: web.Application) -> AsyncIterator[None]:
        yield
        ended.append("the application")

    app = web.Application()
    app.router.add_get("/get", get)
    app.router.add_post("/post", post)
    app.router.add_put("/upload", upload)
    app.router.add_get("/slow", slow)
    app.router.add_get("/socket", socket)
    app.router.add_get("/file", file)
    app.cleanup_ctx.append(context)
    return app


def serve(ended: list[str], *, by_socket: bool = False) -> Any:
    async def main() -> None:
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        runner = web.AppRunner(application(ended), shutdown_timeout=2.0)
        await runner.setup()
        if by_socket:
            import socket

            await web.SockSite(runner, socket.create_server(("0.0.0.0", PORT))).start()
        else:
            await web.TCPSite(runner, "0.0.0.0", PORT).start()
        try:
            await stopping.wait()
        finally:
            await runner.cleanup()

    return main


async def everything() -> list[Any]:
    found = list[Any]()
    async with aiohttp.ClientSession(URL) as session:
        async with session.get("/get", params={"a": "1"}) as response:
            answer = await response.json()
            date = email.utils.parsedate_to_datetime(response.headers["Date"])
            found += [response.status, answer["query"], answer["from"], date.year, round(answer["time"] - time.time())]
        async with session.post("/post", json={"text": "ü" * 1000}) as response:
            found += [response.status, len((await response.json())["text"])]

        async def chunks() -> AsyncIterator[bytes]:
            for number in range(20):
                yield bytes([number]) * 50_000
                await asyncio.sleep(0.001)

        async with session.put("/upload", data=chunks()) as response:
            body = await response.read()
            found += [len(body), body[:1], body[-1:]]
        async with session.get("/file") as response:
            found += [len(await response.read()), response.content_type]
        async with session.get("/nowhere") as response:
            found.append(response.status)
        async with session.ws_connect("/socket", heartbeat=3) as ws:
            for number in range(30):
                await ws.send_str(f"message {number}")
                await ws.send_bytes(bytes([number]) * 3000)
            found += [[await ws.receive_str(), await ws.receive_bytes()][0] for _ in range(30)][-1:]
            await asyncio.sleep(20)  # heartbeats go to and fro
            found.append(ws.closed)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("http://nobody/")
        with pytest.raises(asyncio.TimeoutError):
            await session.get("/slow", timeout=aiohttp.ClientTimeout(total=0.1))
    return found


@pytest.mark.parametrize("by_socket", [False, True])
def test_a_server_and_a_client_speak_everything_that_http_has(by_socket: bool) -> None:
    ended = list[str]()
    with Simulation(1) as simulation:
        server, client = started(simulation, "server", serve(ended, by_socket=by_socket)), started(simulation, "client")
        simulation.run(until=1)
        assert simulation.complete(everything(), on=client) == [
            *(200, {"a": "1"}, "10.0.0.3", 2023, 0),
            *(201, 1000),
            *(1_000_000, b"\0", b"\x13"),
            *(300_000, "text/html"),
            404,
            "MESSAGE 29",
            False,
        ]
        server.terminate()
        simulation.run(until=simulation.agenda.now + 10)
        assert server.statuses == [0]
        assert simulation.unhandled == []
        simulation.check()
    assert ended == ["a WebSocket, code 1000", "a slow request", "the application"]


def test_a_server_that_is_told_to_stop_finishes_what_it_has_begun() -> None:
    ended = list[str]()

    async def asks() -> str:
        async with aiohttp.ClientSession(URL) as session, session.get("/slow") as response:
            return await response.text()

    with Simulation(1) as simulation:
        server, client = started(simulation, "server", serve(ended)), started(simulation, "client")
        simulation.run(until=1)
        asking = client.spawn(asks())
        simulation.run(until=1.2)
        server.terminate()
        simulation.run(until=5)
        assert asking.result() == "slow"
        assert (server.statuses, ended) == ([0], ["a slow request", "the application"])


def test_a_client_hears_of_a_server_that_is_killed_in_the_middle() -> None:
    async def asks() -> str:
        async with aiohttp.ClientSession(URL) as session:
            try:
                async with session.get("/slow") as response:
                    return await response.text()
            except aiohttp.ClientConnectionError:
                return "disconnected"

    with Simulation(1) as simulation:
        server, client = started(simulation, "server", serve([])), started(simulation, "client")
        simulation.run(until=1)
        simulation.agenda.after(0.2, server.kill)
        assert simulation.complete(asks(), on=client) == "disconnected"


def test_a_heartbeat_finds_out_a_machine_that_lost_power() -> None:
    async def listens() -> float:
        loop = asyncio.get_running_loop()
        async with aiohttp.ClientSession(URL) as session, session.ws_connect("/socket", heartbeat=4) as ws:
            began = loop.time()
            message = await ws.receive()
            assert message.type in (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED)
            return loop.time() - began

    with Simulation(1) as simulation:
        server = started(simulation, "server", serve([]), machine="its own")
        client = started(simulation, "client")
        simulation.run(until=1)
        simulation.agenda.after(0.5, simulation.lose_power, "its own")
        assert 4 < simulation.complete(listens(), on=client) < 10
        assert not server.alive


def test_aiohttp_resolves_names_by_the_loop_even_where_another_resolver_is_its_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where aiodns is installed, which asks real name servers."""

    class Elsewhere(aiohttp.AsyncResolver):
        def __init__(self, *_: Any, **__: Any) -> None:
            raise AssertionError("a real name server would be asked")

    from cutpoint_simulations.loop.replacements import libraries

    monkeypatch.setattr("aiohttp.resolver.DefaultResolver", Elsewhere)
    place, name, resolver = next(each for each in libraries.replacements() if each[1] == "DefaultResolver")
    monkeypatch.setattr(place, name, resolver)
    monkeypatch.setattr("aiohttp.connector.DefaultResolver", resolver)

    async def asks() -> int:
        async with aiohttp.ClientSession(URL) as session, session.get("/get") as response:
            return response.status

    with Simulation(1) as simulation:
        _, client = started(simulation, "server", serve([])), started(simulation, "client")
        simulation.run(until=1)
        assert simulation.complete(asks(), on=client) == 200
    with pytest.raises(AssertionError, match="real name server"):
        resolver()
