"""The command ``cutpoint``: every way in which it can end, as an exit status and at most one line on stderr.

::

    0     done
    1     it could not be done; the line says what happened, whether anything was lost and what to do next
    2     the command line is wrong, or an extra that it needs is not installed; nothing was started
    130   interrupted

The commands themselves are elsewhere (`cutpoint.command_group`). This module needs the base dependencies only, so
that the error about a missing extra can be told without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import metadata

from cutpoint.errors import CutpointError
from cutpoint.installing import how_to_install

DONE = 0
FAILED = 1
MISUSED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``cutpoint`` with ``arguments`` (by default the process's own) and return its exit status."""
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments, own_process=arguments is None)
        sys.stdout.flush()
    except CutpointError as error:
        return complain(str(error), FAILED)
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Who read our output has gone (`cutpoint points | head`). What Python flushes at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _run(arguments: Sequence[str], *, own_process: bool) -> int:
    if list(arguments) == ["--version"]:
        print(f"cutpoint {metadata.version('cutpoint')}")
        return DONE
    try:
        from cutpoint.command_group import Invocation, run
    except ModuleNotFoundError as missing:
        if missing.name != "click":
            raise
        return complain(f"the command line needs an extra: {how_to_install(_extra(arguments))}", MISUSED)
    return run(arguments, complain, Invocation(own_process=own_process))


def _extra(arguments: Sequence[str]) -> str:
    """The extra of the command that is asked for, or the smallest with a command line."""
    asked_for = metadata.entry_points(group="cutpoint.commands", name=next(iter(arguments), ""))
    return next((extra for command in asked_for for extra in command.extras), "coordinator")


def complain(message: str, status: int) -> int:
    """Print ``message`` as one line on stderr, and return ``status``."""
    print("cutpoint: error:", " ".join(message.split()), file=sys.stderr)
    return status
