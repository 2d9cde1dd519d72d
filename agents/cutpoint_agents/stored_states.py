"""A stored part as what `cutpoint.state` restores from: each state with its chunks, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cutpoint.store import PartReader, StoredState

CONTENT_BYTES_MAX = 4 * 1024**3
"""The longest content of a state that is no table that is read back."""


@dataclass(frozen=True, kw_only=True)
class ReadState:
    """One state of a part; see `cutpoint.state.StoredLike`."""

    reader: PartReader
    state: StoredState

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def kind(self) -> str:
        return self.state.kind

    @property
    def version(self) -> int:
        return self.state.version

    @property
    def format(self) -> str:
        return self.state.format

    @property
    def data(self) -> bytes:
        """The whole content; what is large is a table, and is read by `chunks`."""
        return self.reader.content(self.state.runs, bytes_max=CONTENT_BYTES_MAX)

    def chunks(self) -> Iterator[bytes]:
        """The bytes of all runs, oldest first, chunk by chunk, each checked."""
        for run in self.state.runs:
            yield from self.reader.chunks(run)


def stored_states(reader: PartReader) -> Iterable[ReadState]:
    """The states of the part."""
    return [ReadState(reader=reader, state=state) for state in reader.head.states]
