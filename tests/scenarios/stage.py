"""What a driver has to offer so that a conversation can be played on it, and what is read off it afterwards.

A stage has real cores, and a coordinator. Nothing happens on it but what the conversation says and what follows from
that: applications receive only when told to, so what is in flight is decided by the conversation and not by time.
`settle` lets everything follow that is not an application's to do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.messages import Close, SessionRecord
from cutpoint.protocol.process import Process
from cutpoint.protocol.session import Session

WINDOW = 4
"""What a receiver takes in unread. What a sender sends beyond it waits at the sender."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredPart:
    """One part, read back: what the application had received, as its state says, and the sessions."""

    received: Sequence[str]
    sessions: tuple[SessionRecord, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutReading:
    """One recovery point, read back from where it is stored."""

    certificate: Certificate
    parts: Mapping[str, StoredPart]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutEnd:
    """How a cut ended: ``abandoned`` is the reason, empty if it was published."""

    cut: int
    abandoned: str = ""


class Stage(Protocol):
    """One driver. A channel is called by its session's name, ``a~b:/orders``; ``process`` says whose end is meant."""

    def cores(self) -> Mapping[str, Process]:
        """The cores of the processes that live, by name."""

    def received(self, process: str) -> Sequence[str]:
        """The application's state: what it has received."""

    async def settle(self) -> None:
        """Everything that follows happens."""

    async def start(self, process: str) -> None:
        """A process is started, for the first time or again; it runs when this returns, unless a cut is open."""

    async def kill(self, process: str) -> None:
        """A process vanishes without a last word."""

    async def open(self, opener: str, acceptor: str, label: str) -> None:
        """A process opens a session."""

    async def send(self, process: str, channel: str, text: str) -> None:
        """The application sends, whether there is room or not."""

    async def take(self, process: str, channel: str, *, hold: bool) -> str | Close:
        """The application receives what is there; ``hold``: and does not end its turn."""

    async def end_turn(self, process: str) -> None:
        """The application ends the turn that it holds."""

    async def close(self, process: str, channel: str) -> None:
        """The application closes its end; what still comes to it is dropped."""

    async def break_connection(self, channel: str) -> None:
        """The session's connection is lost, and no other comes about."""

    async def mend(self, channel: str) -> None:
        """Connections come about again."""

    async def begin(self) -> None:
        """A cut is begun."""

    async def deadline(self) -> None:
        """The time of the open cut is over."""

    async def end_of_cut(self) -> CutEnd:
        """Wait for the end of the cut that was begun last."""

    async def read(self, cut: int) -> CutReading:
        """Read a recovery point back."""

    async def recover(self, cut: int) -> None:
        """Everybody goes back to a recovery point, and runs when this returns."""


def session_of(core: Process, channel: str) -> Session | None:
    """The session of this name that can be used."""
    return next(
        (s for s in core.handshakes.sessions.values() if s.name == channel and s.phase not in ("ended", "dormant")),
        None,
    )
