"""A store in a cloud, or in anything that speaks as one: S3, Google Cloud Storage, Azure Blob Storage, by obstore.

Create-only is the store's own conditional write (``If-None-Match: *``, or the generation 0): of several that create
one name the store accepts one, and it shows an object only when it has all of it. What the store has acknowledged is
as durable as the store is. Each call is one request; nothing is tried again here, because a create whose answer was
lost must be settled by reading back (`cutpoint.store.retrying`), not by asking once more.

Credentials are read from the environment by obstore itself (docs/guides/stores.md); they are in no URL and no error.

A process that was forked after it had opened such a store cannot use one (obstore's threads are not there, and it
would wait for them for ever): it is told so. Start processes with ``spawn``.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from cutpoint.errors import ConfigurationError, ObjectExists, ObjectMissing, StoreError, StoreUnavailable, UsageError
from cutpoint.store.backend import (
    ASIDE,
    check_name,
    check_prefix,
    check_range,
    exists,
    is_object_name,
    missing,
    too_long,
    too_short,
)
from cutpoint.store.object_errors import RANGE_NOT_SATISFIABLE, diagnose
from cutpoint.store.remote_url import RemoteUrl

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, GCSConfig, RetryConfig, S3Config

CONNECT_SECONDS = 5.0
CHECKED_BYTES = b"cutpoint"

_opener: list[int] = []
"""The process in which the first store was opened: this one, or one that it was forked from."""


class ObjectBackend:
    """Objects below a prefix of a bucket. Nothing is asked of the store before the first call."""

    def __init__(self, where: RemoteUrl) -> None:
        """Raises `ConfigurationError` if the environment holds something that cannot be."""
        self.url = str(where)
        if not _opener:
            _opener.append(os.getpid())
        _check_process()
        try:
            self._store = _open(where)
        except (BaseError, OSError, ValueError) as error:
            raise ConfigurationError(
                f"the store {self.url} cannot be opened ({type(error).__name__}); nothing was read or written; "
                "look at its URL, and at what the environment says about the cloud"
            ) from None

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; it is durable on return. Raises `ObjectExists`, and then that object is durable.

        `StoreUnavailable` leaves open whether it was written, or will yet be; then read it back.
        """
        check_name(name)
        self._put(name, data, f"object {name} was not written to {self.url}, as far as is known")

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object. Raises `ObjectMissing`; `StoreError` if it is longer than ``bytes_max``."""
        check_name(name)
        with self._explained(name, f"object {name} was not read from {self.url}"):
            found = obstore.get(self._store, name)
            size = found.meta["size"]
            if bytes_max is not None and size > bytes_max:
                raise too_long(self.url, name, size, bytes_max)
            data = found.bytes().to_bytes()
        if len(data) != size:
            raise too_short(self.url, name, len(data), 0, size)
        return data

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read exactly ``length`` bytes from byte ``start``. Raises `ObjectMissing`; `Damaged` if it ends before."""
        check_range(name, start, length)
        data = self._range(name, start, length) if length else b""
        if length and len(data) == length:
            return data
        size = self.size(name)
        if size is None:
            raise missing(self.url, name)
        if start + length > size:
            raise too_short(self.url, name, size, start, length)
        if len(data) != length:
            raise StoreError(
                f"object {name} was not read from {self.url}: the store does not give bytes {start} to {start + length}"
                f" of {size}; nothing was lost; look whether it is one that answers requests for ranges"
            )
        return data

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        check_name(name)
        try:
            with self._explained(name, f"object {name} was not looked for in {self.url}"):
                return obstore.head(self._store, name)["size"]
        except ObjectMissing:
            return None

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        return tuple(name for name, _ in self.sizes(prefix))

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        check_prefix(prefix)
        found = self._listed(prefix.rpartition("/")[0])
        return tuple(sorted((name, size) for name, size in found if name.startswith(prefix) and is_object_name(name)))

    def delete(self, name: str) -> None:
        """See to it that there is no such object."""
        check_name(name)
        self._remove(name)

    def check_writable(self) -> None:
        """Do everything that this store is needed for, aside, and demand that it refuses to overwrite.

        Raises `ConfigurationError` that says what to do.
        """
        aside = f"{ASIDE}/check-{secrets.token_hex(16)}"
        try:
            self._put(aside, CHECKED_BYTES, f"the store {self.url} cannot be used")
            try:
                self._check_kept(aside)
            finally:
                self._remove(aside)
        except StoreError as error:
            raise ConfigurationError(str(error)) from None

    def _check_kept(self, aside: str) -> None:
        """Raise `StoreError` unless what was just written at ``aside`` is kept as it must be."""
        try:
            self._put(aside, CHECKED_BYTES[::-1], f"the store {self.url} cannot be used")
        except ObjectExists:
            pass
        else:
            raise StoreError(
                f"the store {self.url} cannot be used: it overwrites what it was told only to create, so that two "
                "coordinators could publish one cut; nothing of yours was lost; take a store that honours If-None-Match"
            )
        found = self._range(aside, 1, len(CHECKED_BYTES) - 2)
        if found != CHECKED_BYTES[1:-1] or (aside, len(CHECKED_BYTES)) not in self._listed(ASIDE):
            raise StoreError(
                f"the store {self.url} cannot be used: it does not read back, or does not list, what was just written; "
                "nothing of yours was lost; take a store that is consistent and answers requests for ranges"
            )

    def _put(self, name: str, data: bytes, failure: str) -> None:
        with self._explained("", failure, "nothing half-written is visible", taken=name):
            obstore.put(self._store, name, data, mode="create", use_multipart=False)

    def _range(self, name: str, start: int, length: int) -> bytes:
        """As many of the bytes as there are."""
        with self._explained(name, f"object {name} was not read from {self.url}"):
            try:
                return obstore.get_range(self._store, name, start=start, length=length).to_bytes()
            except BaseError as error:
                if diagnose(error).status == RANGE_NOT_SATISFIABLE:
                    return b""
                raise

    def _listed(self, folder: str) -> Sequence[tuple[str, int]]:
        with self._explained("", f"names were not listed in {self.url}"):
            return [(meta["path"], meta["size"]) for meta in obstore.list(self._store, folder or None).collect()]

    def _remove(self, name: str) -> None:
        with suppress(ObjectMissing), self._explained(name, f"object {name} may not have been deleted from {self.url}"):
            obstore.delete(self._store, name)

    @contextmanager
    def _explained(
        self, wanted: str, outcome: str, losses: str = "nothing was lost", *, taken: str = ""
    ) -> Iterator[None]:
        """Turn the client's errors into ones that say what to do and hold no secret.

        ``wanted``: the object that may be missing; ``taken``: the one whose name may be taken.
        """
        _check_process()
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            diagnosis = diagnose(error)
        else:
            return
        if diagnosis.kind == "exists" and taken:
            raise exists(self.url, taken)
        if diagnosis.kind == "missing" and wanted:
            raise missing(self.url, wanted)
        error_type = StoreUnavailable if diagnosis.kind == "later" else StoreError
        raise error_type(f"{outcome}: {diagnosis.words}; {losses}; {diagnosis.remedy}")


