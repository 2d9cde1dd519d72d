"""A monitor's own process: it is given the monitor's code and where the store is, and answers for one cut at a time.

Who has started it writes one line of JSON (`Task`), and then one for each cut (`Ask`); for each line there is one in
answer, an `Evaluation`; the first says whether the monitor could be loaded (``well``). When there is nothing more to
read, it ends. It is given no address of a registry or coordinator, and of the keys no more than what reading needs.

Its limits are its own: memory, no files written, no core dumps, low priority. For time the other end has to care, and
kills it; should that one be gone, the kernel does so at once, and where it has no way, an alarm. All this protects
from faults, not from malice: the code runs as the coordinator's user, which is why bringing a monitor is an
administrator's act.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

import msgspec

from cutpoint.errors import CutpointError
from cutpoint.monitors.deployed import Deployed, load
from cutpoint.monitors.evaluation import Evaluation, evaluate, shortened
from cutpoint.monitors.monitor import Monitor
from cutpoint.monitors.stored import stored_point
from cutpoint.names import CutNumber
from cutpoint.store import Backend, KeyRing, open_backend
from cutpoint.wire.checks import one_line

NICENESS = 10
LINE_BYTES_MAX = 128 * 1024
"""No line of an answer is longer."""

LOAD_SECONDS = 60.0
"""How long the process may take to start and to load the monitor, on a machine that is busy."""

_ALARM_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the process is for. ``keys``: a ring, encoded; None: there are no keys.

    ``parent``: the process that it belongs to, and with which it ends; 0: none.
    """

    deployed: Deployed
    store: str
    keys: bytes | None = None
    parent: int = 0


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Look at recovery point ``cut``."""

    cut: int


def main() -> None:
    """Answer until there is nothing more to read."""
    asked, answers = sys.stdin.buffer, _private_stdout()
    task = msgspec.json.decode(asked.readline(), type=Task)
    _end_with(task.parent)
    _limit(task.deployed)
    signal.setitimer(signal.ITIMER_REAL, LOAD_SECONDS + _ALARM_SECONDS)
    try:
        monitor = load(task.deployed)
        keys = None if task.keys is None else KeyRing.decode(task.keys)
        backend = open_backend(task.store)
    except MemoryError:
        _answer(answers, _too_much(0, task.deployed))
        return
    except (CutpointError, SystemExit) as error:
        _answer(answers, Evaluation(cut=0, verdict="failed", complaint=shortened(one_line(error))))
        return
    signal.setitimer(signal.ITIMER_REAL, 0)
    _answer(answers, Evaluation(cut=0, verdict="well"))
    for line in asked:
        cut = msgspec.json.decode(line, type=Ask).cut
        signal.setitimer(signal.ITIMER_REAL, task.deployed.seconds + _ALARM_SECONDS)
        try:
            evaluation = _look(monitor, backend, cut, keys)
        except MemoryError:
            _answer(answers, _too_much(cut, task.deployed))
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        _answer(answers, evaluation)


def _look(monitor: Monitor, backend: Backend, cut: int, keys: KeyRing | None) -> Evaluation:
    return evaluate(monitor.check, cut, lambda: stored_point(backend, CutNumber(cut), keys))


def _too_much(cut: int, deployed: Deployed) -> Evaluation:
    what = f"it wanted more memory than the {deployed.memory_bytes} bytes that it may have"
    return Evaluation(cut=cut, verdict="failed", complaint=what)


def _answer(answers: BinaryIO, evaluation: Evaluation) -> None:
    answers.write(msgspec.json.encode(evaluation) + b"\n")
    answers.flush()


def _private_stdout() -> BinaryIO:
    """Where answers go; whatever the monitor prints goes to standard error instead."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` dies, or has died already."""
    if parent and sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _limit(deployed: Deployed) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, deployed.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # a limit that the system does not know, or that is lower
            resource.setrlimit(kind, (most, most))
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


if __name__ == "__main__":
    main()
