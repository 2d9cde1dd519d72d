"""The registry of a simulated cluster: one object that all coordinators reach over a network that may fail them.

What is promised (`cutpoint.registry`) is kept by the coordinator's own `MemoryRegistry`; here are the things around it
that etcd has and memory has not: calls take time, leases run out when their holder is dead or stopped or are revoked
while it is well, the registry may be away, a call may be lost on its way or arrive late, and the answer to one that was
carried out may be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import TypeVar

from cutpoint.errors import Fenced, RegistryError
from cutpoint.protocol.ledger import Ledger, from_records
from cutpoint.registry import Committed, Conflict, Leader, Leadership, Record, Transaction
from cutpoint_coordinator.registry.memory import MemoryRegistry
from cutpoint_simulations.loop import Host, Simulation

T = TypeVar("T")

CALL_SECONDS = 0.002
"""The longest that the registry takes to answer when nothing is wrong."""

POLL_SECONDS = 0.05
"""How often a candidate asks whether it may lead by now."""


LOOK_SECONDS = 0.2
"""How often who follows asks who leads."""


class SharedRegistry:
    """``away``: how many faults keep it from answering anybody; ``cut_off``: the same for one host, by its name.

    ``losing``: how often an answer is lost though all was done, for each fault that loses them; ``dropping``: the same
    for calls that never arrive; ``delaying``: how long after its caller has given up a commit arrives all the same.
    ``committed`` are called with the virtual time and the transaction, once each has been applied.
    """

    def __init__(self, simulation: Simulation, computation: str) -> None:
        self.memory = MemoryRegistry()
        self.computation = computation
        self.away = 0
        self.cut_off: Counter[str] = Counter()
        self.losing: list[float] = []
        self.dropping: list[float] = []
        self.delaying: list[float] = []
        self.committed: list[Callable[[float, Transaction], None]] = []
        self._simulation = simulation
        self._expires: dict[int, float] = {}

    def client(self, host: Host, *, patience_seconds: float) -> RegistryClient:
        """What a coordinator on ``host`` reaches the registry with; a call fails after ``patience_seconds``."""
        return RegistryClient(self, host, patience_seconds)

    def ledger(self) -> Ledger:
        """What the registry holds now, whether or not anybody can reach it."""
        records = _at_once(self.memory.scan(""))
        return from_records({record.key: record.value for record in records}, computation=self.computation)

    def leader(self) -> Leader | None:
        """Who leads now."""
        return _at_once(self.memory.leader())

    def answers(self, host: str) -> bool:
        """Whether a coordinator on ``host`` can reach it."""
        return not self.away and not self.cut_off[host]

    def applied(self, transaction: Transaction) -> None:
        """A transaction has been committed."""
        for heard in self.committed:
            heard(self._simulation.agenda.now, transaction)

    def renew(self, leadership: Leadership, ttl_seconds: float) -> None:
        """The holder is alive: its lease runs ``ttl_seconds`` from now."""
        expires = self._expires[leadership.fence] = self._simulation.agenda.now + ttl_seconds
        self._simulation.agenda.at(expires, lambda: self._expire(leadership))

    def later(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen after so much virtual time, whoever is alive then."""
        self._simulation.agenda.after(seconds, happen)

    def revoke(self) -> bool:
        """End the leadership that stands, whatever its holder thinks; whether there was one."""
        standing = self.memory.standing
        if standing is not None:
            self.memory.expire(standing)
        return standing is not None

    def arrives(self, leadership: Leadership, transaction: Transaction) -> None:
        """A commit whose caller has given it up is applied now, if it may be."""
        before = self.memory.statistics().committed
        with contextlib.suppress(Fenced):
            _at_once(self.memory.commit(leadership, transaction))
        if self.memory.statistics().committed > before:
            self.applied(transaction)

    def _expire(self, leadership: Leadership) -> None:
        if self._expires.get(leadership.fence, 0.0) <= self._simulation.agenda.now:
            self.memory.expire(leadership)


