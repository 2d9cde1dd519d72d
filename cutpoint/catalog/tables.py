"""The content of a stored table, batch by batch: what is needed of it is read, and no more is in memory.

A table is its runs, oldest first; the bytes of a run's chunks, one after another, are batches of changes. A batch may
lie in several chunks, so runs are what can be read, skipped and compared by themselves: two runs of the same chunks
say the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cutpoint.errors import Damaged, UsageError
from cutpoint.state import Batch, Format, decode_batches, format_named
from cutpoint.store.chunks import Run
from cutpoint.store.heads import TABLE, StoredState
from cutpoint.store.reader import PartReader

CONTENT_BYTES_MAX = 128 * 1024 * 1024
"""The longest content of a state that is no table which is decoded, in bytes."""

_ENCODED_ONE_WAY = (str, bytes)
"""Types whose values equal nothing of another type, so that equal keys have equal bytes. (``1 == 1.0 == True``.)"""


class TableReader:
    """One table of one part. Nothing is read before it is asked for; all calls block."""

    def __init__(self, reader: PartReader, state: StoredState, where: str, *, vouched: bool = False) -> None:
        """``where`` names the table in errors; ``vouched``: see `readable_format`.

        Raises `UsageError` if it is none, or its keys cannot be read.
        """
        if state.kind != TABLE:
            raise UsageError(f"{where} is no table but a {state.kind}; nothing was read; leave the key out")
        self.format = readable_format(state, where, vouched=vouched)
        self.where = where
        self.runs = state.runs
        self._reader = reader

    def batches(self, runs: Iterable[Run], *, about: Sequence[Any] = ()) -> Iterator[Batch]:
        """The batches of these runs, in their order. Raises `Damaged`, `ObjectMissing`.

        ``about``: leave out batches that say nothing of any of these keys, where that can be seen without decoding.
        """
        format_ = self._passing_over(about)
        for run in runs:
            for batch in decode_batches(format_, self._reader.chunks(run), self.where):
                _check_keys(batch, self.where)
                yield batch

    def _passing_over(self, about: Sequence[Any]) -> Format:
        """The format, which decodes a batch as empty if none of these keys can be in it."""
        if not about or any(type(key) not in _ENCODED_ONE_WAY for key in about):
            return self.format
        signs = [self.format.encode(key, self.where) for key in about]
        decode = self.format.from_bytes
        return dataclasses.replace(
            self.format, from_bytes=lambda data: decode(data) if any(sign in data for sign in signs) else [[], [], []]
        )

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Every key with its value, in the table's order. Only what the deltas changed is in memory at once."""
        changed: dict[Any, Any] = {}
        gone: set[Any] = set()
        for batch in self.batches(self.runs[1:]):
            for key in batch.gone:
                changed.pop(key, None)
                gone.add(key)
            changed.update(zip(batch.keys, batch.values, strict=True))
        for batch in self.batches(self.runs[:1]):
            for key, value in zip(batch.keys, batch.values, strict=True):
                if key not in gone:
                    yield key, changed.pop(key) if key in changed else value
        yield from changed.items()


def readable_format(state: StoredState, where: str, *, vouched: bool = False) -> Format:
    """How the state is read. ``vouched``: its bytes are authentic, and this is a process in which their code may run.

    Raises `UsageError` if reading it would run code and nobody has vouched, `ConfigurationError` if it is unknown.
    """
    found = format_named(state.format)
    if not found.safe and not vouched:
        raise UsageError(
            f"{where} is kept as {state.format}, and reading that would run the code that its bytes name; nothing was "
            "read; replay the recovery point with the program that wrote it, or keep the state as msgpack"
        )
    return found


def content_of(reader: PartReader, state: StoredState, where: str, *, vouched: bool = False) -> Any:
    """The decoded content of a state that is no table. Raises as `readable_format`, `Damaged`, `ObjectMissing`."""
    format_ = readable_format(state, where, vouched=vouched)
    return format_.decode(reader.content(state.runs, bytes_max=CONTENT_BYTES_MAX), where)


def _check_keys(batch: Batch, where: str) -> None:
    try:
        for _ in map(hash, (*batch.gone, *batch.keys)):
            pass
    except TypeError as error:
        raise Damaged(
            f"{where} holds a key that can be none: {error}; nothing was changed; take another recovery point"
        ) from error
