"""Who runs a command, for what is kept of it."""

from __future__ import annotations

import getpass
import socket


def this_user() -> str:
    """This user, at this machine: ``ada@build-3``."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):
        return socket.gethostname() or "unknown"
