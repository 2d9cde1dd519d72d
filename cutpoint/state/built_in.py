"""The names of the states that an agent keeps for every service and that others read too.

No state of a service can have such a name. What they hold is told where they are recorded, in `cutpoint_agents`.
"""

from __future__ import annotations

BUILT_IN_SIGN = "@"
"""The first character of the name of every built-in state, and of no other's."""

TIMERS_STATE = "@timers"
"""The timers that are set: ``[name, arguments, due]`` for each. Not there if none is."""

WAITS_STATE = "@waits"
"""What is waited for: ``[process, channel, turn of, seconds, why, where]`` for each. Not there if nothing is."""
