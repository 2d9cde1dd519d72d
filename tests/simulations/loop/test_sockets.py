from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from cutpoint_simulations.loop import Host, Simulation
from cutpoint_simulations.loop.stream import WINDOW_BYTES
from tests.simulations.loop.running import on_host, started

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

MIB = 1024 * 1024


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    """The port on which ``handler`` serves, on the host that runs."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def on_two(
    server: Callable[[], Awaitable[None]], client: Callable[[], Awaitable[Any]], *, seed: int = 1
) -> tuple[Any, Simulation]:
    """``server`` is awaited on the host called so, then ``client`` on another; what that returns."""
    with Simulation(seed) as simulation:
        served_by, asked_by = started(simulation, "server"), started(simulation, "client")

        async def serve() -> None:
            await server()

        async def ask() -> Any:
            return await client()

        simulation.complete(serve(), on=served_by)
        result = simulation.complete(ask(), on=asked_by, seconds=1000)
        simulation.check()
    assert simulation.unhandled == []
    return result, simulation


def test_streams_carry_bytes_both_ways() -> None:
    async def program() -> list[bytes]:
        async with served(echo) as port:
            reader, writer = await asyncio.open_connection("localhost", port)
            writer.writelines([b"one\n", b"two\n"])
            lines = [await reader.readline(), await reader.readline()]
            writer.write_eof()
            lines.append(await reader.read())
            writer.close()
            await writer.wait_closed()
            return lines

    assert on_host(program) == [b"one\n", b"two\n", b""] == asyncio.run(program())


@pytest.mark.parametrize("seed", range(3))
def test_eight_mebibytes_arrive_intact_while_the_reader_is_slow(seed: int) -> None:
    payload = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(8 * MIB // 32))
    waiting = list[int]()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        digest, count = hashlib.sha256(), 0
        while data := await reader.read(100_000):
            digest.update(data)
            count += len(data)
            await asyncio.sleep(0.001)
        writer.write(f"{count} {digest.hexdigest()}".encode())
        writer.close()

    async def server() -> None:
        await asyncio.start_server(slow, "0.0.0.0", 80)

    async def client() -> bytes:
        reader, writer = await asyncio.open_connection("server", 80)
        for at in range(0, len(payload), 65_536):
            writer.write(payload[at : at + 65_536])
            waiting.append(writer.transport.get_write_buffer_size())
            await writer.drain()
        writer.write_eof()
        return await reader.read()

    answer, _ = on_two(server, client, seed=seed)
    assert answer == f"{len(payload)} {hashlib.sha256(payload).hexdigest()}".encode()
    assert 0 < max(waiting) <= 2 * 65_536, "drain waits for a reader that is slow"


def test_more_than_the_window_is_not_taken_while_nobody_reads() -> None:
    async def program() -> tuple[int, int]:
        listener = socket.create_server(("127.0.0.1", 0))
        sender = socket.socket()
        sender.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sender, listener.getsockname())
        listener.setblocking(False)
        receiver, _ = await loop.sock_accept(listener)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += sender.send(b"x" * 10_000)
        sending = asyncio.create_task(loop.sock_sendall(sender, b"y" * 100_000))
        await asyncio.sleep(1)
        assert not sending.done()
        received = 0
        while received < sent + 100_000:
            received += len(await loop.sock_recv(receiver, 7_777))
        await sending
        return sent, received

    assert on_host(program) == (WINDOW_BYTES, WINDOW_BYTES + 100_000)


def test_what_is_sent_may_arrive_in_pieces() -> None:
    async def program() -> set[int]:
        sizes = set[int]()

        async def measure(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1000):
                sizes.add(len(data))
            writer.close()

        async with served(measure) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(200):
                writer.write(b"0123456789")
                await asyncio.sleep(0.01)
            writer.close()
        return sizes

    sizes = on_host(program)
    assert 10 in sizes
    assert len(sizes) > 3


def test_after_the_end_of_one_direction_the_other_goes_on() -> None:
    async def program() -> tuple[bytes, bytes]:
        heard = asyncio.get_running_loop().create_future()

        async def answers_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set_result(await reader.read())
            await asyncio.sleep(1)
            writer.write(b"late answer")
            writer.close()

        async with served(answers_at_the_end) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"question")
            writer.write_eof()
            return await reader.read(), await heard

    assert on_host(program) == (b"late answer", b"question") == asyncio.run(program())


def test_nobody_listens_means_refused() -> None:
    async def program() -> list[int | None]:
        found = list[int | None]()
        for name in ("127.0.0.1", "localhost"):
            try:
                await asyncio.open_connection(name, 9)
            except OSError as error:
                found.append(error.errno)
        return found

    assert on_host(program) == [errno.ECONNREFUSED] * 2


def test_an_unknown_name_and_a_wrong_family_are_not_found() -> None:
    async def program() -> list[str]:
        loop, found = asyncio.get_running_loop(), list[str]()
        for name, options in (("nobody", {}), ("localhost", {"family": socket.AF_INET6}), ("host", {"proto": 6})):
            try:
                found.append(str(await loop.getaddrinfo(name, "http", **options)))
            except socket.gaierror as error:
                found.append(str(error.errno))
        found.append(str(socket.gethostbyname("host")))
        return found

    there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.2", 80))]
    assert on_host(program) == [str(socket.EAI_NONAME), str(socket.EAI_FAMILY), str(there), "10.0.0.2"]


def test_an_address_that_no_machine_has_times_out_as_linux_does() -> None:
    async def program() -> tuple[int | None, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await asyncio.open_connection("10.9.9.9", 80)
        except OSError as error:
            return error.errno, round(loop.time() - began)
        raise AssertionError

    assert on_host(program) == (errno.ETIMEDOUT, 127)


def test_a_port_is_taken_once() -> None:
    async def program() -> list[object]:
        found = list[object]()
        one = await asyncio.start_server(echo, "0.0.0.0", 80)
        for address in ("0.0.0.0", "10.0.0.2", "10.0.0.77"):
            try:
                await asyncio.start_server(echo, address, 80)
            except OSError as error:
                found.append(error.errno or errno.EADDRNOTAVAIL)
        one.close()
        await one.wait_closed()
        two = await asyncio.start_server(echo, "0.0.0.0", 80)
        found.append(two.sockets[0].getsockname())
        return found

    taken = [errno.EADDRINUSE, errno.EADDRINUSE, errno.EADDRNOTAVAIL, ("0.0.0.0", 80)]
    assert on_host(program) == taken


def test_closing_with_unread_bytes_resets_the_other_end() -> None:
    async def program() -> str:
        async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(1)
            writer.transport.abort()

        async with served(rude) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"never read")
            try:
                return repr(await reader.read())
            except ConnectionResetError as error:
                return f"reset {error.errno}"

    assert on_host(program) == f"reset {errno.ECONNRESET}"


def test_writing_to_a_peer_that_has_closed_ends_in_an_error() -> None:
    async def program() -> str:
        async def short(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async with served(short) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for _ in range(100):
                    writer.write(b"more")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            except (ConnectionResetError, BrokenPipeError) as error:
                return type(error).__name__
            return "went on"

    assert on_host(program) in ("ConnectionResetError", "BrokenPipeError")


def test_connections_waiting_at_a_listener_that_closes_are_reset() -> None:
    async def program() -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        reader, _ = await asyncio.open_connection(*listener.getsockname())
        await asyncio.sleep(0.1)
        listener.close()
        try:
            return repr(await reader.read())
        except ConnectionResetError:
            return "reset"

    assert on_host(program) == "reset"


def test_sockets_say_what_they_are() -> None:
    async def program() -> list[object]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        listening: Any = server.sockets[0]
        _, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
        peer, mine = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0))
        with made as closing:
            number, blocks = closing.fileno(), closing.gettimeout()
        closing.settimeout(0)
        return [
            peer == listening.getsockname(),
            mine[0],
            listening.family,
            isinstance(made, socket.socket),
            number > 1_000_000,
            blocks,
            made.fileno(),
            "simulated socket" in repr(made),
            made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
        ]

    assert on_host(program) == [True, "127.0.0.1", socket.AF_INET, True, True, 0.0, -1, True, 0]


def test_asyncio_takes_sockets_that_the_program_made() -> None:
    async def program() -> bytes:
        listener = socket.socket()
        listener.bind(("", 4000))
        server = await asyncio.start_server(echo, sock=listener)
        client = socket.socket()
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", 4000))
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(b"hello")
        data = await reader.readexactly(5)
        server.close()
        return data

    assert on_host(program) == b"hello"


def test_a_closed_socket_can_do_nothing() -> None:
    async def program() -> list[int | None]:
        made = socket.socket()
        made.close()
        found = list[int | None]()
        calls: list[Callable[[], object]] = [
            lambda: made.bind(("", 1)),
            made.listen,
            made.accept,
            lambda: made.connect(("host", 1)),
            lambda: made.recv(1),
            lambda: made.send(b"x"),
            lambda: made.shutdown(socket.SHUT_WR),
        ]
        for call in calls:
            with pytest.raises(OSError) as caught:
                call()
            found.append(caught.value.errno)
        return found

    assert on_host(program) == [errno.EBADF] * 7


def test_two_machines_have_loopback_addresses_of_their_own() -> None:
    async def serve() -> None:
        await asyncio.start_server(echo, "127.0.0.1", 80)

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", 80)
        writer.write(b"hello")
        return await reader.readexactly(5)

    def asked_by(simulation: Simulation, host: Host) -> object:
        try:
            return simulation.complete(ask(), on=host)
        except ConnectionRefusedError:
            return "refused"

    with Simulation(1) as simulation:
        one = started(simulation, "one", machine="a")
        simulation.complete(serve(), on=one)
        beside, elsewhere = started(simulation, "beside", machine="a"), started(simulation, "elsewhere", machine="b")
        assert asked_by(simulation, beside) == b"hello"
        assert asked_by(simulation, elsewhere) == "refused"