def _check_process() -> None:
    """Raise `UsageError` in a process that was forked from one that had opened a store."""
    if _opener[0] != os.getpid():
        raise UsageError(
            "this process was forked from one that had opened a store in a cloud, and cannot use such stores; "
            "nothing was read or written; start processes with multiprocessing.get_context('spawn')"
        )


def _open(where: RemoteUrl) -> AzureStore | GCSStore | S3Store:
    client: ClientConfig = {
        "allow_http": (where.endpoint or "").startswith("http://"),
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=where.timeout_seconds),
    }
    once: RetryConfig = {"max_retries": 0}
    prefix = where.prefix or None
    match where.scheme:
        case "s3":
            amazon: S3Config = {"disable_bulk_delete": True}  # one request deletes one name, which every server can
            if where.endpoint:
                amazon["endpoint"] = where.endpoint
            if where.region:
                amazon["region"] = where.region
            return S3Store(where.bucket, prefix=prefix, config=amazon, client_options=client, retry_config=once)
        case "gs":
            google: GCSConfig = {"base_url": where.endpoint} if where.endpoint else {}
            return GCSStore(where.bucket, prefix=prefix, config=google, client_options=client, retry_config=once)
        case _:
            azure: AzureConfig = {}
            if where.endpoint:
                azure["endpoint"] = where.endpoint
            if where.account:
                azure["account_name"] = where.account
            return AzureStore(where.bucket, prefix=prefix, config=azure, client_options=client, retry_config=once)
