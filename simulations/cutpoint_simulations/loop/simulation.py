"""A simulation: hosts on one agenda of virtual time, everything drawn from one seed, nothing real inside.

The same seed, the same program and the same Python give the same run, to the byte: `digest` says so. A simulation is
used as a context; within it, and only while one of its hosts runs, the clocks, sockets, files, threads and sources of
chance of the process are simulated (see `cutpoint_simulations.loop.substitution`).
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import io
import logging
import math
import random
import struct
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any

import msgspec

from cutpoint.errors import CutpointError
from cutpoint_simulations.disk import Disk, Volumes
from cutpoint_simulations.loop.agenda import Agenda
from cutpoint_simulations.loop.clock import EPOCH
from cutpoint_simulations.loop.event_loop import HostLoop
from cutpoint_simulations.loop.host import Host, Main, Unhandled
from cutpoint_simulations.loop.library_caches import forget
from cutpoint_simulations.loop.network import Network
from cutpoint_simulations.loop.shared_chance import SharedChance
from cutpoint_simulations.loop.stage import Stage
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.loop.threads import Threads
from cutpoint_simulations.refusal import NotSimulated

FIRST_PID = 100

TURN_SECONDS = 20e-6
"""How fast a machine is on which little runs."""

SHARES = (0.0, 0.02, 0.2)
"""How often threads are preempted: never in some runs, often in others."""

TURNS_MAX = 5_000_000
"""More turns than any sensible run has: a loop that never waits is found out."""

_TURN = struct.Struct("<dHI")
_ARRIVAL = struct.Struct("<dQ")
_SEEN_BYTES_MAX = 1 << 16


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. ``callbacks`` ran in ``turns``; ``arrivals`` are pieces that the network delivered."""

    seconds: float
    turns: int
    callbacks: int
    arrivals: int
    hosts: int
    lives: int