class RegistryClient:
    """One coordinator's way to the registry."""

    def __init__(self, shared: SharedRegistry, host: Host, patience_seconds: float) -> None:
        self._shared = shared
        self._host = host
        self._patience_seconds = patience_seconds
        self._keepers: dict[int, asyncio.Task[None]] = {}

    async def campaign(self, candidate: str, *, ttl_seconds: float, address: str) -> Leadership:
        """See `Registry.campaign`."""
        while True:
            await self._call()
            if await self._shared.memory.leader() is None:
                leadership = await self._shared.memory.campaign(candidate, ttl_seconds=ttl_seconds, address=address)
                self._shared.renew(leadership, ttl_seconds)
                await self._answer()  # who does not hear that it leads renews no lease
                self._keepers[leadership.fence] = asyncio.create_task(self._keep(leadership, ttl_seconds))
                return leadership
            await asyncio.sleep(POLL_SECONDS)

    async def _keep(self, leadership: Leadership, ttl_seconds: float) -> None:
        """Renew the lease as long as it stands and the registry answers in time."""
        loop = asyncio.get_running_loop()
        renewed_at = loop.time()
        while self._stands(leadership) and loop.time() - renewed_at < ttl_seconds:
            try:
                asked_at = loop.time()
                await self._call(patience_seconds=ttl_seconds / 3)
                if self._stands(leadership):
                    self._shared.renew(leadership, ttl_seconds)
                    renewed_at = asked_at
            except RegistryError:
                continue
            await asyncio.sleep(ttl_seconds / 3)

    def _stands(self, leadership: Leadership) -> bool:
        """As the registry sees it."""
        return self._shared.memory.standing == leadership

    async def lost(self, leadership: Leadership) -> str:
        """See `Registry.lost`."""
        await asyncio.wait([self._keepers[leadership.fence]])
        return f"the lease of {leadership.candidate} has run out"

    async def leader(self) -> Leader | None:
        """See `Registry.leader`."""
        await self._call()
        return await self._shared.memory.leader()

    async def wait_leader_change(self, known: Leader | None) -> Leader | None:
        """See `Registry.wait_leader_change`."""
        while True:
            leader = await self.leader()
            if leader != known:
                return leader
            await asyncio.sleep(LOOK_SECONDS)

    async def dismiss(self, leader: Leader) -> None:
        """See `Registry.dismiss`."""
        await self._call()
        await self._shared.memory.dismiss(leader)

    async def resign(self, leadership: Leadership) -> None:
        """See `Registry.resign`. The lease is kept up no more, heard or not: otherwise it would stand for ever."""
        self._keepers[leadership.fence].cancel()
        await self._call()
        await self._shared.memory.resign(leadership)

    async def read(self, key: str) -> Record | None:
        """See `Registry.read`."""
        await self._call()
        return await self._shared.memory.read(key)

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        """See `Registry.scan`."""
        await self._call()
        return await self._shared.memory.scan(prefix)

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        """See `Registry.commit`."""
        await self._call()
        if self._shared.delaying:
            await self._be_late(leadership, transaction)
        before = self._shared.memory.statistics().committed
        answer = await self._shared.memory.commit(leadership, transaction)
        if self._shared.memory.statistics().committed > before:
            self._shared.applied(transaction)
        await self._answer()
        return answer

    async def close(self) -> None:
        """See `Registry.close`."""
        for keeper in self._keepers.values():
            keeper.cancel()

    async def _call(self, patience_seconds: float | None = None) -> None:
        """What a call takes to reach the registry. Raises `RegistryError` if it is away."""
        await asyncio.sleep(self._host.chance.random() * CALL_SECONDS / 2)
        dropped = self._shared.dropping and self._host.chance.random() < max(self._shared.dropping)
        if dropped or not self._shared.answers(self._host.name):
            await asyncio.sleep(self._patience_seconds if patience_seconds is None else patience_seconds)
            raise RegistryError("The simulated registry does not answer; nothing was changed by this call.")

    async def _be_late(self, leadership: Leadership, transaction: Transaction) -> None:
        """The commit is under way when its caller gives up. Raises `RegistryError`."""
        seconds = self._patience_seconds + max(self._shared.delaying) * self._host.chance.random()
        self._shared.later(seconds, lambda: self._shared.arrives(leadership, transaction))
        await asyncio.sleep(self._patience_seconds)
        raise RegistryError("The simulated registry has not answered yet; whether it was done is in doubt.")

    async def _answer(self) -> None:
        """What an answer takes. Raises `RegistryError` if it is lost, and then what was asked for was done."""
        await asyncio.sleep(self._host.chance.random() * CALL_SECONDS / 2)
        if self._shared.losing and self._host.chance.random() < max(self._shared.losing):
            await asyncio.sleep(self._patience_seconds)
            raise RegistryError("The answer of the simulated registry was lost; whether it was done is in doubt.")


def _at_once(coroutine: Coroutine[None, None, T]) -> T:
    """The result of a coroutine that never waits, as all but two of `MemoryRegistry` are."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits")


__all__ = ["RegistryClient", "SharedRegistry"]
