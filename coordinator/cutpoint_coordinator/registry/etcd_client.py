"""The few questions that the registry asks etcd, as blocking calls with a deadline.

etcd3 knows one endpoint a client, so there is one client per endpoint here, and a call that gets no answer makes
the next call go to the next endpoint. Nothing is repeated here: a call either brings etcd's answer, or raises
`Unanswered` (it may or may not have been carried out) or `Refused` (etcd said no, and did nothing). What may be
asked again is for the caller to know. Safe to use from several threads.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cutpoint_coordinator.registry.etcd_pages import entries_from
from cutpoint_coordinator.registry.etcd_shim import etcd3, etcdrpc, grpc

_CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", -1),
)
"""Come back to a member soon after it does (gRPC waits up to two minutes by itself), and do not share connections
between the calls and the lease keeper, so that a slow call cannot cost the lease."""

LOGIN_SECONDS = 3.0
"""How long logging in may take, once for each member: etcd makes it costly on purpose."""

_DELETED = 1
"""The type of the event that a key was deleted."""

_REFUSALS = tuple(
    getattr(grpc.StatusCode, name)
    for name in (
        "INVALID_ARGUMENT",
        "PERMISSION_DENIED",
        "NOT_FOUND",
        "FAILED_PRECONDITION",
        "OUT_OF_RANGE",
        "ALREADY_EXISTS",
        "UNIMPLEMENTED",
    )
)


class Unanswered(Exception):
    """No answer came. What was asked may have been carried out, or still be."""


class Refused(Exception):
    """etcd answered that it will not do this. ``missing``: because the lease is not there."""

    def __init__(self, reason: str, *, missing: bool) -> None:
        super().__init__(reason)
        self.missing = missing


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """How to prove who we are, and how to know etcd: paths of PEM files, a user and its password; None: not used."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(ca={self.ca!r}, cert={self.cert!r}, key={self.key!r}, user={self.user!r}, password=...)"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A key in etcd: the revisions at which it was created and last changed, and the lease it hangs on (0: none)."""

    key: str
    value: bytes
    created: int
    modified: int
    lease: int


class Compare(msgspec.Struct, frozen=True, kw_only=True):
    """A condition: ``key`` was created (or last changed) at exactly this revision; 0: it does not exist."""

    key: str
    created: int | None = None
    modified: int | None = None


class Put(msgspec.Struct, frozen=True, kw_only=True):
    """Set ``key``; it vanishes with ``lease`` unless that is 0."""

    key: str
    value: bytes
    lease: int = 0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One etcd transaction: if all of ``conditions`` hold, put and delete; otherwise read ``otherwise``."""

    conditions: tuple[Compare, ...]
    puts: tuple[Put, ...] = ()
    deletes: tuple[str, ...] = ()
    otherwise: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``revision`` is the transaction's own if it ``succeeded``; else ``found`` has what the keys held then."""

    succeeded: bool
    revision: int
    found: tuple[Item | None, ...] = ()


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """What a watch has seen of a key up to ``revision``: it was changed to ``item``, or deleted (None).

    ``lost``: changes may have been missed, because etcd no longer keeps them: read the key again.
    """

    revision: int
    item: Item | None = None
    lost: bool = False


