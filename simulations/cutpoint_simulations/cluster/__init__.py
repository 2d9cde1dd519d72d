"""Whole computations on simulated hosts: real services, agents, coordinators; a registry and a store that may fail."""

from __future__ import annotations

from cutpoint_simulations.cluster.cluster import RESTART_SECONDS, SERVICE_PORT, STORE, Cluster, Declare, settings
from cutpoint_simulations.cluster.invariants import Check, InFlight, Recorded
from cutpoint_simulations.cluster.registry import SharedRegistry
from cutpoint_simulations.cluster.upkeep import REPLICA

__all__ = [
    "REPLICA",
    "RESTART_SECONDS",
    "SERVICE_PORT",
    "STORE",
    "Check",
    "Cluster",
    "Declare",
    "InFlight",
    "Recorded",
    "SharedRegistry",
    "settings",
]
