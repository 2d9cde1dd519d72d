"""What the registry writes into etcd, and what the answers mean. Pure: no connection, no clock.

Below the prefix there are::

    leader              who leads: a `Standing`, hanging on the leader's lease
    head                the request id of the latest transaction; its revision is the revision of that transaction
    records/<key>       the records

The fence of a leadership is the revision at which ``leader`` was created. ``head`` makes of the commits of one
leadership a chain: every commit demands that ``head`` was last changed by the commit before it, and changes it.
So of several tries of one commit at most one can be applied, however late it arrives, and a try that is still
under way can no longer be applied once the next commit was. If a commit's conditions fail, the same transaction
reads ``leader``, ``head`` and the expected records, and `judge` finds out from these why.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from cutpoint.errors import RegistryError
from cutpoint_coordinator.registry.etcd_client import Answer, Compare, Item, Put, Question
from cutpoint_coordinator.registry.interface import (
    REMEMBERED_MAX,
    Committed,
    Conflict,
    Leader,
    Leadership,
    Record,
    Transaction,
    fenced,
)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The value of ``leader``. ``nonce`` is the campaign that put it there."""

    candidate: str
    address: str
    nonce: str


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier transaction of this leadership, whose answer was lost, turns out to have been applied."""

    request: str
    revision: int


class Chain:
    """The commits of one leadership: the revision of the latest, and which request was applied at which revision."""

    def __init__(self, leadership: Leadership) -> None:
        self.leadership = leadership
        self.head = leadership.fence
        self._applied: OrderedDict[str, int] = OrderedDict()

    def applied(self, request: str) -> int | None:
        """At which revision ``request`` was applied, if that is known."""
        return self._applied.get(request)

    def advance(self, request: str, revision: int) -> None:
        """``request`` was applied at ``revision`` and is the latest."""
        self.head = revision
        self._applied[request] = revision
        if len(self._applied) > REMEMBERED_MAX:
            self._applied.popitem(last=False)


class Keys:
    """The names of the keys below ``prefix``, and the transactions on them."""

    def __init__(self, prefix: str) -> None:
        self.leader = f"{prefix}leader"
        self.head = f"{prefix}head"
        self.records = f"{prefix}records/"

    def record(self, item: Item) -> Record:
        """What a key below ``records`` holds, under the name that the user gave it."""
        return Record(key=item.key.removeprefix(self.records), value=item.value, revision=item.modified)

    def standing(self, item: Item) -> Standing:
        """What ``leader`` says. Raises `RegistryError` if somebody else wrote it."""
        try:
            return msgspec.json.decode(item.value, type=Standing)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RegistryError(
                f"The key {item.key} in etcd was not written by Cutpoint; nothing was changed; "
                "give the computation another prefix, or delete that key."
            ) from error

    def stand(self, standing: Standing, lease: int) -> Question:
        """Become leader if nobody is; else read who is."""
        return Question(
            conditions=(Compare(key=self.leader, created=0),),
            puts=(
                Put(key=self.leader, value=msgspec.json.encode(standing), lease=lease),
                Put(key=self.head, value=f"campaign {standing.nonce}".encode()),
            ),
            otherwise=(self.leader,),
        )

    def commit(self, chain: Chain, transaction: Transaction) -> Question:
        """Apply ``transaction`` as the next of ``chain``; else read why not."""
        return Question(
            conditions=(
                Compare(key=self.leader, created=chain.leadership.fence),
                Compare(key=self.head, modified=chain.head),
                *(Compare(key=self.records + key, modified=revision) for key, revision in transaction.expected),
            ),
            puts=(
                Put(key=self.head, value=transaction.request.encode()),
                *(Put(key=self.records + key, value=value) for key, value in transaction.puts),
            ),
            deletes=tuple(self.records + key for key in transaction.deletes),
            otherwise=(self.leader, self.head, *(self.records + key for key, _ in transaction.expected)),
        )

    def judge(self, chain: Chain, transaction: Transaction, answer: Answer) -> Committed | Conflict | Moved:
        """What ``answer`` to `commit` means. Raises `Fenced` if the leadership does not stand."""
        if answer.succeeded:
            return Committed(revision=answer.revision)
        leader, head, *expected = answer.found
        if head is not None and head.value == transaction.request.encode():
            return Committed(revision=head.modified)
        if leader is None or leader.created != chain.leadership.fence:
            instead = None
            if leader is not None:
                standing = self.standing(leader)
                instead = Leader(standing.candidate, standing.address)
            raise fenced(chain.leadership, instead)
        if head is not None and head.modified != chain.head:
            return Moved(request=head.value.decode("utf-8", "replace"), revision=head.modified)
        for (key, revision), item in zip(transaction.expected, expected, strict=True):
            if (item.modified if item is not None else 0) != revision:
                return Conflict(key=key)
        raise RegistryError(
            f"etcd refused a transaction whose conditions all hold (the key {self.head} may have been deleted); "
            "nothing was written; resign, so that the next leader writes it anew."
        )
