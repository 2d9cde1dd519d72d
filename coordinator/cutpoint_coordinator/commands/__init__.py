"""The commands that this package contributes to ``cutpoint``, one module each; see `cutpoint.command_group`.

What a command needs beyond the command line itself is imported when it runs, so that ``cutpoint cut`` starts fast.
"""

from __future__ import annotations

from cutpoint_coordinator.commands.collect_points import collect
from cutpoint_coordinator.commands.compare_points import diff
from cutpoint_coordinator.commands.examine_everything import doctor
from cutpoint_coordinator.commands.export_point import export
from cutpoint_coordinator.commands.history_of_cuts import history
from cutpoint_coordinator.commands.import_point import import_
from cutpoint_coordinator.commands.list_points import points
from cutpoint_coordinator.commands.manage_keys import keys
from cutpoint_coordinator.commands.manage_monitors import monitors
from cutpoint_coordinator.commands.manage_policy import policy
from cutpoint_coordinator.commands.manage_tokens import tokens
from cutpoint_coordinator.commands.manage_webhooks import webhooks
from cutpoint_coordinator.commands.mark_point import label, pin, unlabel, unpin
from cutpoint_coordinator.commands.query_point import query
from cutpoint_coordinator.commands.recover_computation import recover
from cutpoint_coordinator.commands.release_process import release
from cutpoint_coordinator.commands.replicate_store import replicate
from cutpoint_coordinator.commands.run_coordinator import coordinator
from cutpoint_coordinator.commands.show_audit import audit
from cutpoint_coordinator.commands.show_point import show
from cutpoint_coordinator.commands.show_topology import topology
from cutpoint_coordinator.commands.take_cut import cut
from cutpoint_coordinator.commands.verify_points import verify

__all__ = [
    "audit",
    "collect",
    "coordinator",
    "cut",
    "diff",
    "doctor",
    "export",
    "history",
    "import_",
    "keys",
    "label",
    "monitors",
    "pin",
    "points",
    "policy",
    "query",
    "recover",
    "release",
    "replicate",
    "show",
    "tokens",
    "topology",
    "unlabel",
    "unpin",
    "verify",
    "webhooks",
]
