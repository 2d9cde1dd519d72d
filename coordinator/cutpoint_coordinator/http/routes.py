"""All routes of the API. A resource that is added is listed here, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cutpoint_coordinator.faults import Handler
from cutpoint_coordinator.http.audit import AuditLog
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.cuts import Cuts
from cutpoint_coordinator.http.described import Described
from cutpoint_coordinator.http.events import Events
from cutpoint_coordinator.http.figures import Figures
from cutpoint_coordinator.http.health import Health
from cutpoint_coordinator.http.history import CutHistory
from cutpoint_coordinator.http.holdups import HoldUps
from cutpoint_coordinator.http.keeping import Keeping
from cutpoint_coordinator.http.monitors import Monitors
from cutpoint_coordinator.http.points import Points
from cutpoint_coordinator.http.policy import Policies
from cutpoint_coordinator.http.recoveries import Recoveries
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.http.tokens import Tokens
from cutpoint_coordinator.http.topology import Topology
from cutpoint_coordinator.http.webhooks import Webhooks


def all_routes(
    context: Context, stop: threading.Event, agents: Handler, document: Callable[[], dict[str, Any]]
) -> tuple[Route, ...]:
    """Every route. ``stop`` calls off what they run on threads; ``agents`` carries the connections of agents."""
    return (
        *Health(context).routes(),
        *Cuts(context).routes(),
        *CutHistory(context).routes(),
        *Points(context, stop).routes(),
        *Keeping(context).routes(),
        *Recoveries(context).routes(),
        *Monitors(context).routes(),
        *Webhooks(context).routes(),
        *Topology(context).routes(),
        *Tokens(context).routes(),
        *AuditLog(context).routes(),
        *Events(context).routes(),
        *HoldUps(context).routes(),
        *Policies(context).routes(),
        *Described(document).routes(),
        *Figures(context).routes(),
        Route(
            method="GET",
            path="/v1/agents",
            operation="",
            handler=agents,
            about="the WebSocket of the agents; nobody else uses it",
            answers={101: None},
            faults=("bad_request",),
            leads=False,
        ),
    )
