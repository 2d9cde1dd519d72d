"""A deterministic asyncio event loop for whole computations: real services, agents and coordinators on virtual time.

    with Simulation(seed=7) as simulation:
        server = simulation.host("server", serve)
        server.start()
        simulation.run(until=10.0)

`Simulation` holds the hosts and runs them; `Host` can be killed, paused and started again; `Network` can hold, slow and
break what is between them. asyncio's own tasks, transports and servers run unchanged on simulated sockets, files and
threads. What cannot be simulated is refused with the line that asked: see `cutpoint_simulations.refusal`.
"""

from __future__ import annotations

from cutpoint_simulations.loop.host import Host, HostExit, Unhandled
from cutpoint_simulations.loop.network import Link, Network, Weather
from cutpoint_simulations.loop.simulation import Simulation, Statistics

__all__ = ["Host", "HostExit", "Link", "Network", "Simulation", "Statistics", "Unhandled", "Weather"]
