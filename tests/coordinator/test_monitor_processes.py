"""A monitor's process: whatever it leaves behind holds nobody up, and it does not outlive who has started it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cutpoint.monitors import Recorded, monitor
from cutpoint.monitors.deployed import Deployed, deploy, this_python
from cutpoint_coordinator.monitoring.processes import ProcessEvaluator
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.test_collecting import take_cuts
from tests.coordinator.test_cuts import Ask

PATIENCE_SECONDS = 60.0


class Sleeper:
    """Sleeps when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return time.sleep, (3600,)


@monitor("escaped")
def escaped(point: Recorded) -> str | None:
    ready, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.write(say, b".")
        time.sleep(3600)
    os.read(ready, 1)
    return str(child)


def lives(pid: int) -> bool:
    """Whether the process is there and is no more than an entry in a table."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_what_a_monitor_has_started_and_left_behind_is_not_waited_for(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve()
    await take_cuts(await ask(service.url), await agents("ledger", service.url), 1)
    evaluator = ProcessEvaluator(
        deploy(escaped, written_in=sys.modules[__name__]), store=service.backend.url, keys=None
    )
    child = int((await evaluator.evaluate(1)).complaint)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await evaluator.close()
        assert lives(child), "so that it is known not to have been waited for"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


async def held() -> None:
    """Ask a monitor that never ends; say which process that is."""
    deployed = Deployed(name="sleeper", code=pickle.dumps(Sleeper()), python=this_python())
    evaluator = ProcessEvaluator(deployed, store="memory://", keys=None)
    asked = asyncio.create_task(evaluator.prepare())
    while evaluator.pid is None:
        await asyncio.sleep(0.01)
    sys.stdout.write(f"{evaluator.pid}\n")
    sys.stdout.flush()
    await asked


def test_a_monitor_that_never_ends_ends_with_a_coordinator_that_is_killed() -> None:
    holder = subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    try:
        assert lives(pid)
        holder.kill()
        holder.wait(PATIENCE_SECONDS)
        until = time.monotonic() + PATIENCE_SECONDS
        while lives(pid) and time.monotonic() < until:
            time.sleep(0.02)
        assert not lives(pid)
    finally:
        holder.stdout.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(held())
