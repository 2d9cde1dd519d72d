"""A coordinator as an OS process of its own, for as long as a measurement takes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cutpoint_simulations.flights.children import PythonChild

DEADLINE_SECONDS = 120
START_SECONDS = 30.0


@contextmanager
def coordinator(folder: Path) -> Iterator[str]:
    """The URL of a coordinator whose registry and store are in ``folder``. It ends with this process at the latest.

    It has an ordinary process's share of the machine if it is started before `become_urgent`.
    """
    arguments = ["-m", "cutpoint", "coordinator", "--listen", "127.0.0.1:0", "--deadline", str(DEADLINE_SECONDS)]
    arguments += ["--registry", str(folder / "registry"), "--store", str(folder / "store")]
    child = PythonChild(name="coordinator", kind="coordinator", arguments=arguments, log=folder / "coordinator.log")
    child.start()
    try:
        yield _url(child)
    finally:
        child.kill()


def _url(child: PythonChild) -> str:
    deadline = time.monotonic() + START_SECONDS
    while not (found := re.search(r"listening on (\S+),", child.log.read_text())):
        assert child.alive(), child.log.read_text()
        assert time.monotonic() < deadline, child.log.read_text()
        time.sleep(0.05)
    return found[1]


def become_urgent() -> bool:
    """Let this process go before all ordinary ones, if that is allowed. Whoever started it must be able to kill it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except (AttributeError, OSError):
        return False
    return True
