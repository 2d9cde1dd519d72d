"""What really happened in a run on the Loop: watched at the cores of real agents, kept as timelines, told as a trace.

    chronicle = Chronicle()
    with Simulation(seed) as simulation, Watch(chronicle.hear) as watch:
        ...

`Watch` tells observations, `Chronicle` makes of them what counts, `Tracing` a `Trace`. Nothing is judged here: see
`cutpoint_simulations.oracles`.
"""

from __future__ import annotations

from cutpoint_simulations.chronicle.chronicle import Chronicle
from cutpoint_simulations.chronicle.observations import Observation
from cutpoint_simulations.chronicle.timeline import Line, Record, Timeline
from cutpoint_simulations.chronicle.tracing import Tracing
from cutpoint_simulations.chronicle.watch import Watch

__all__ = ["Chronicle", "Line", "Observation", "Record", "Timeline", "Tracing", "Watch"]
