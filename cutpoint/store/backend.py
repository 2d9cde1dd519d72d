"""Where bytes are kept: the few things that every store can do, and nothing that only some can.

A backend keeps named objects that are written once, whole, and never changed. Its calls block (callers use
threads) and may be made from several threads and processes at once. Create-only is the single guarantee that
everything above builds on: of several that create one name, exactly one succeeds, and after that the bytes are
there, complete and durable. A backend knows nothing of parts and manifests.
"""

from __future__ import annotations

import re
from typing import Protocol

from cutpoint.errors import Damaged, ObjectExists, ObjectMissing, StoreError, UsageError
from cutpoint.wire.checks import one_line

NAME_MAX = 500
"""The longest object name, in characters."""

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_PREFIX = re.compile(rf"(({_SEGMENT}/)*({_SEGMENT})?)?")

ASIDE = "tmp"
"""Where a backend may put what is no object: no name begins with this folder."""


class Backend(Protocol):
    """Named objects, written once. All errors are `cutpoint.errors.StoreError` or `ConfigurationError`."""

    @property
    def url(self) -> str:
        """What `cutpoint.store.open_backend` opens this same store with."""
        ...

    def create(self, name: str, data: bytes) -> None:
        """Write a new object; it is durable on return. Raises `ObjectExists`, and then that object is durable."""
        ...

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        """Read a whole object. Raises `ObjectMissing`; `StoreError` if it is longer than ``bytes_max``."""
        ...

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Read exactly ``length`` bytes from byte ``start``. Raises `ObjectMissing`; `Damaged` if it ends before."""
        ...

    def size(self, name: str) -> int | None:
        """How long an object is, in bytes; ``None`` if there is none."""
        ...

    def list(self, prefix: str) -> tuple[str, ...]:
        """The names that begin with ``prefix``, ascending."""
        ...

    def sizes(self, prefix: str) -> tuple[tuple[str, int], ...]:
        """The names that begin with ``prefix``, ascending, each with how long its object is, in bytes."""
        ...

    def delete(self, name: str) -> None:
        """See to it that there is no such object; one that is not there is no error."""
        ...

    def check_writable(self) -> None:
        """Write, read and delete something aside. Raises `ConfigurationError` that says what to do."""
        ...


def is_object_name(name: str) -> bool:
    """Whether ``name`` may name an object: parts of letters, digits, ``.``, ``_`` and ``-`` between slashes."""
    return len(name) <= NAME_MAX and _NAME.fullmatch(name) is not None and name.split("/", 1)[0] != ASIDE


def check_name(name: str) -> None:
    """Raise `UsageError` unless ``name`` may name an object."""
    if not is_object_name(name):
        raise UsageError(f"{one_line(repr(name))} cannot name an object; nothing was read or written")


def check_prefix(prefix: str) -> None:
    """Raise `UsageError` unless an object's name may begin with ``prefix``."""
    if len(prefix) > NAME_MAX or not _PREFIX.fullmatch(prefix):
        raise UsageError(f"no object's name begins with {one_line(repr(prefix))}; nothing was read")


def check_range(name: str, start: int, length: int) -> None:
    """Raise `UsageError` unless ``length`` bytes from ``start`` of object ``name`` could be asked for."""
    check_name(name)
    if start < 0 or length < 0:
        raise UsageError(f"object {name} has no {length} bytes from {start} on; nothing was read")


def exists(url: str, name: str) -> ObjectExists:
    """The error of a create that came second."""
    return ObjectExists(f"object {name} is in {url} already; nothing was overwritten")


def missing(url: str, name: str) -> ObjectMissing:
    """The error of reading what is not there."""
    return ObjectMissing(f"object {name} is not in {url}; it was deleted, or was written to another store")


def too_long(url: str, name: str, bytes_found: int, bytes_max: int) -> StoreError:
    """The error of reading more than the caller allows."""
    return StoreError(
        f"object {name} in {url} is {bytes_found} bytes long, {bytes_max} are allowed; it was not read, "
        "raise the limit if the object is sound"
    )


def too_short(url: str, name: str, bytes_found: int, start: int, length: int) -> Damaged:
    """The error of reading a range that an object does not have."""
    return Damaged(
        f"object {name} in {url} ends at byte {bytes_found}, what needs it has bytes up to {start + length} of it; "
        "it is damaged, or what names it is; verify the store"
    )
