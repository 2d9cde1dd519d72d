"""What can be seen of a process from outside: what its application sends and takes, what it records and restores.

Values only, in the order in which they happened. A session is meant by the ``key`` that its process calls it by; the
number of a message that was sent before its session had a name may still change (see `Adopted`).
"""

from __future__ import annotations

from typing import NamedTuple

from cutpoint.protocol.messages import Close, Payload, SessionRecord
from cutpoint.state import CapturedState

SHORT = 60
"""So many characters of a payload are told to people."""


class Began(NamedTuple):
    """A new life of ``process``: it remembers nothing."""

    at: float
    process: str
    life: str


class Admitted(NamedTuple):
    """The process may run, in ``incarnation``."""

    at: float
    process: str
    incarnation: int


class Sent(NamedTuple):
    """The application's call was made. ``number``: as the process counted it then."""

    at: float
    process: str
    key: str
    number: int
    payload: Payload


class Taken(NamedTuple):
    """The application was given message ``number``."""

    at: float
    process: str
    key: str
    number: int
    payload: Payload


class Named(NamedTuple):
    """The session has its name, and its other end is known."""

    at: float
    process: str
    key: str
    session: str
    peer: str
    fifo: bool = True


class Adopted(NamedTuple):
    """The new session ``key`` turns out to be the restored one ``dormant``, whose past comes first.

    What was sent on it so far is numbered on from ``sent``.
    """

    at: float
    process: str
    key: str
    dormant: str
    sent: int


class Over(NamedTuple):
    """Nothing more will happen on the session; ``reason`` is empty when both ends closed it."""

    at: float
    process: str
    key: str
    reason: str


class Recorded(NamedTuple):
    """The process records its state for ``cut``; ``base`` is the last recovery point that it knows of.

    ``held``: its tables and values as they are at this moment.
    """

    at: float
    process: str
    cut: int
    base: int
    incarnation: int
    held: tuple[CapturedState, ...] = ()


class RestoredSession(NamedTuple):
    """A session that a restore brought back under a key of its own, as the part has it."""

    key: str
    record: SessionRecord


class Restored(NamedTuple):
    """The state is now the one recorded for ``cut`` (0: the beginning), and the process lives in ``incarnation``."""

    at: float
    process: str
    cut: int
    incarnation: int
    sessions: tuple[RestoredSession, ...]


class Refilled(NamedTuple):
    """The restore to ``cut`` is complete, and ``held`` is everything that the process declares as its state."""

    at: float
    process: str
    cut: int
    held: tuple[CapturedState, ...]


Observation = Began | Admitted | Sent | Taken | Named | Adopted | Over | Recorded | Restored | Refilled


def shortly(payload: Payload) -> str:
    """A payload for people: text as it is, bytes as Python writes them, the first `SHORT` characters."""
    if isinstance(payload, Close):
        text = f"close {payload.code} {payload.reason}".rstrip()
    else:
        text = payload if isinstance(payload, str) else repr(payload[:SHORT])
    return text if len(text) <= SHORT else text[: SHORT - 3] + "..."
