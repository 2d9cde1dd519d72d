"""Everything that may go wrong in a simulated cluster, as values that are drawn, applied, healed, stored and shrunk.

    plan = draw(random.Random(7), Places.of(cluster), seconds=5.0)
    injection = apply(plan, cluster)
    simulation.run(until=5.0)
    injection.heal()

A `Fault` says what, where, when, for how long and how much. Its kind is an entry of a table (`table.KINDS`). Whoever
has a new kind writes a module like `clocks`: a function that draws one, a function that begins it and returns what
ends it, and a `Kind` that names both; and adds its ``KINDS`` to the table. Drawing, healing, counting, telling,
shrinking and the command line's ``--faults`` know it then.
"""

from __future__ import annotations

from cutpoint_simulations.faults.drawing import draw
from cutpoint_simulations.faults.fault import End, Fault, Kind, Places, Plan
from cutpoint_simulations.faults.injection import Injection, apply, tell
from cutpoint_simulations.faults.table import KINDS, find_kinds

__all__ = ["KINDS", "End", "Fault", "Injection", "Kind", "Places", "Plan", "apply", "draw", "find_kinds", "tell"]
