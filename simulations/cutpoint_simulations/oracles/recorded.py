"""A recovery point as the services' own invariants see it: states decoded, the messages that were in flight."""

from __future__ import annotations

from cutpoint.protocol.messages import Close
from cutpoint.store import Part
from cutpoint_simulations.cluster import InFlight, Recorded
from cutpoint_simulations.oracles.case import Published, contents


def recorded(point: Published) -> Recorded:
    """The recovery point with its states decoded."""
    parts = [part for _, part in sorted(point.parts.items())]
    return Recorded(
        cut=point.cut,
        states={str(part.process): contents(part) for part in parts},
        in_flight=tuple(message for part in parts for message in _under_way(part)),
    )


def _under_way(part: Part) -> list[InFlight]:
    """The messages that a part holds, both ways; the ends of channels are none."""
    found = []
    me = str(part.process)
    for record in part.sessions:
        evidence = record.evidence
        for sender, receiver, messages in (
            (str(evidence.peer), me, record.incoming_in_flight),
            (me, str(evidence.peer), record.outgoing_in_flight),
        ):
            for message in messages:
                if not isinstance(message.payload, Close):
                    found.append(
                        InFlight(sender=sender, receiver=receiver, channel=evidence.session, payload=message.payload)
                    )
    return found
