"""What a user needs to test their own services in the simulator: import from here.

`ClusterMachine` lets Hypothesis choose; the pytest plugin gives the fixture ``cluster``, one simulated cluster for each
seed (see `cutpoint_simulations.pytest_plugin`); `cutpoint_simulations.kit.strategies` has strategies for everything
that is chosen.
"""

from __future__ import annotations

from cutpoint_simulations.cluster import Cluster, InFlight, Recorded
from cutpoint_simulations.kit.failure import SimulationFailed
from cutpoint_simulations.kit.machine import ClusterMachine
from cutpoint_simulations.runs import Scenario, Trial

__all__ = ["Cluster", "ClusterMachine", "InFlight", "Recorded", "Scenario", "SimulationFailed", "Trial"]
