"""What a user needs to test their own services in the simulator: import from here.

* `ClusterMachine`: Hypothesis lets time pass, lets things fail, asks your services, and shrinks what breaks them;
* `check`: one run that has to be sound, with what `strategies` or you have chosen;
* the pytest plugin's fixture ``simulated``: one run for each seed (see `cutpoint_simulations.pytest_plugin`).

Services are declared on a `Cluster`; what must hold of them is a function of a `Recorded` recovery point.
"""

from __future__ import annotations

from cutpoint_simulations.cluster import Cluster, InFlight, Recorded
from cutpoint_simulations.faults import Fault, Places, Plan
from cutpoint_simulations.kit.checking import check
from cutpoint_simulations.kit.failure import SimulationFailed
from cutpoint_simulations.kit.machine import ClusterMachine
from cutpoint_simulations.kit.strategies import (
    faults,
    schedules,
    seeds,
    single_faults,
    topologies,
    traffic,
    weathers,
    workloads,
)
from cutpoint_simulations.kit.traffic import Send, Traffic, Workload
from cutpoint_simulations.loop import Weather
from cutpoint_simulations.runs import Outcome, Scenario, Trial, run
from cutpoint_simulations.world.topology import Edge, Topology

__all__ = [
    "Cluster",
    "ClusterMachine",
    "Edge",
    "Fault",
    "InFlight",
    "Outcome",
    "Places",
    "Plan",
    "Recorded",
    "Scenario",
    "Send",
    "SimulationFailed",
    "Topology",
    "Traffic",
    "Trial",
    "Weather",
    "Workload",
    "check",
    "faults",
    "run",
    "schedules",
    "seeds",
    "single_faults",
    "topologies",
    "traffic",
    "weathers",
    "workloads",
]
