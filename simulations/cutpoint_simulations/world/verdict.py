"""What became of a run, as a value: clean, or the check that failed, with the complaint."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from cutpoint_simulations.world.healing import NoProgress
from cutpoint_simulations.world.oracle import Violation

PROGRESS, INVARIANT, ERROR = "progress", "invariant", "error"
"""The checks beside `CHECKS`: nothing comes to rest or is published, a core's assertion fails, it raises otherwise."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """``check``: one of `CHECKS`, or ``progress``, ``invariant``, ``error``; empty if all is well."""

    check: str = ""
    complaint: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is anything to complain of."""
        return bool(self.check)

    def __str__(self) -> str:
        return self.complaint or "all is well"


def of(run: Callable[[], object]) -> Verdict:
    """Run it, and say what became of it. Whatever it raises is the finding."""
    try:
        run()
    except Violation as violation:
        return Verdict(check=violation.check, complaint=str(violation))
    except NoProgress as standstill:
        return Verdict(check=PROGRESS, complaint=f"progress: {standstill}")
    except AssertionError as failure:
        return Verdict(check=INVARIANT, complaint=f"invariant: {failure}")
    except Exception as failure:
        return Verdict(check=ERROR, complaint=f"error: {type(failure).__name__}: {failure}")
    return Verdict()
