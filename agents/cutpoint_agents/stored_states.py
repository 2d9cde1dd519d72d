"""A stored part as what `cutpoint.state` restores from: each state with its chunks, read when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cutpoint.store import PartReader, StoredState


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

    def chunks(self) -> Iterator[bytes]:
        """The bytes of all runs, oldest first, chunk by chunk, each checked."""
        for run in self.state.runs:
            yield from self.reader.chunks(run)


def stored_states(reader: PartReader) -> Iterable[ReadState]:
    """The states of the part."""
    return [ReadState(reader=reader, state=state) for state in reader.head.states]
