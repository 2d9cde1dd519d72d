"""The trace of one run: what happened, where and when, in the order in which it happened.

A trace is a value that two runs of the same seed share byte for byte: it holds no wall clock, no address and no
object's identity, and whoever appends to it must not either. It judges nothing; `cutpoint_simulations.trace.cuts`
says which messages a cut crossed, and the oracles say whether that was allowed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import msgspec

Kind = Literal["start", "end", "send", "receive", "record", "publish", "abandon", "restore", "fault", "note"]
Unit = Literal["s", "steps"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one process. Fields that say nothing about this kind keep their default.

    A life of a process begins with ``start`` and finishes with ``end``; ``restore`` says that its state is now the
    one that it recorded for ``cut``, and that it lives in ``incarnation`` from here on.
    """

    at: float
    """Virtual seconds on the Loop, the number of the step in a World."""
    process: str
    """Whose line it is on. The coordinator is called ``coordinator``."""
    kind: Kind
    message: str = ""
    """send, receive: the message's name, the same at both ends, unique in the trace."""
    peer: str = ""
    """send, receive: the process at the other end."""
    channel: str = ""
    """send, receive: the channel's label."""
    number: int = 0
    """send, receive: the sequence number in the channel's direction, from 1; 0 for what is not numbered."""
    cut: int = 0
    """record, publish, abandon, restore: which."""
    incarnation: int = 0
    """record, restore: in which incarnation."""
    text: str = ""
    """For people: the payload in short, the fault, the reason."""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One run. ``processes`` is the order of their lines; ``verdict`` is the complaint, empty if all is well.

    Raises ValueError where an entry is on no process's line, or ``at`` goes back.
    """

    title: str
    seed: int
    unit: Unit
    processes: tuple[str, ...]
    entries: tuple[Entry, ...]
    verdict: str = ""

    def __post_init__(self) -> None:
        lines = dict.fromkeys(self.processes)
        if len(lines) < len(self.processes):
            raise ValueError(f"a process has two lines in the trace {self.title!r}: {self.processes}")
        for entry in self.entries:
            if entry.process not in lines:
                raise ValueError(f"the trace {self.title!r} has no line for {entry.process!r}: {entry}")
        for before, after in pairwise(self.entries):
            if not before.at <= after.at:
                raise ValueError(f"time goes back in the trace {self.title!r}: {after} comes after {before}")


def trace_hash(trace: Trace) -> str:
    """``sha256:...`` of the whole trace, verdict included: equal exactly where two runs told the same."""
    return f"sha256:{hashlib.sha256(msgspec.json.encode(trace)).hexdigest()}"


class Recorder:
    """Takes the entries of a run as they happen, and gives the `Trace` at any time.

    ``processes`` have their lines from the start, in this order; whoever else appears gets the next line.
    """

    def __init__(self, *, title: str, seed: int, unit: Unit, processes: Iterable[str] = ()) -> None:
        self._title = title
        self._seed = seed
        self._unit: Unit = unit
        self._processes = dict.fromkeys(processes)
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        """Take the next entry. Its ``at`` must not be less than that of the one before."""
        self._processes.setdefault(entry.process)
        self._entries.append(entry)

    def trace(self, *, verdict: str = "") -> Trace:
        """All entries so far. Raises ValueError if they went back in time."""
        return Trace(
            title=self._title,
            seed=self._seed,
            unit=self._unit,
            processes=tuple(self._processes),
            entries=tuple(self._entries),
            verdict=verdict,
        )
