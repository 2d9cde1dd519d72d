"""What a process tells of its part in a cut, without the bytes: its channels' evidence, its states, its packs.

The structs travel in the conversation with the coordinator and are kept in manifests. Fields are only ever added at the
end, with a default.
"""

from __future__ import annotations

import msgspec

from cutpoint.names import CutNumber, Digest, Incarnation, Life, ProcessName, Sequence, SessionName

Ranges = tuple[tuple[int, int], ...]
"""A set of message numbers as inclusive ranges, ascending and never touching: ``((1, 7), (9, 9))``."""


class OutgoingEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The sender's side of one channel in a cut, without the messages themselves.

    ``in_flight_from``: messages from this number to ``sent`` are recorded by the sender (``sent + 1``: none).
    ``opening``: the receiver had not welcomed the session inside this cut, so it may have no twin.
    ``closed``: message ``sent`` is the channel's `Close`.
    """

    session: SessionName
    receiver: ProcessName
    fifo: bool
    sent: Sequence
    acknowledged: Sequence
    in_flight_from: Sequence
    closed: bool
    opening: bool


class IncomingEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """The receiver's side of one channel in a cut, without the messages themselves.

    ``received``: handed to the application before the record. ``in_flight``: recorded by the receiver.
    ``closed``: the channel's `Close` was among ``received``.
    """

    session: SessionName
    sender: ProcessName
    fifo: bool
    received: Ranges
    in_flight: Ranges
    closed: bool


class SessionEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One session as its process recorded it: both directions, and which end this process is."""

    session: SessionName
    peer: ProcessName
    initiator: bool
    outgoing: OutgoingEvidence
    incoming: IncomingEvidence


class PackRef(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the store that holds chunks, ``bytes`` long.

    ``era``: the last cut that its writer knew as ended when it began to write, 0 at the beginning.
    """

    era: CutNumber
    digest: Digest
    bytes: int

    def name(self) -> str:
        """The object's name in every store."""
        return f"packs/{self.era:012d}/{self.digest.removeprefix('sha256:')}"


class StateSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One named state inside a part: ``bytes`` long when stored, of schema ``version``, in ``format``."""

    name: str
    kind: str
    version: int
    format: str
    bytes: int
    digest: Digest


class PartSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a process tells the coordinator of its part: everything but the bytes.

    ``object``: the digest under which the part was stored, ``bytes`` long. ``stall_seconds``: how long the
    synchronous record block held the event loop. ``in_flight_messages``: recorded by this process, both ways.
    ``boundary``: open channels whose other end has no agent; they lie outside the cut.
    ``packs``: all that the part needs, the last is ``object``; ``bytes`` is their sum, and ``fresh_bytes`` that of
    the packs which the part of cut ``base`` did not need (0: it builds on none, all are fresh).
    ``waited_seconds``: how long open turns kept this process from recording.
    """

    process: ProcessName
    life: Life
    incarnation: Incarnation
    cut: CutNumber
    sessions: tuple[SessionEvidence, ...]
    states: tuple[StateSummary, ...]
    object: Digest
    bytes: int
    in_flight_messages: int
    stall_seconds: float
    boundary: tuple[str, ...] = ()
    packs: tuple[PackRef, ...] = ()
    fresh_bytes: int = 0
    base: CutNumber = CutNumber(0)
    waited_seconds: float = 0.0
