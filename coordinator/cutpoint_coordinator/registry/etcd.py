"""A registry in etcd: for production, where several coordinators stand by and machines fail.

`etcd_keys` tells what is written and why a commit is applied at most once; here are the conversations:

* A *campaign* looks whether the leader's key is there, whenever a `KeyWatch` says that it has changed, and once a
  second in any case. If it is not there, it takes a lease and tries to create the key with it. If the answer is lost it
  asks again: its own nonce in the key tells that it has won.
* A *commit* is asked again until its outcome is known or the patience is over. That is not a blind retry: the
  question itself demands that no earlier try was applied, and reads back what was if one was.
* The lease is kept by a `LeaseKeeper`, apart from all this.
* While it leads, it lets etcd forget what is old (`etcd_history`).

Calls block on threads of their own; nothing here blocks the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from cutpoint.errors import ConfigurationError, Fenced, RegistryError
from cutpoint_coordinator.registry.etcd_client import (
    Compare,
    Credentials,
    EtcdClient,
    Item,
    Question,
    Refused,
    Unanswered,
)
from cutpoint_coordinator.registry.etcd_history import OURS, Horizon, Upkeep
from cutpoint_coordinator.registry.etcd_keys import Chain, Keys, Moved, Standing
from cutpoint_coordinator.registry.etcd_lease import LeaseKeeper
from cutpoint_coordinator.registry.etcd_term import Term
from cutpoint_coordinator.registry.etcd_watch import KeyWatch
from cutpoint_coordinator.registry.interface import (
    DEFAULT_PATIENCE_SECONDS,
    Committed,
    Conflict,
    Leader,
    Leadership,
    Record,
    Transaction,
    fenced,
)

T = TypeVar("T")

_LOOK_SECONDS = 1.0
"""How often who waits for the leader's key to change looks for itself."""

_PAUSE_SECONDS = 0.1
_THREADS = 4


