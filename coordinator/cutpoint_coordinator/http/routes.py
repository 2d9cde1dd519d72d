"""All routes of the API but the agents'. A resource that is added is listed here, and nowhere else."""

from __future__ import annotations

import threading

from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.cuts import Cuts
from cutpoint_coordinator.http.health import Health
from cutpoint_coordinator.http.keeping import Keeping
from cutpoint_coordinator.http.points import Points
from cutpoint_coordinator.http.recoveries import Recoveries
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.http.topology import Topology


def all_routes(context: Context, stop: threading.Event) -> tuple[Route, ...]:
    """Every route; ``stop`` calls off what they run on threads."""
    return (
        *Health(context).routes(),
        *Cuts(context).routes(),
        *Points(context, stop).routes(),
        *Keeping(context).routes(),
        *Recoveries(context).routes(),
        *Topology(context).routes(),
    )
