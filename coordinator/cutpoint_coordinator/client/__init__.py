"""Asking a coordinator from Python: `CoordinatorClient` on an event loop, `BlockingClient` in scripts and notebooks.

Needs nothing but what a service has installed that wraps its channels.
"""

from cutpoint_coordinator.client.asking import Declined
from cutpoint_coordinator.client.blocking import BlockingClient
from cutpoint_coordinator.client.coordinator_client import CoordinatorClient
from cutpoint_coordinator.client.events import Event

__all__ = ["BlockingClient", "CoordinatorClient", "Declined", "Event"]
