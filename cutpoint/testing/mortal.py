"""A command line whose process is killed by the kernel when whoever started it dies, so that nothing is left behind.

The command is put behind a short Python program that says so to the kernel and then becomes the command: same process
id, same files. Not a `preexec_fn`: between fork and exec no Python code may run where other threads do (gRPC's, for
one), or the child waits for ever for a lock that nobody holds any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

_BECOME = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
if os.getppid() != int(sys.argv[1]):
    os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def mortal(command: Sequence[str]) -> list[str]:
    """``command``, its program a path, to be started by the calling thread; it dies with that thread.

    Only Linux has a way. Elsewhere it is the command itself.
    """
    if not sys.platform.startswith("linux"):
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), *command]
