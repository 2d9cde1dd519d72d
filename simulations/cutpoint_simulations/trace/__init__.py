"""What happened in one simulated run, as a value: recorded, hashed, told in words and drawn as a space-time diagram.

Both layers of the simulator (`cutpoint_simulations.world` and the Loop) write the same `Trace`; nothing here knows
which of them ran, and nothing here runs anything.
"""

from cutpoint_simulations.trace.cuts import Crossings, Cut, Message, read_crossings
from cutpoint_simulations.trace.diagram import write_diagram
from cutpoint_simulations.trace.model import Entry, Kind, Recorder, Trace, Unit, trace_hash
from cutpoint_simulations.trace.page import draw_html
from cutpoint_simulations.trace.svg import draw_svg
from cutpoint_simulations.trace.words import tell

__all__ = [
    "Crossings",
    "Cut",
    "Entry",
    "Kind",
    "Message",
    "Recorder",
    "Trace",
    "Unit",
    "draw_html",
    "draw_svg",
    "read_crossings",
    "tell",
    "trace_hash",
    "write_diagram",
]
