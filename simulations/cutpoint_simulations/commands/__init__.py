"""The commands that this package contributes to ``cutpoint``, one module each; see `cutpoint.command_group`.

What a command needs beyond the command line itself is imported when it runs. That all of it is there is seen to when
the command is looked for: only then it is told by the name of the extra that is missing.
"""

from __future__ import annotations

from cutpoint_simulations.extra import require_extra

require_extra()
