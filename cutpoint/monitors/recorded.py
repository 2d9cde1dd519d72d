"""What a monitor, or an invariant in the simulator, is given: a recovery point with its states and what was in flight.

It is the whole cut at one moment, messages under way included: "the money in all accounts plus all payments under way
is what it was at the beginning". Nothing here reads a store; see `cutpoint.monitors.stored` for one that does.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cutpoint.names import ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.messages import Close, SessionRecord


@dataclasses.dataclass(frozen=True, kw_only=True)
class InFlight:
    """A message that a recovery point holds: sent, and not yet received. ``channel``: the session's name."""

    sender: str
    receiver: str
    channel: str
    payload: str | bytes

    def json(self) -> Any:
        """The payload, decoded from JSON. Raises `ValueError` if it is none."""
        return json.loads(self.payload)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """A recovery point. ``states``: by process, then by the state's name; ``in_flight``: by channel, in order.

    A table is a mapping. ``created``: when it was published (RFC 3339, UTC), empty where time is simulated;
    ``incarnation``: the life of the computation that it belongs to, 0: not told. ``certificate``: the evidence that
    the cut is consistent. ``boundary``: the open channels that lie outside it.
    """

    cut: int
    states: Mapping[str, Mapping[str, Any]]
    in_flight: Sequence[InFlight]
    created: str = ""
    incarnation: int = 0
    certificate: Certificate | None = None
    boundary: tuple[str, ...] = ()


def under_way(process: ProcessName, sessions: Iterable[SessionRecord]) -> Iterator[InFlight]:
    """The messages that the part of ``process`` holds, both ways; the ends of channels are none."""
    for record in sessions:
        evidence = record.evidence
        for sender, receiver, messages in (
            (evidence.peer, process, record.incoming_in_flight),
            (process, evidence.peer, record.outgoing_in_flight),
        ):
            for message in messages:
                if not isinstance(message.payload, Close):
                    yield InFlight(
                        sender=str(sender),
                        receiver=str(receiver),
                        channel=str(evidence.session),
                        payload=message.payload,
                    )
