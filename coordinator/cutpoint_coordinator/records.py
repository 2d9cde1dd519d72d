"""Records beside the ledger: what other parts of a leader keep in the registry, each family below a prefix of its own.

::

    policy               the declared policy          history/<cut>      how a cut went
    tokens/<name>        who may do what              monitors/<name>    predicates over cuts
    audit/<number>       who did what                 webhooks/<name>    where alerts go

A write is one transaction, fenced by this leadership, and is tried again until its outcome is known; writes are
applied in the order in which they were asked for. They run beside the ledger's own and never delay a cut. The ledger
is not written here, and its families are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from cutpoint.errors import ConfigurationError, CutpointError, Fenced, RegistryError, UsageError
from cutpoint.protocol.ledger import is_ledger_key
from cutpoint.registry import Committed, Conflict, Leadership, Record, Registry, Transaction

RETRY_SECONDS = 0.5
"""How long to wait before the registry is asked again."""


class Records:
    """What one leadership reads and writes. ``despair`` is called, with the reason, after ``patience_seconds``.

    Belongs to the event loop that it is used on.
    """

    def __init__(
        self,
        registry: Registry,
        leadership: Leadership,
        *,
        patience_seconds: float = 30.0,
        despair: Callable[[str], None] = lambda reason: None,
        trouble: Callable[[CutpointError], None] = lambda error: None,
    ) -> None:
        self._registry = registry
        self._leadership = leadership
        self._patience_seconds = patience_seconds
        self._despair = despair
        self._trouble = trouble
        self._turn = asyncio.Lock()
        self._count = 0
        self._ended = ""
        self._ending = asyncio.Event()

    async def read(self, key: str) -> Record | None:
        """The record at ``key``, or None. Raises `RegistryError`."""
        return await self._registry.read(key)

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        """All records whose key starts with ``prefix``, ascending by key. Raises `RegistryError`."""
        return await self._registry.scan(prefix)

    async def write(
        self,
        request: str,
        puts: Sequence[tuple[str, bytes]],
        deletes: Sequence[str] = (),
        expected: Sequence[tuple[str, int]] = (),
    ) -> Committed | Conflict:
        """Apply one change as a whole; return once the registry has it.

        ``request`` says in a word what the change is for; the id that is unique to it is drawn here. A `Conflict` only
        comes where a revision was ``expected``. Raises `Fenced` once this leadership has ended: what was tried before
        that may have been applied, the next leader reads whether it was. Raises `UsageError` for a key of the ledger.
        """
        for key in (*(key for key, _ in puts), *deletes):
            if is_ledger_key(key):
                raise UsageError(f"{key} belongs to the ledger; nothing was written; use a family of your own")
        self._count += 1
        transaction = Transaction(
            request=f"{self._leadership.candidate}-{self._leadership.fence}-record-{self._count}-{request}",
            puts=tuple(puts),
            deletes=tuple(deletes),
            expected=tuple(expected),
        )
        async with self._turn:
            return await self._until_known(transaction)

    def end(self, reason: str) -> None:
        """This leadership is over: nothing is written any more, and whoever waits is told so."""
        if not self._ended:
            self._ended = reason or "it ended"
            self._ending.set()

    async def _until_known(self, transaction: Transaction) -> Committed | Conflict:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._patience_seconds
        while not self._ended:
            try:
                return await self._registry.commit(self._leadership, transaction)
            except Fenced as error:
                self._despair(str(error))
                raise
            except (RegistryError, ConfigurationError) as error:  # one that lets nobody in may do so again
                self._trouble(error)
                if loop.time() >= give_up_at:
                    self._despair(str(error))
            try:
                async with asyncio.timeout(RETRY_SECONDS):
                    await self._ending.wait()
            except TimeoutError:
                continue
        raise Fenced(
            f"this coordinator stopped leading ({self._ended}); whether the change was made is known to the next "
            "leader; look there before you ask for it again"
        )