class Simulation:
    """``seed`` decides everything. ``epoch``: the wall clock at the beginning, seconds since 1970.

    ``shuffled``: whether tasks that are ready at the same moment run in an order of chance; ``preempted``: how often a
    thread loses its turn when it asks for its disk, from 0 to 1; None: the seed says. ``turn_seconds``: the least that
    a turn of an event loop takes; the most is thrice that.
    ``heard`` is told of each start and end of a host, for a trace.
    """

    def __init__(
        self,
        seed: int,
        *,
        epoch: float = EPOCH,
        shuffled: bool | None = None,
        preempted: float | None = None,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self.seed = seed
        self.epoch = epoch
        self.turn_seconds = turn_seconds
        self.agenda = Agenda()
        self.chance = random.Random(f"{seed}")
        self.shuffled = self.chance.random() < 0.5 if shuffled is None else shuffled
        self.preempted = random.Random(f"{seed}/preempted").choice(SHARES) if preempted is None else preempted
        self.hosts: dict[str, Host] = {}
        self._disks: dict[str, Disk] = {}
        self.unhandled: list[Unhandled] = []
        self.refused: list[NotSimulated] = []
        self.dead_loops: list[HostLoop] = []
        self.dead_threads: list[tuple[Host, Threads]] = []
        self.heard: Callable[[str, Host, str], None] = lambda kind, host, text: None
        self.network = Network(self.agenda, random.Random(f"{seed}/network"), self._arrived)
        self._digest = hashlib.sha256()
        self._turns = self._callbacks = self._arrivals = 0
        self._collecting = True
        self._shared_chance = SharedChance()
        self.stage = Stage()
        self._seen = bytearray()
        self._until = math.inf
        self._stop: Callable[[], bool] | None = None
        self._stop_is_ours = False
        self._turns_max = 0
        self._lives = 0
        self._host_count = 0

    # ---------------------------------------------------------------------------------------------------- a context

    def __enter__(self) -> Simulation:
        SUBSTITUTED.install()
        self._shared_chance.seed(f"{self.seed}/shared")
        self._collecting = gc.isenabled()
        gc.disable()  # when it runs is not the seed's choice, and it runs the ends of what is lost
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._discard()
        self._shared_chance.restore()
        SUBSTITUTED.uninstall()
        if self._collecting:
            gc.enable()

    def _discard(self) -> None:
        for host in self.hosts.values():
            host.is_over()
        loops, self.dead_loops = self.dead_loops, []
        threads, self.dead_threads = self.dead_threads, []
        with _unheard():
            for host, those in threads:
                with self.running(host):
                    those.discard()
            threads.clear()
            for loop in loops:
                with self.running(loop.host, loop):
                    loop.discard()
            loops.clear()
            self.hosts.clear()
            forget()
            gc.collect()

    # -------------------------------------------------------------------------------------------------------- hosts

    def host(
        self, name: str, main: Main | None = None, *, machine: str = "machine", restart_seconds: float | None = None
    ) -> Host:
        """A new host, not started; ``main`` is awaited in each of its lives. Hosts of one ``machine`` share a disk."""
        if name in self.hosts:
            raise CutpointError(f"there is a host called {name} already; give each one a name of its own")
        self._host_count = number = self._host_count + 1
        host = Host(self, name, number=number, machine=machine, main=main, restart_seconds=restart_seconds)
        self.hosts[name] = host
        self.network.add(host)
        return host

    def disk(self, machine: str) -> Disk:
        """The disk of a machine."""
        if machine not in self._disks:
            self._disks[machine] = Disk(clock=lambda: self.epoch + self.agenda.now, number=len(self._disks))
        return self._disks[machine]

    def mount(self, machine: str) -> Volumes:
        """What a program on this machine sees: its disk, and those of other machines below ``machines/``."""
        disk = self.disk(machine)
        return disk.mounted(Volumes(disk, self.disk))

    def lose_power(self, machine: str) -> None:
        """Every host of the machine is gone without a word, and what was not durable on its disk may be lost."""
        for host in self.hosts.values():
            if host.machine == machine:
                host.kill("its machine loses power", power=True)
        self.disk(machine).crash(self.chance)

    def happened(self, kind: str, host: Host, text: str) -> None:
        """A host has started or ended."""
        self._see(f"{self.agenda.now!r} {kind} {host.name} {text}".encode())
        self.heard(kind, host, text)

    def next_pid(self) -> int:
        """The number of a new process."""
        self._lives += 1
        return FIRST_PID + self._lives

    # ------------------------------------------------------------------------------------------------------ running

    def run(self, *, until: float | None = None, stop: Callable[[], bool] | None = None) -> bool:
        """Let things happen until the virtual time ``until``, until ``stop`` says so, or until nothing is planned.

        ``stop`` is asked after whatever has happened, and answers without doing anything. Returns whether it said so.
        Raises `NotSimulated` at the first thing that was refused, and `CutpointError` if the hosts go on for ever
        without letting time pass.
        """
        agenda = self.agenda
        self._until, self._stop = math.inf if until is None else until, stop
        self._turns_max = self._turns + TURNS_MAX
        for host in self.hosts.values():
            if host.loop is not None and host.loop.wants_turn:
                host.wake()
        with self.stage:
            while True:
                if self.refused:
                    raise self.refused[0]
                if stop is not None and stop():
                    return True
                next_at = agenda.next_at
                if next_at > self._until or next_at == math.inf:
                    agenda.now = max(agenda.now, until or 0.0)
                    return False
                if self._turns > self._turns_max:
                    raise CutpointError(
                        f"the simulated hosts took {TURNS_MAX} turns by {agenda.now:.3f} s and were not done: one of "
                        "them goes on without waiting; run it for less time, or look for a loop that never sleeps"
                    )
                agenda.happen()

    def goes_on(self, when: float, host: Host, loop: HostLoop) -> bool:
        """Whether a host whose next turn is at ``when`` may have it at once: nothing else happens before."""
        if self.agenda.next_at <= when or when > self._until or self.refused or self._turns > self._turns_max:
            return False
        if self._stop is None:
            return True
        if self._stop_is_ours:
            return not self._stop()
        self.stage.leave()
        try:
            return not self._stop()
        finally:
            self.stage.enter(host, loop)

    def complete(self, coroutine: Coroutine[Any, Any, Any], *, on: Host, seconds: float = 3600.0) -> Any:
        """Run a coroutine on a host until it is done, and return its result.

        Raises what it raises, TimeoutError after ``seconds`` of virtual time, and `CutpointError` if the host's life
        ends first.
        """
        task, life = on.spawn(coroutine), on.life
        self._stop_is_ours = True
        try:
            done = self.run(until=self.agenda.now + seconds, stop=lambda: task.done() or not on.lives(life))
        finally:
            self._stop_is_ours = False
        if not done:
            raise TimeoutError(f"{on.name} did not finish within {seconds:g} virtual seconds")
        if not task.done():
            raise CutpointError(f"{on.name} ended before what was to be completed on it; see `Host.statuses`")
        return task.result()

    @contextlib.contextmanager
    def running(self, host: Host, loop: HostLoop | None = None) -> Iterator[None]:
        """While this context stands, ``host`` is the one that runs, in ``loop`` or in a thread."""
        with Stage() as stage:
            stage.enter(host, loop)
            yield

    def turned(self, number: int, callbacks: int) -> None:
        """The host with this number has had a turn."""
        self._turns += 1
        self._callbacks += callbacks
        self._seen += _TURN.pack(self.agenda.now, number, callbacks)

    def _arrived(self, stream: int, item: bytes) -> None:
        self._arrivals += 1
        self._seen += _ARRIVAL.pack(self.agenda.now, stream)
        self._see(item)

    def _see(self, item: bytes) -> None:
        self._seen += item
        if len(self._seen) > _SEEN_BYTES_MAX:
            self._digest.update(self._seen)
            self._seen.clear()

    @property
    def digest(self) -> str:
        """A hash of every turn and every byte that arrived, when and where, in their order."""
        self._digest.update(self._seen)
        self._seen.clear()
        return f"sha256:{self._digest.hexdigest()}"

    def statistics(self) -> Statistics:
        """What has happened so far."""
        return Statistics(
            seconds=self.agenda.now,
            turns=self._turns,
            callbacks=self._callbacks,
            arrivals=self._arrivals,
            hosts=self._host_count,
            lives=self._lives,
        )

    def check(self) -> None:
        """Assert the invariants."""
        self.agenda.check()
        self.network.check()
        for disk in self._disks.values():
            disk.check()


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Nobody hears what is left of the dead when it is let go of: ``finally`` blocks that log, wait or fail."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        nowhere = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        sys.unraisablehook = hook
