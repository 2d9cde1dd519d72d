"""Reading one part back: the head first, then what is asked for, chunk by chunk, every one checked against its name.

Whatever is not what was written ends in `Damaged` that names the object. Nothing is believed before its digest was
compared, and nothing takes more memory than what was written did.
"""

from __future__ import annotations

from collections.abc import Iterator

from cutpoint.errors import UsageError
from cutpoint.protocol.messages import PackRef, SessionRecord
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import Run, Sealing
from cutpoint.store.heads import KnownPart, PartHead

_LATER = UsageError("this reader does not read yet")


class PartReader:
    """One part that is in the store. All calls block; threads may share a reader."""

    def __init__(self, backend: Backend, part: KnownPart, *, sealing: Sealing | None = None) -> None:
        self.part = part

    @property
    def head(self) -> PartHead:
        """What the part is, by reference."""
        return self.part.head

    def sessions(self) -> tuple[SessionRecord, ...]:
        """The sessions with their in-flight messages. Raises `Damaged`, `ObjectMissing`."""
        raise _LATER

    def chunks(self, run: Run) -> Iterator[bytes]:
        """The raw chunks of ``run``, in order, each checked. Raises `Damaged`, `ObjectMissing`."""
        raise _LATER


def open_part(backend: Backend, pack: PackRef, *, sealing: Sealing | None = None) -> PartReader:
    """Read, check and decode the head at the end of ``pack``. Raises `ObjectMissing`, or `Damaged` that names it."""
    raise _LATER