class EtcdClient:
    """Blocking calls to an etcd cluster, each given ``deadline_seconds``."""

    def __init__(
        self, endpoints: tuple[tuple[str, int], ...], credentials: Credentials, *, deadline_seconds: float = 1.0
    ) -> None:
        self._endpoints = endpoints
        self._credentials = credentials
        self._deadline = deadline_seconds
        self._lock = threading.Lock()
        self._clients: dict[int, Any] = {}
        self._current = 0
        self._closed = False

    def get(self, key: str) -> Item | None:
        """What ``key`` holds now (linearizable), or None."""
        return self.look(key)[0]

    def look(self, key: str) -> tuple[Item | None, int]:
        """What ``key`` holds now (linearizable), or None, and the revision of etcd at which it does."""
        answer = self._call(
            lambda client: client.kvstub.Range(etcdrpc.RangeRequest(key=key.encode()), **self._how(client))
        )
        return (_item(answer.kvs[0]) if answer.kvs else None), answer.header.revision

    def get_prefix(self, prefix: str) -> tuple[Item, ...]:
        """All keys that start with ``prefix``, ascending, as of one revision."""
        key, end = _range_of(prefix)

        def page(start: bytes, keys: int, revision: int) -> Any:
            # etcd gives keys in their order unless it is asked to sort, which would make it read all of them.
            request = etcdrpc.RangeRequest(key=start, range_end=end, limit=keys, revision=revision)
            return self._call(lambda client: client.kvstub.Range(request, **self._how(client)))

        try:
            return tuple(map(_item, entries_from(key, page)))
        except Refused as refused:
            if "has been compacted" in str(
                refused
            ):  # it took so long that etcd has forgotten the first page's revision
                raise Unanswered(str(refused)) from refused
            raise

    def transact(self, question: Question) -> Answer:
        """Carry ``question`` out."""
        request = etcdrpc.TxnRequest(
            compare=[_compare(condition) for condition in question.conditions],
            success=[
                *(
                    etcdrpc.RequestOp(
                        request_put=etcdrpc.PutRequest(key=put.key.encode(), value=put.value, lease=put.lease)
                    )
                    for put in question.puts
                ),
                *(
                    etcdrpc.RequestOp(request_delete_range=etcdrpc.DeleteRangeRequest(key=key.encode()))
                    for key in question.deletes
                ),
            ],
            failure=[
                etcdrpc.RequestOp(request_range=etcdrpc.RangeRequest(key=key.encode())) for key in question.otherwise
            ],
        )
        answer = self._call(lambda client: client.kvstub.Txn(request, **self._how(client)))
        found = () if answer.succeeded else tuple(_first(each.response_range) for each in answer.responses)
        return Answer(succeeded=answer.succeeded, revision=answer.header.revision, found=found)

    def grant(self, ttl_seconds: int) -> int:
        """A new lease; etcd may make it longer than asked. Returns its number."""
        request = etcdrpc.LeaseGrantRequest(TTL=ttl_seconds)
        return int(self._call(lambda client: client.leasestub.LeaseGrant(request, **self._how(client))).ID)

    def renew(self, lease: int) -> int:
        """Renew ``lease`` once; returns the seconds it has now, 0: the lease is gone."""
        request = etcdrpc.LeaseKeepAliveRequest(ID=lease)

        def ask(client: Any) -> int:
            answers = list(client.leasestub.LeaseKeepAlive(iter((request,)), **self._how(client)))
            if not answers:
                raise Unanswered("the stream of lease renewals ended without an answer")
            return int(answers[0].TTL)

        return int(self._call(ask))

    def compact(self, revision: int) -> None:
        """Let etcd forget what any key held before ``revision``. Harmless if it has."""
        request = etcdrpc.CompactionRequest(revision=revision)
        try:
            self._call(lambda client: client.kvstub.Compact(request, **self._how(client)))
        except Refused as refused:
            if "has been compacted" not in str(refused):
                raise

    def count(self, prefix: str) -> int:
        """How many keys start with ``prefix``; empty: how many there are."""
        key, end = _range_of(prefix)
        request = etcdrpc.RangeRequest(key=key, range_end=end, count_only=True)
        return int(self._call(lambda client: client.kvstub.Range(request, **self._how(client))).count)

    def revoke(self, lease: int) -> None:
        """End ``lease`` and delete the keys that hang on it. Harmless if it is gone."""
        request = etcdrpc.LeaseRevokeRequest(ID=lease)
        try:
            self._call(lambda client: client.leasestub.LeaseRevoke(request, **self._how(client)))
        except Refused as refused:
            if not refused.missing:
                raise

    def watch(self, key: str, *, since: int, seconds: float) -> Iterator[Happened]:
        """What happens to ``key`` from revision ``since`` on, as it happens, for ``seconds``; then nothing more.

        The first that comes says that the watch stands. Raises `Unanswered` if it ends before its time, or if etcd
        said nothing at all; go on with the revision after the last that came.
        """
        over = threading.Event()
        create = etcdrpc.WatchCreateRequest(key=key.encode(), start_revision=since)

        def requests() -> Iterator[Any]:
            yield etcdrpc.WatchRequest(create_request=create)
            over.wait(2 * seconds)  # etcd may end a watch whose asking side is closed

        with self._asking() as client:
            began = time.monotonic()
            answers = etcdrpc.WatchStub(client.channel).Watch(requests(), timeout=seconds, metadata=client.metadata)
            stands = False
            try:
                for answer in answers:
                    stands = True
                    if answer.canceled:
                        yield Happened(revision=answer.header.revision, lost=True)
                        return
                    for event in answer.events:
                        item = None if event.type == _DELETED else _item(event.kv)
                        yield Happened(revision=event.kv.mod_revision, item=item)
                    if not answer.events:
                        yield Happened(revision=since - 1)
            except grpc.RpcError:
                if not stands or time.monotonic() - began < 0.9 * seconds:  # how etcd calls the end of its time varies
                    raise
            finally:
                over.set()
                answers.cancel()

    def maintenance(self, ask: Callable[[Any, dict[str, Any]], Any]) -> Any:
        """What ``ask(stub, options)`` says: a call to etcd's maintenance service at the present endpoint."""
        return self._call(lambda client: ask(client.maintenancestub, self._how(client)))

    def close(self) -> None:
        """Close all connections; calls under way end with `Unanswered`."""
        with self._lock:
            self._closed = True
            clients = tuple(self._clients.values())
            self._clients.clear()
        for client in clients:
            client.close()

    def _how(self, client: Any) -> dict[str, Any]:
        return {"timeout": self._deadline, "metadata": client.metadata}

    def _call(self, ask: Callable[[Any], Any]) -> Any:
        with self._asking() as client:
            return ask(client)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[Any]:
        """The client of the present endpoint. What goes wrong in the block is `Unanswered` or `Refused`."""
        with self._lock:
            index = self._current
        try:
            yield self._client(index)
        except grpc.RpcError as error:
            code = error.code()
            host, port = self._endpoints[index]
            reason = f"{host}:{port} said {code.name}: {' '.join(str(error.details()).split()):.200}"
            if code in _REFUSALS:
                raise Refused(reason, missing=code == grpc.StatusCode.NOT_FOUND) from error
            self._leave(index, forget=code == grpc.StatusCode.UNAUTHENTICATED)
            raise Unanswered(reason) from error
        except ValueError as error:  # what grpc raises for a channel that `close` has closed in the meantime
            if not self._closed:
                raise
            raise Unanswered("the registry was closed") from error

    def _client(self, index: int) -> Any:
        with self._lock:
            client = self._clients.get(index)
            if self._closed:
                raise Unanswered("the registry was closed")
        if client is not None:
            return client
        host, port = self._endpoints[index]
        made = etcd3.client(
            host=f"[{host}]" if ":" in host else host,
            port=port,
            ca_cert=self._credentials.ca,
            cert_cert=self._credentials.cert,
            cert_key=self._credentials.key,
            user=self._credentials.user,
            password=self._credentials.password,
            timeout=max(LOGIN_SECONDS, self._deadline),
            grpc_options=_CHANNEL_OPTIONS,
        )
        with self._lock:
            client = self._clients.setdefault(index, made)
        if client is not made:
            made.close()
        return client

    def _leave(self, index: int, *, forget: bool) -> None:
        """Turn to the next endpoint, unless another call has done so; forget a client whose token has expired."""
        stale = None
        with self._lock:
            if self._current == index:
                self._current = (index + 1) % len(self._endpoints)
            if forget:
                stale = self._clients.pop(index, None)
        if stale is not None:
            stale.close()


def _range_of(prefix: str) -> tuple[bytes, bytes]:
    """The keys that start with ``prefix``, as etcd wants to be asked for them."""
    start = prefix.encode()
    return (start, start[:-1] + bytes([start[-1] + 1])) if start else (b"\0", b"\0")


def _item(entry: Any) -> Item:
    return Item(
        key=entry.key.decode("utf-8", "replace"),
        value=entry.value,
        created=entry.create_revision,
        modified=entry.mod_revision,
        lease=entry.lease,
    )


def _first(found: Any) -> Item | None:
    return _item(found.kvs[0]) if found.kvs else None


def _compare(condition: Compare) -> Any:
    compare = etcdrpc.Compare(key=condition.key.encode(), result=etcdrpc.Compare.EQUAL)
    if condition.created is not None:
        compare.target = etcdrpc.Compare.CREATE
        compare.create_revision = condition.created
    else:
        compare.target = etcdrpc.Compare.MOD
        compare.mod_revision = condition.modified or 0
    return compare
