"""The order of sets of strings, which is another one in every process unless it is fixed before Python starts."""

from __future__ import annotations

import os
import sys

import click

from cutpoint.command_group import Invocation

_OPTION = "cutpoint_string_hashes"


def fix_string_hashes() -> None:
    """Start this very command again with PYTHONHASHSEED=0, unless that stands already; returns if so.

    Only where the command line is the process's own. Processes that it starts inherit it.
    """
    invocation = click.get_current_context().find_object(Invocation)
    fixed = not sys.flags.hash_randomization or _OPTION in sys._xoptions
    if fixed or invocation is None or not invocation.own_process or not sys.executable:
        return
    os.putenv("PYTHONHASHSEED", "0")
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-X", _OPTION, *sys.orig_argv[1:]])
