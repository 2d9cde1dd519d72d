"""A type for every name and number that could be mistaken for another.

Nothing here has behaviour: these are the words of ``docs/glossary.md``, spelt so that mypy tells a cut's
number from a message's, and a process's name from a channel's.
"""

from __future__ import annotations

from typing import NewType

ProcessName = NewType("ProcessName", str)
"""The name of a participant of the algorithm: state and channels. Chosen by the user, unique in a computation."""

Life = NewType("Life", str)
"""A random word drawn when a process starts. The same name with another life means: its memory was lost."""

SessionName = NewType("SessionName", str)
"""Two channels between the same two processes, one each way: ``initiator~acceptor:label``."""

ChannelName = NewType("ChannelName", str)
"""One sender, one receiver: ``sender->receiver:label``."""

Incarnation = NewType("Incarnation", int)
"""One life of the whole computation, from 1. Each recovery starts the next and fences the ones before."""

CutNumber = NewType("CutNumber", int)
"""The number of a cut, from 1, never used twice. 0 is the beginning: every process as it was constructed."""

Sequence = NewType("Sequence", int)
"""The number of a message on its channel, from 1. 0 means: none yet."""

Digest = NewType("Digest", str)
"""``sha256:`` and 64 hexadecimal digits."""

BEGINNING = CutNumber(0)
FIRST_INCARNATION = Incarnation(1)


def session_name(initiator: ProcessName, acceptor: ProcessName, label: str) -> SessionName:
    """Name the session that ``initiator`` opened to ``acceptor`` under ``label``."""
    return SessionName(f"{initiator}~{acceptor}:{label}")


def channel_name(sender: ProcessName, receiver: ProcessName, session: SessionName) -> ChannelName:
    """Name one direction of ``session``."""
    return ChannelName(f"{sender}->{receiver}:{session.split(':', 1)[1]}")


def is_process_name(text: str) -> bool:
    """Whether ``text`` may name a process: 1 to 100 letters, digits, ``.``, ``_`` and ``-``; no sign comes first."""
    plain = text.isascii() and all(c.isalnum() or c in "._-" for c in text)
    return plain and 1 <= len(text) <= 100 and text[0].isalnum()
