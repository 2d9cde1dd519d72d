"""What happened in one simulated run, as a value: recorded, hashed, told in words and drawn as a space-time diagram.

Both layers of the simulator (`cutpoint_simulations.world` and the Loop) write the same `Trace`; nothing here knows
which of them ran, and nothing here runs anything.
"""

from cutpoint_simulations.trace.model import Entry, Kind, Recorder, Trace, Unit, trace_hash

__all__ = ["Entry", "Kind", "Recorder", "Trace", "Unit", "trace_hash"]
