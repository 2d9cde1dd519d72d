"""A recovery point as the services' own invariants see it: states decoded, the messages that were in flight."""

from __future__ import annotations

from cutpoint.monitors import Recorded
from cutpoint.monitors.recorded import under_way
from cutpoint_simulations.oracles.case import Published, contents


def recorded(point: Published) -> Recorded:
    """The recovery point with its states decoded."""
    parts = [part for _, part in sorted(point.parts.items())]
    return Recorded(
        cut=point.cut,
        states={str(part.process): contents(part) for part in parts},
        in_flight=tuple(message for part in parts for message in under_way(part.process, part.sessions)),
        incarnation=int(point.point.incarnation),
    )