class EtcdRegistry:
    """See `cutpoint.registry.Registry`. Belongs to the event loop that it was opened on."""

    def __init__(
        self,
        endpoints: tuple[tuple[str, int], ...],
        *,
        prefix: str,
        credentials: Credentials | None = None,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
        deadline_seconds: float = 1.0,
        upkeep: Upkeep | None = None,
    ) -> None:
        """``endpoints``: host and port of the members. A single call gets ``deadline_seconds``, a whole operation
        ``patience_seconds``. ``upkeep``: how etcd's history is kept short by whoever leads."""
        self._where = "etcd://" + ",".join(f"{host}:{port}" for host, port in endpoints)
        self._patience = patience_seconds
        self._keys = Keys(prefix)
        self._connect = partial(EtcdClient, endpoints, credentials or Credentials(), deadline_seconds=deadline_seconds)
        self._client = self._connect()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="cutpoint-etcd")
        self._instance = uuid.uuid4().hex
        self._campaigns = itertools.count(1)
        self._campaigning = asyncio.Lock()
        self._terms: dict[int, Term] = {}
        self._upkeep = upkeep or Upkeep()
        self._watch: KeyWatch | None = None
        self._news = asyncio.Event()
        self._closed = False

    async def check_reachable(self) -> None:
        """Ask etcd something. Raises `RegistryError` if nobody answers within the patience."""
        await self.leader()

    async def campaign(self, candidate: str, *, ttl_seconds: float, address: str) -> Leadership:
        """See `Registry.campaign`. While etcd cannot be reached it goes on waiting. etcd rounds the ttl up."""
        async with self._campaigning:
            standing = Standing(candidate=candidate, address=address, nonce=f"{self._instance}.{next(self._campaigns)}")
            while True:
                news = self._next_news()
                try:
                    leadership = await self._try_to_lead(standing, max(1, math.ceil(ttl_seconds)))
                except Unanswered:
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                if leadership is not None:
                    return leadership
                await _wait_briefly(news)

    async def leader(self) -> Leader | None:
        """See `Registry.leader`."""
        item = await self._insist(partial(self._client.get, self._keys.leader))
        if item is None:
            return None
        standing = self._keys.standing(item)
        return Leader(standing.candidate, standing.address)

    async def wait_leader_change(self, known: Leader | None) -> Leader | None:
        """See `Registry.wait_leader_change`."""
        while True:
            news = self._next_news()
            leader = await self.leader()
            if leader != known:
                return leader
            await _wait_briefly(news)

    async def dismiss(self, leader: Leader) -> None:
        """See `Registry.dismiss`. The lease is of this very leadership: no later one can be hit."""
        item = await self._insist(partial(self._client.get, self._keys.leader))
        if item is not None:
            standing = self._keys.standing(item)
            if (standing.candidate, standing.address) == leader:
                await self._insist(partial(self._client.revoke, item.lease))

    async def lost(self, leadership: Leadership) -> str:
        """See `Registry.lost`."""
        term = self._terms.get(leadership.fence)
        if term is None:
            return "the leadership has ended"
        return await asyncio.shield(term.ending)

    async def resign(self, leadership: Leadership) -> None:
        """See `Registry.resign`. Raises `RegistryError` if etcd cannot be told: then the lease has to run out."""
        term = self._terms.get(leadership.fence)
        if term is not None:
            term.end(f"{leadership.candidate} resigned")
            await self._insist(partial(self._client.revoke, term.lease), else_="its lease will run out by itself")
            self._terms.pop(leadership.fence, None)

    async def read(self, key: str) -> Record | None:
        """See `Registry.read`."""
        item = await self._insist(partial(self._client.get, self._keys.records + key))
        return self._keys.record(item) if item is not None else None

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        """See `Registry.scan`."""
        items = await self._insist(partial(self._client.get_prefix, self._keys.records + prefix))
        return tuple(self._keys.record(item) for item in items)

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        """See `Registry.commit`."""
        term = self._terms.get(leadership.fence)
        if term is None:
            raise fenced(leadership, None)
        async with term.turn:
            applied = term.chain.applied(transaction.request)
            if applied is not None:
                return Committed(revision=applied)
            try:
                return await self._settle(term.chain, transaction)
            except Fenced as ended:
                term.end(str(ended))
                raise

    async def close(self) -> None:
        """See `Registry.close`. etcd is told once; if it does not hear, the lease runs out."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.stop()
        held = [term for term in self._terms.values() if not term.ending.done()]
        for term in held:
            term.end("the registry was closed")
        await asyncio.gather(*(self._attempt_quietly(partial(self._client.revoke, term.lease)) for term in held))
        self._terms.clear()
        self._client.close()
        self._threads.shutdown(wait=False)

    # ------------------------------------------------------------------------------------------------ campaigning

    async def _try_to_lead(self, standing: Standing, ttl_seconds: int) -> Leadership | None:
        """One look at the leader's key, and an attempt if it is not there. Raises `Unanswered`."""
        try:
            item = await self._ask(partial(self._client.get, self._keys.leader))
            if item is None:
                return await self._stand(standing, ttl_seconds)
            if self._is_left_over(item):
                await self._ask(partial(self._client.transact, self._removal(item)))
        except Refused as refused:
            raise self._refusal(refused) from refused
        return None

    async def _stand(self, standing: Standing, ttl_seconds: int) -> Leadership | None:
        asked_at = time.monotonic()
        lease = await self._ask(partial(self._client.grant, ttl_seconds))
        leadership = None
        try:
            fence = await self._create_leader(standing, lease, until=asked_at + ttl_seconds)
            if fence is not None:
                leadership = self._begin(standing, fence, lease, asked_at, ttl_seconds)
        finally:
            if leadership is None and not self._closed:
                self._threads.submit(_quietly, partial(self._client.revoke, lease))
        return leadership

    async def _create_leader(self, standing: Standing, lease: int, *, until: float) -> int | None:
        """Create the leader's key; returns its creation's revision, or None if another candidate was faster."""
        question = self._keys.stand(standing, lease)
        while time.monotonic() < until:
            try:
                answer = await self._ask(partial(self._client.transact, question))
            except Unanswered:
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            except Refused as refused:
                if refused.missing:
                    return None
                raise
            if answer.succeeded:
                return answer.revision
            item = answer.found[0]
            won = item is not None and self._keys.standing(item).nonce == standing.nonce
            return item.created if item is not None and won else None
        return None

    def _begin(self, standing: Standing, fence: int, lease: int, asked_at: float, ttl_seconds: int) -> Leadership:
        leadership = Leadership(candidate=standing.candidate, fence=fence)
        self._terms = {held: term for held, term in self._terms.items() if not term.ending.done()}
        term = self._terms[fence] = Term(leadership, lease)
        loop = asyncio.get_running_loop()

        def on_lost(reason: str) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(term.end, reason)

        term.keeper = LeaseKeeper(
            self._connect(deadline_seconds=min(1.0, max(0.2, ttl_seconds / 4))),
            lease=lease,
            leader_key=self._keys.leader,
            fence=fence,
            ttl_seconds=ttl_seconds,
            asked_at=asked_at,
            on_lost=on_lost,
        )
        term.keeper.start()
        if self._upkeep.compacting != "never":
            term.upkeep = loop.create_task(self._forget_now_and_then(), name="cutpoint etcd history")
        return leadership

    def _is_left_over(self, item: Item) -> bool:
        """Whether the leader's key is our own, from a campaign or a leadership that we have given up."""
        ours = self._keys.standing(item).nonce.startswith(f"{self._instance}.")
        term = self._terms.get(item.created)
        return ours and (term is None or term.ending.done())

    def _removal(self, item: Item) -> Question:
        return Question(conditions=(Compare(key=item.key, created=item.created),), deletes=(item.key,))

    # ---------------------------------------------------------------------------------------- while others write

    def _next_news(self) -> asyncio.Event:
        """Set as soon as the leader's key may have changed from now on."""
        if self._watch is None and not self._closed:
            loop = asyncio.get_running_loop()

            def on_news() -> None:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(self._tell_news)

            self._watch = KeyWatch(self._connect(), self._keys.leader, on_news)
            self._watch.start()
        return self._news

    def _tell_news(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _forget_now_and_then(self) -> None:
        """Let etcd forget what is old, for as long as this leadership lasts. What fails is tried the next time."""
        horizon, loop = Horizon(self._upkeep), asyncio.get_running_loop()
        while True:
            with contextlib.suppress(Unanswered, Refused, RegistryError):
                _, revision = await self._ask(partial(self._client.look, self._keys.leader))
                horizon.note(loop.time(), revision)
                before = horizon.forgettable(loop.time())
                if before and await self._may_forget():
                    await self._ask(partial(self._client.compact, before))
                    horizon.forgot(before)
            await asyncio.sleep(self._upkeep.every_seconds)

    async def _may_forget(self) -> bool:
        """Whether etcd's history is nobody else's, as far as we may see."""
        if self._upkeep.compacting == "always":
            return True
        return await self._ask(partial(self._client.count, "")) == await self._ask(partial(self._client.count, OURS))

    # ------------------------------------------------------------------------------------------------- asking etcd

    async def _settle(self, chain: Chain, transaction: Transaction) -> Committed | Conflict:
        """Ask for ``transaction`` until it is known what became of it, or the patience is over."""
        until = time.monotonic() + self._patience
        while True:
            try:
                answer = await self._ask(partial(self._client.transact, self._keys.commit(chain, transaction)))
            except Refused as refused:
                raise self._refusal(refused) from refused
            except Unanswered as silence:
                if time.monotonic() > until:
                    raise RegistryError(
                        f"The registry {self._where} did not answer for {self._patience:g} s ({silence}); it is not "
                        f"known whether transaction {transaction.request} was applied; give the same one again, it is "
                        "applied at most once."
                    ) from silence
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            outcome = self._keys.judge(chain, transaction, answer)
            if isinstance(outcome, Moved):
                chain.advance(outcome.request, outcome.revision)
                continue
            if isinstance(outcome, Committed):
                chain.advance(transaction.request, outcome.revision)
            return outcome

    async def _insist(self, ask: Callable[[], T], *, else_: str = "nothing was changed") -> T:
        """Ask what may be asked twice until it is answered or the patience is over."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return await self._ask(ask)
            except Refused as refused:
                raise self._refusal(refused) from refused
            except Unanswered as silence:
                if time.monotonic() > until:
                    raise RegistryError(
                        f"The registry {self._where} did not answer for {self._patience:g} s ({silence}); {else_}; "
                        "start etcd, or correct the address, and try again."
                    ) from silence
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _ask(self, ask: Callable[[], T]) -> T:
        if self._closed:
            raise RegistryError("The registry was closed; nothing was changed; open it again.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    async def _attempt_quietly(self, ask: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, _quietly, ask)

    def _refusal(self, refused: Refused) -> RegistryError | ConfigurationError:
        text = str(refused)
        if "INVALID_ARGUMENT: etcdserver: authentication failed" in text or "PERMISSION_DENIED" in text:
            return ConfigurationError(
                f"The registry {self._where} does not let us in ({text}); nothing was changed; "
                "correct the user and password in the registry's URL, or the user's rights in etcd."
            )
        return RegistryError(
            f"The registry {self._where} refused ({text}); nothing was changed; is it an etcd 3 cluster?"
        )


async def _wait_briefly(news: asyncio.Event) -> None:
    """Wait for news, but not for long: a watch may hear nothing although something has happened."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_SECONDS):
            await news.wait()


def _quietly(ask: Callable[[], object]) -> None:
    """Tell etcd something that it will find out by itself if it does not hear."""
    try:
        ask()
    except (Unanswered, Refused):
        return
