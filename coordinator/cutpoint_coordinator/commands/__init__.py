"""The commands that this package contributes to ``cutpoint``, one module each; see `cutpoint.command_group`.

What a command needs beyond the command line itself is imported when it runs, so that ``cutpoint cut`` starts fast.
"""

from __future__ import annotations

from cutpoint_coordinator.commands.list_points import points
from cutpoint_coordinator.commands.manage_keys import keys
from cutpoint_coordinator.commands.recover_computation import recover
from cutpoint_coordinator.commands.release_process import release
from cutpoint_coordinator.commands.run_coordinator import coordinator
from cutpoint_coordinator.commands.show_point import show
from cutpoint_coordinator.commands.show_topology import topology
from cutpoint_coordinator.commands.take_cut import cut
from cutpoint_coordinator.commands.verify_points import verify

__all__ = ["coordinator", "cut", "keys", "points", "recover", "release", "show", "topology", "verify"]
