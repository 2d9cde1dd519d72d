"""The network between simulated hosts: names and addresses, latencies, links that carry nothing, resets.

The hosts of one machine share its loopback address; each has a name and an address of its own besides.
Whatever is decided by chance is drawn from the simulation's seed.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import random
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cutpoint_simulations.loop.agenda import Agenda
from cutpoint_simulations.loop.sockets import Address, SimulatedSocket
from cutpoint_simulations.loop.stream import ACCEPTED, FIN, RST, Item, Stream

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
SYN_RETRY_SECONDS = 1.0
CONNECT_SECONDS_MAX = 127.0
"""How long Linux goes on asking a machine that does not answer."""

FIRST_DESCRIPTOR = 1_000_000
FIRST_FREE_PORT = 40_000
_NUMBERS = re.compile(r"\d+(\.\d+){3}")


@dataclasses.dataclass(kw_only=True)
class Link:
    """How one host's bytes reach another's: at least ``latency_seconds``, up to ``jitter_seconds`` more.

    ``slowed``: how many times longer each fault at present makes that; they do not add up, the slowest counts.
    ``holding``: how many faults hold it at present; while any does, nothing is carried and nothing is lost.
    ``streams``: the directions of connections on which something can still travel, by their numbers.
    """

    latency_seconds: float
    jitter_seconds: float
    slowed: list[float] = dataclasses.field(default_factory=list)
    holding: int = 0
    streams: dict[int, Stream] = dataclasses.field(default_factory=dict)
    dialling: list[Callable[[], None]] = dataclasses.field(default_factory=list)

    @property
    def slowness(self) -> float:
        """How many times longer than usual something is under way."""
        return max(1.0, *self.slowed) if self.slowed else 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weather:
    """What the network is like when nothing is wrong with it. ``split``: how often what was sent arrives in pieces."""

    latency_seconds: float = 0.0002
    jitter_seconds: float = 0.0008
    split: float = 0.05


class Network:
    """All sockets and links. ``saw`` is told of everything that arrives, for the digest of the run."""

    def __init__(self, agenda: Agenda, chance: random.Random, saw: Callable[[int, bytes], None]) -> None:
        self.weather = Weather()
        self._agenda = agenda
        self._chance = chance
        self._saw = saw
        self._descriptors = FIRST_DESCRIPTOR
        self._ports = FIRST_FREE_PORT
        self._names: dict[str, Host] = {}
        self._links: dict[tuple[str, str], Link] = {}
        self._listeners: dict[Address, SimulatedSocket] = {}
        self._streams = 0
        self._unanswered: dict[str, list[Callable[[], None]]] = {}

    # ------------------------------------------------------------------------------------------------------- places

    def add(self, host: Host) -> None:
        """``host`` can be reached by its name and its address from now on."""
        self._names[host.name] = self._names[host.ip] = host

    def resolve(self, name: str, host: Host) -> str:
        """The address that ``name`` stands for on ``host``. Raises OSError, as a resolver does."""
        if name in ("", "localhost", LOOPBACK):
            return LOOPBACK
        if name == EVERYWHERE:
            return name
        found = self._names.get(name)
        if found is not None:
            return found.ip
        if _NUMBERS.fullmatch(name):
            return name
        raise OSError(errno.ENOENT, f"no simulated host is called {name}")

    def link(self, source: str, target: str) -> Link:
        """The link from one host to another, by their names."""
        link = self._links.get((source, target))
        if link is None:
            here = source == target
            link = self._links[source, target] = Link(
                latency_seconds=self.weather.latency_seconds / (5 if here else 1),
                jitter_seconds=self.weather.jitter_seconds / (5 if here else 1),
            )
        return link

    def next_descriptor(self) -> int:
        """A number that no other simulated socket has."""
        self._descriptors += 1
        return self._descriptors

    def bind(self, host: Host, name: str, port: int) -> Address:
        """An address of ``host``. Raises OSError if it is somebody else's, or somebody listens there."""
        ip = self.resolve(name, host) if name else EVERYWHERE
        if ip not in (LOOPBACK, EVERYWHERE, host.ip):
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        if port == 0:
            self._ports += 1
            port = self._ports
        address = (ip, port)
        if _served(host, address)[0] in self._listeners:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return address

    def listen(self, listener: SimulatedSocket) -> None:
        """``listener`` takes the connections to its address. Raises OSError if another does."""
        first, *others = _served(listener.host, listener.address)
        if first in self._listeners:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._listeners[first] = listener
        for place in others:
            self._listeners.setdefault(place, listener)

    def stop_listening(self, listener: SimulatedSocket) -> None:
        """Nobody takes connections there any more."""
        for place in _served(listener.host, listener.address):
            if self._listeners.get(place) is listener:
                del self._listeners[place]

    # -------------------------------------------------------------------------------------------------- connections

    def connect(self, client: SimulatedSocket) -> None:
        """Begin to connect ``client`` to its peer."""
        try:
            ip = self.resolve(client.peer[0], client.host)
        except OSError:
            self.after_latency(client, client, client.refused, errno.EHOSTUNREACH)
            return
        if ip == EVERYWHERE:
            ip = LOOPBACK
        client.peer = (ip, client.peer[1])
        if client.address[0] == EVERYWHERE:
            client.address = (LOOPBACK if ip == LOOPBACK else client.host.ip, client.address[1])
        self._dial(client, self._agenda.now + CONNECT_SECONDS_MAX)

    def _dial(self, client: SimulatedSocket, until: float) -> None:
        if client.gone:
            return
        listener = self._listener(client)
        here = client.host if client.peer[0] == LOOPBACK else None
        target = listener.host if listener is not None else self._names.get(client.peer[0], here)
        if target is None or (listener is None and not target.reachable):
            if self._agenda.now >= until:
                client.refused(errno.ETIMEDOUT)
            else:
                self._agenda.after(SYN_RETRY_SECONDS, self._dial, client, until)
            return
        link = self.link(client.host.name, target.name)
        if link.holding:
            link.dialling.append(lambda: self._dial(client, until))
            return
        self._agenda.after(client.host.clock.slept_seconds + self._latency(link), self._dialled, client, until)

    def _dialled(self, client: SimulatedSocket, until: float) -> None:
        if client.gone:
            return
        listener = self._listener(client)
        if listener is None or listener.gone:
            target = self._names.get(client.peer[0])
            if target is not None and not target.reachable:
                self._dial(client, until)
            else:
                self.after_latency(client, client, client.refused, errno.ECONNREFUSED)
            return
        server = SimulatedSocket(listener.host)
        server.address, server.peer = client.peer, client.address
        forth, back = self._stream(client, server), self._stream(server, client)
        client.attach(back, forth)
        server.attach(forth, back)
        server.made()
        listener.backlog.append(server)
        listener.changed()
        self.carry(back, ACCEPTED)

    def _listener(self, client: SimulatedSocket) -> SimulatedSocket | None:
        return self._listeners.get(_place(client.host, client.peer))

    def _stream(self, writer: SimulatedSocket, reader: SimulatedSocket) -> Stream:
        self._streams += 1
        link = self.link(writer.host.name, reader.host.name)
        stream = link.streams[self._streams] = Stream(self, link, self._streams, writer, reader)
        return stream

    # --------------------------------------------------------------------------------------------------- what travels

    def carry_bytes(self, stream: Stream, data: bytes) -> None:
        """Let ``data`` arrive; seldom in two pieces."""
        if len(data) > 1 and self._chance.random() < self.weather.split:
            at = self._chance.randrange(1, len(data))
            self.carry(stream, data[:at])
            data = data[at:]
        self.carry(stream, data)

    def carry(self, stream: Stream, item: Item) -> None:
        """Let ``item`` arrive after everything that the stream was given before."""
        link = stream.link
        if link.holding or stream.held:
            stream.held.append(item)
            link.streams[stream.number] = stream
            return
        when = self._agenda.now + stream.writer.host.clock.slept_seconds + self._latency(link)
        if when < stream.arrives_not_before:
            when = stream.arrives_not_before
        else:
            stream.arrives_not_before = when
        self._agenda.at(when, self._arrive, stream, item)

    def _arrive(self, stream: Stream, item: Item) -> None:
        self._saw(stream.number, item if isinstance(item, bytes) else item.encode())
        if item is FIN or item is RST:
            stream.link.streams.pop(stream.number, None)
        stream.arrive(item)

    def after_latency(
        self, source: SimulatedSocket, target: SimulatedSocket, call: Callable[..., None], *arguments: Any
    ) -> None:
        """Call after the time that something takes from one host to the other."""
        latency = self._latency(self.link(source.host.name, target.host.name))
        self._agenda.after(source.host.clock.slept_seconds + latency, call, *arguments)

    def _latency(self, link: Link) -> float:
        return link.slowness * (link.latency_seconds + link.jitter_seconds * self._chance.random() ** 3)

    # -------------------------------------------------------------------------------------------------------- faults

    def hold(self, source: str, target: str) -> None:
        """Carry nothing from ``source`` to ``target`` until `release`; it all waits, in order."""
        self.link(source, target).holding += 1

    def release(self, source: str, target: str) -> None:
        """Take back one `hold`."""
        link = self.link(source, target)
        link.holding = max(0, link.holding - 1)
        if link.holding:
            return
        dialling, link.dialling = link.dialling, []
        for dial in dialling:
            dial()
        for stream in list(link.streams.values()):
            held = list(stream.held)
            stream.held.clear()
            for item in held:
                self.carry(stream, item)

    def connections(self, one: str, other: str) -> tuple[Stream, ...]:
        """The directions from one host to another in which something can still travel."""
        link = self.link(one, other)
        for number, stream in list(link.streams.items()):
            if stream.writer.gone and stream.reader.gone and not stream.held:
                del link.streams[number]
        return tuple(link.streams.values())

    def reset(self, stream: Stream) -> None:
        """Break a connection: both ends hear of it, what was under way in either direction is lost."""
        for end in (stream.writer, stream.reader):
            for direction in (end.incoming, end.outgoing):
                if direction is not None:
                    direction.forget()
                    direction.link.streams.pop(direction.number, None)
            if not end.gone:
                end.reset_by_peer()
                end.changed()

    def died(self, host: Host, *, politely: bool) -> None:
        """A host's process has ended. Politely: its operating system closes each connection; else it is just silent."""
        for address, listener in list(self._listeners.items()):
            if listener.host is host:
                del self._listeners[address]
        for (source, _), link in list(self._links.items()):
            if source != host.name or not politely:
                continue
            for stream in list(link.streams.values()):
                if not stream.writer.closed and stream.writer.life == host.life:
                    stream.writer.let_go()

    def when_reachable(self, host: Host, answer: Callable[[], None]) -> None:
        """Call ``answer`` now, or when the machine of ``host`` is up again."""
        if host.reachable:
            answer()
        else:
            self._unanswered.setdefault(host.name, []).append(answer)

    def is_up(self, host: Host) -> None:
        """``host`` has started: what its machine was sent meanwhile is answered now."""
        for answer in self._unanswered.pop(host.name, ()):
            answer()

    def check(self) -> None:
        """Assert the invariants of every connection."""
        for link in self._links.values():
            for stream in link.streams.values():
                stream.check()
                assert link.holding or not stream.held, "bytes are held on a link that holds nothing"
        for listener in self._listeners.values():
            assert not listener.gone, "a connection would be given to a socket that is gone"


def _place(host: Host, address: Address) -> Address:
    """An address as all hosts may know it: every machine has a loopback address of its own."""
    ip, port = address
    return (f"{LOOPBACK} of {host.machine}", port) if ip == LOOPBACK else address


def _served(host: Host, address: Address) -> tuple[Address, ...]:
    """Where a connection reaches it: the first has to be free, the loopback address goes to whoever came first."""
    ip, port = address
    if ip == EVERYWHERE:
        return (host.ip, port), _place(host, (LOOPBACK, port))
    return (_place(host, address),)


__all__ = ["Link", "Network", "Weather"]
