"""The evidence that a cut is consistent, as it is stored with the recovery point, and what a complaint says.

Values only: `cutpoint.protocol.consistency` draws them up and checks them again.
"""

from __future__ import annotations

import msgspec

from cutpoint.names import ChannelName, CutNumber, Digest, Incarnation, ProcessName, Sequence, SessionName


class ChannelCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """One channel: ``received + in_flight_by_receiver + in_flight_by_sender == sent``, every number once.

    ``recorded_by`` are the processes whose parts hold evidence of it: both ends, or one where the other end
    demonstrably has nothing to add. ``closed``: message ``sent`` is the channel's `Close`.
    """

    channel: ChannelName
    session: SessionName
    sender: ProcessName
    receiver: ProcessName
    fifo: bool
    sent: Sequence
    received: int
    in_flight_by_receiver: int
    in_flight_by_sender: int
    recorded_by: tuple[ProcessName, ...]
    closed: bool

    @property
    def in_flight(self) -> int:
        """How many messages of this channel the cut holds."""
        return self.in_flight_by_receiver + self.in_flight_by_sender


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """The whole cut: who took part, under which digest each part lies, and every channel. Anyone can check it.

    ``released`` are processes that had left: channels to them need one half only. ``channels`` ascend by name.
    """

    computation: str
    cut: CutNumber
    incarnation: Incarnation
    members: tuple[ProcessName, ...]
    released: tuple[ProcessName, ...]
    parts: dict[ProcessName, Digest]
    channels: tuple[ChannelCertificate, ...]
    in_flight: int


class Violation(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Why a cut is not consistent. ``channel`` or ``process`` may be empty; ``complaint`` gives the numbers."""

    channel: str
    process: str
    complaint: str
