"""What a registry is: the few small records that coordinators agree on, and who may change them.

A registry holds records (key, value, revision) and at most one leadership. Every change is one `Transaction`,
applied as a whole or not at all, and only while the leadership that gives it still stands: the *fence* of a
leadership is a number that grows with each one, and the registry compares it in the same step in which it
writes. Leases only decide how soon another candidate may lead; they protect nothing.

A transaction carries a request id that its author drew once. If the answer to a commit is lost, the registry
finds out by reading whether it was applied; it never applies it again to be sure. It therefore matters that
the author gives the *same* transaction again after a `RegistryError`, not a new one with the same content.

These are the words and the interface only. Implementations are in the coordinator's package; the suite that
every implementation has to pass is `cutpoint.testing.registry_suite`.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from cutpoint.errors import UsageError

KEY_CHARACTERS_MAX = 500
CHANGES_MAX = 100
"""How many keys one transaction may put and delete together, and how many it may expect (etcd's own limit is 128)."""

TRANSACTION_BYTES_MAX = 1 << 20
"""The size of all keys and values of one transaction (etcd's own limit is 1.5 MiB)."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A key, its value, and the revision at which it was last changed (from 1, growing over the whole registry)."""

    key: str
    value: bytes
    revision: int


class Leader(NamedTuple):
    """Who leads, by its own name, and the address that it gave for being reached."""

    candidate: str
    address: str


class Leadership(msgspec.Struct, frozen=True, kw_only=True):
    """The right to commit, held by ``candidate``. ``fence`` grows with every leadership and is never used twice."""

    candidate: str
    fence: int


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One change: all of it or nothing.

    ``request`` is unique to this transaction. ``expected`` pairs a key with the revision that it must still have
    (0: the key must not exist). A key may be put or deleted once, not both. Raises `UsageError` if that, or one of
    the limits above, is violated.
    """

    request: str
    puts: tuple[tuple[str, bytes], ...] = ()
    deletes: tuple[str, ...] = ()
    expected: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        changed = (*(key for key, _ in self.puts), *self.deletes)
        if not self.request or not self.request.isprintable() or len(self.request) > KEY_CHARACTERS_MAX:
            raise UsageError("A transaction needs a printable request id; nothing was sent; draw one with uuid4().hex.")
        for key in (*changed, *(key for key, _ in self.expected)):
            if not key or not key.isprintable() or len(key) > KEY_CHARACTERS_MAX:
                raise UsageError(
                    f"{key!r:.100} cannot be a registry key: it takes 1 to {KEY_CHARACTERS_MAX} printable characters; "
                    "nothing was sent."
                )
        if len(dict.fromkeys(changed)) != len(changed):
            raise UsageError("A transaction may change a key only once; nothing was sent; merge its changes.")
        if len(changed) > CHANGES_MAX or len(self.expected) > CHANGES_MAX:
            raise UsageError(
                f"A transaction may change and expect at most {CHANGES_MAX} keys; nothing was sent; split it."
            )
        size = sum(len(key.encode()) for key in changed) + sum(len(value) for _, value in self.puts)
        if size > TRANSACTION_BYTES_MAX:
            raise UsageError(
                f"A transaction of {size} bytes is over the limit of {TRANSACTION_BYTES_MAX}; nothing was sent; "
                "keep large contents in the store and their digest here."
            )


class Committed(msgspec.Struct, frozen=True, kw_only=True):
    """The transaction was applied, once, at ``revision``, which every record that it put now carries."""

    revision: int


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """The record ``key`` did not have the expected revision. Nothing was written."""

    key: str


class Registry(Protocol):
    """What a coordinator needs from a registry. All times in seconds; keys are free of the implementation's prefix.

    Reads return what was last committed by anyone (they are linearizable). Every method may raise `RegistryError`
    when the registry cannot be reached within its patience; reads then tell nothing, and `commit` says whether the
    change is in doubt.
    """

    async def campaign(self, candidate: str, *, ttl_seconds: float, address: str) -> Leadership:
        """Wait until ``candidate`` leads. Cancel it to withdraw.

        The leadership is kept up until it is resigned, lost or closed. If its holder vanishes without a word,
        another candidate leads after about ``ttl_seconds``, or at once where the registry can tell.
        """

    async def leader(self) -> Leader | None:
        """Who leads now, if anybody."""

    async def wait_leader_change(self, known: Leader | None) -> Leader | None:
        """Wait until somebody else leads than ``known``, or nobody does; who leads then, if anybody.

        Whoever waits learns of it as soon as the registry knows, and may miss those who led in between.
        """

    async def dismiss(self, leader: Leader) -> None:
        """End the leadership of ``leader``, who is gone, before its lease runs out. Harmless if it does not lead.

        Nobody has to be sure: if ``leader`` is there after all, it is fenced, and may lead again.
        """

    async def lost(self, leadership: Leadership) -> str:
        """Wait until ``leadership`` has ended or can no longer be vouched for; return the reason in one line.

        The caller then stops acting as leader. What it still tries to commit is either refused with `Fenced`, or
        nobody has taken over yet and it is as good as before.
        """

    async def resign(self, leadership: Leadership) -> None:
        """Give ``leadership`` up, so that another candidate leads at once. Harmless if it has ended already.

        It is kept up no more even if the registry cannot be told: then another leads when its lease has run out.
        """

    async def read(self, key: str) -> Record | None:
        """The record at ``key``, or None."""

    async def scan(self, prefix: str) -> tuple[Record, ...]:
        """All records whose key starts with ``prefix``, as of one moment, ascending by key."""

    async def commit(self, leadership: Leadership, transaction: Transaction) -> Committed | Conflict:
        """Apply ``transaction`` if ``leadership`` still stands and every expectation holds.

        Raises `Fenced` if it does not stand: this transaction changed nothing, unless an earlier try with the same
        request id ended in a `RegistryError`; what then counts is what the next leader reads. Raises `RegistryError` if
        no answer came in time and the doubt could not be settled: give the same transaction again, it is applied
        at most once. The latest 1000 transactions of a leadership are recognised when they are given again.
        """

    async def close(self) -> None:
        """Resign what is still held, as far as that can be done at once, and let go of connections and threads."""
