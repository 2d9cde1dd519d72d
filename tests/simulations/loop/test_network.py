from __future__ import annotations

import asyncio
import errno
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cutpoint_simulations.loop import Simulation, Weather
from tests.simulations.loop.running import started


class Pair:
    """A client that has connected to a server; each keeps what it hears, and how its end of the connection ended."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.heard: dict[str, bytes] = {"server": b"", "client": b""}
        self.ends: dict[str, str] = {}
        self.writers: dict[str, asyncio.StreamWriter] = {}
        self.server, self.client = started(simulation, "server"), started(simulation, "client")
        simulation.complete(self._serve(), on=self.server)
        simulation.complete(self._connect(), on=self.client)
        simulation.run(until=simulation.agenda.now + 0.1)

    async def _serve(self) -> None:
        await asyncio.start_server(self._accepted, "0.0.0.0", 80)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._listen("server", reader, writer)

    async def _connect(self) -> None:
        reader, writer = await asyncio.open_connection("server", 80)
        asyncio.get_running_loop().create_task(self._listen("client", reader, writer))

    async def _listen(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers[name] = writer
        try:
            while data := await reader.read(1000):
                self.heard[name] += data
            self.ends[name] = "end"
        except OSError as error:
            self.ends[name] = errno.errorcode[error.errno or 0]

    def say(self, name: str, data: bytes) -> None:
        """Let the host of this name write."""
        host = self.simulation.hosts[name]
        with self.simulation.running(host, host.loop):
            self.writers[name].write(data)
        host.wake()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.simulation.run(until=self.simulation.agenda.now + seconds)
        self.simulation.check()


def test_a_link_that_is_held_one_way_carries_nothing_and_loses_nothing() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        simulation.network.hold("client", "server")
        simulation.network.hold("client", "server")
        for number in range(50):
            pair.say("client", b"%02d," % number)
            pair.wait(0.01)
        pair.say("server", b"heard you not")
        pair.wait(10)
        assert pair.heard == {"server": b"", "client": b"heard you not"}
        simulation.network.release("client", "server")
        pair.wait(10)
        assert pair.heard["server"] == b""
        simulation.network.release("client", "server")
        pair.say("client", b"end")
        pair.wait(1)
        assert pair.heard["server"] == b"".join(b"%02d," % number for number in range(50)) + b"end"


def test_who_dials_over_a_link_that_is_held_is_connected_at_its_release() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        simulation.network.hold("client", "server")
        connecting = pair.client.spawn(asyncio.open_connection("server", 80))
        pair.wait(30)
        assert not connecting.done()
        simulation.network.release("client", "server")
        pair.wait(0.1)
        assert connecting.done()


def test_a_polite_death_ends_the_connections_of_a_process() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        pair.say("server", b"last words")
        pair.wait(0.01)
        pair.server.kill()
        pair.wait(1)
        assert (pair.heard["client"], pair.ends) == (b"last words", {"client": "end"})
        pair.say("client", b"still there?")
        pair.wait(1)
        with pytest.raises(ConnectionRefusedError):
            simulation.complete(asyncio.open_connection("server", 80), on=pair.client)


def test_a_process_that_dies_with_unread_bytes_resets_its_peer() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        pair.server.pause()
        pair.say("client", b"never read")
        pair.wait(1)
        pair.server.kill()
        pair.wait(1)
        assert pair.ends == {"client": "ECONNRESET"}


def test_a_machine_without_power_says_nothing_until_it_is_up_again() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        simulation.lose_power("machine")
        assert not pair.client.alive
        assert not pair.server.alive
        pair.client.start()
        connecting = pair.client.spawn(asyncio.open_connection("server", 80))
        pair.wait(20)
        assert not connecting.done()
        pair.server.start()
        pair.wait(2)
        with pytest.raises(ConnectionRefusedError):
            connecting.result()


def test_who_writes_to_a_machine_without_power_is_reset_when_it_is_up_again() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        pair.server.kill(power=True)
        pair.wait(1)
        pair.say("client", b"anybody there?")
        pair.wait(60)
        assert pair.ends == {}
        pair.server.start()
        pair.wait(1)
        assert pair.ends == {"client": "ECONNRESET"}


def test_who_only_listens_never_hears_that_its_peer_lost_power() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        pair.server.kill(power=True)
        pair.server.start()
        pair.wait(1000)
        assert pair.ends == {}


def test_a_reset_is_heard_at_both_ends_and_loses_what_was_under_way() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        pair.say("client", b"arrived")
        pair.wait(1)
        pair.say("client", b"under way")
        (stream,) = simulation.network.connections("client", "server")
        simulation.network.reset(stream)
        pair.wait(1)
        assert pair.heard["server"] == b"arrived"
        assert pair.ends == {"client": "ECONNRESET", "server": "ECONNRESET"}
        assert simulation.network.connections("client", "server") == ()


def test_a_paused_host_does_nothing_and_then_goes_on() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        ticks = list[float]()

        async def tick() -> None:
            while True:
                ticks.append(simulation.agenda.now)
                await asyncio.sleep(1)

        pair.server.spawn(tick())
        pair.wait(2.5)
        pair.server.pause()
        assert len(ticks) == 3
        pair.say("client", b"meanwhile")
        pair.wait(10)
        assert len(ticks) == 3
        assert pair.heard["server"] == b""
        pair.server.resume()
        pair.wait(0.5)
        assert len(ticks) == 4
        assert pair.heard["server"] == b"meanwhile"


def test_a_slow_link_takes_longer() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)
        simulation.network.link("client", "server").slowed.append(10_000.0)
        pair.say("client", b"slow")
        pair.wait(1.9)
        assert pair.heard["server"] == b""
        pair.wait(12)
        assert pair.heard["server"] == b"slow"


def test_links_of_a_network_that_does_not_hold_forget_what_is_over() -> None:
    with Simulation(1) as simulation:
        pair = Pair(simulation)

        async def come_and_go() -> None:
            for _ in range(50):
                _, writer = await asyncio.open_connection("server", 80)
                writer.close()
                await asyncio.sleep(0.01)

        simulation.complete(come_and_go(), on=pair.client)
        pair.wait(1)
        assert len(simulation.network.connections("client", "server")) == 1


# ---------------------------------------------------------------------------------------------- against a reference

NAMES = ("client", "server")
SAY, HOLD, RELEASE, WAIT, RESET = "say", "hold", "release", "wait", "reset"

steps = st.lists(
    st.one_of(
        st.tuples(st.just(SAY), st.sampled_from(NAMES), st.integers(1, 3000)),
        st.tuples(st.sampled_from((HOLD, RELEASE)), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just(WAIT), st.just(""), st.integers(0, 3000)),
        st.tuples(st.just(RESET), st.just(""), st.just(0)),
    ),
    max_size=30,
)


@given(steps=steps, seed=st.integers(0, 1000))
@example(steps=[(SAY, "client", 2000), (WAIT, "", 300), (RESET, "", 0), (WAIT, "", 3000)], seed=3)
def test_all_arrives_once_and_in_order_and_after_a_reset_a_beginning_of_it(
    steps: list[tuple[str, str, int]], seed: int
) -> None:
    """The reference: two lists of bytes. ``wait`` is in microseconds, as bytes take them."""
    said: dict[str, bytes] = dict.fromkeys(NAMES, b"")
    chance = random.Random(seed)
    with Simulation(seed) as simulation:
        simulation.network.weather = Weather(split=0.5)
        pair = Pair(simulation)
        was_reset = False
        for kind, name, amount in steps:
            other = NAMES[1 - NAMES.index(name)] if name else ""
            if kind == SAY and not was_reset:
                data = chance.randbytes(amount)
                said[name] += data
                pair.say(name, data)
            elif kind == HOLD:
                simulation.network.hold(name, other)
            elif kind == RELEASE:
                simulation.network.release(name, other)
            elif kind == RESET and not was_reset:
                was_reset = True
                simulation.network.reset(simulation.network.connections(*NAMES)[0])
            pair.wait(amount / 1e6 if kind == WAIT else 0)
            for hears, says in (NAMES, NAMES[::-1]):
                assert said[says].startswith(pair.heard[hears])
        for name, other in (NAMES, NAMES[::-1]):
            while simulation.network.link(name, other).holding:
                simulation.network.release(name, other)
        pair.wait(10)
        for hears, says in (NAMES, NAMES[::-1]):
            assert said[says].startswith(pair.heard[hears])
            assert was_reset or said[says] == pair.heard[hears]
        assert pair.ends == (dict.fromkeys(pair.ends, "ECONNRESET") if was_reset else {})
        assert len(pair.ends) == (2 if was_reset else 0)
