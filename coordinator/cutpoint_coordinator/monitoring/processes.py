"""A monitor's own process, seen from the coordinator: started when it is needed, killed when it takes too long.

It gets the store's URL, the keys that reading needs and the monitor's code through its standard input, and nothing
else: no registry, no token, and for a store in a folder not even the environment. (Elsewhere the credentials for the
store are in the environment.) It is a group of processes of its own, and all of it goes when one evaluation has taken
too long, has said too much or has ended it. The next evaluation starts it anew. What a monitor has started itself
and taken out of that group is not waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping

import msgspec

from cutpoint.errors import ConfigurationError
from cutpoint.monitors.deployed import Deployed
from cutpoint.monitors.evaluation import Evaluation
from cutpoint.monitors.process import LINE_BYTES_MAX, LOAD_SECONDS, Ask, Task
from cutpoint.store import KeyRing

_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from cutpoint.monitors.process import main; main()"
_NO_ENVIRONMENT: Mapping[str, str] = {"LANG": "C.UTF-8"}


class ProcessEvaluator:
    """Asks ``deployed`` in a process of its own about recovery points in the store at ``store``."""

    def __init__(self, deployed: Deployed, *, store: str, keys: KeyRing | None) -> None:
        self._deployed = deployed
        self._task = Task(deployed=deployed, store=store, keys=_for_reading(keys), parent=os.getpid())
        self._process: asyncio.subprocess.Process | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, if there is one."""
        return None if self._process is None else self._process.pid

    async def prepare(self) -> Evaluation:
        """Start the process, if it does not run, and see whether it has loaded the monitor."""
        if self._process is not None and self._process.returncode is None:
            return Evaluation(cut=0, verdict="well")
        try:
            self._process = await self._start()
        except OSError as error:
            what = f"its process cannot be started ({error.strerror or error})"
            return Evaluation(cut=0, verdict="failed", complaint=what)
        return await self._answer(0, self._task, LOAD_SECONDS, "to load")

    async def evaluate(self, cut: int) -> Evaluation:
        """Ask about recovery point ``cut``."""
        prepared = await self.prepare()
        if prepared.verdict != "well":
            return msgspec.structs.replace(prepared, cut=cut)
        return await self._answer(cut, Ask(cut=cut), self._deployed.seconds, "for it")

    async def close(self) -> None:
        """Kill the process."""
        process, self._process = self._process, None
        transport, self._transport = self._transport, None
        if process is None or transport is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        for number in (0, 1):  # somebody else may hold the other end, and asyncio would wait for that
            if (pipe := transport.get_pipe_transport(number)) is not None:
                pipe.close()
        await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        here = os.getcwd()
        path = [os.path.join(here, entry) for entry in sys.path]
        loop = asyncio.get_running_loop()
        self._transport, protocol = await loop.subprocess_exec(
            lambda: asyncio.subprocess.SubprocessStreamProtocol(limit=LINE_BYTES_MAX, loop=loop),
            sys.executable,
            "-B",
            "-c",
            _PROGRAM,
            json.dumps(path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_NO_ENVIRONMENT if self._task.store.startswith("file:") else None,
            start_new_session=True,
        )
        return asyncio.subprocess.Process(self._transport, protocol, loop)

    async def _answer(self, cut: int, said: msgspec.Struct, seconds: float, what_for: str) -> Evaluation:
        """Say ``said`` and wait for the answer; without a good one the process goes, and why it went is the answer."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        good: Evaluation | None = None
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(msgspec.json.encode(said) + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readuntil(b"\n")
            evaluation = msgspec.json.decode(line, type=Evaluation)
            complaint = f"it answered for cut {evaluation.cut}"
            good = evaluation if evaluation.cut == cut else None
        except TimeoutError:
            complaint = f"it took more than {seconds:g} seconds {what_for}, and was killed"
        except asyncio.LimitOverrunError:
            complaint = f"its answer is longer than {LINE_BYTES_MAX} bytes; it was killed"
        except (asyncio.IncompleteReadError, ConnectionError):
            complaint = await _how_it_ended(process)
        except (msgspec.MsgspecError, UnicodeError):
            complaint = "its answer is no evaluation; it was killed"
        finally:
            if good is None:
                await self.close()
        return good or Evaluation(cut=cut, verdict="failed", complaint=complaint)


async def _how_it_ended(process: asyncio.subprocess.Process) -> str:
    try:
        async with asyncio.timeout(1.0):
            status = await process.wait()
    except TimeoutError:
        return "its process closed its standard output, and was killed"
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process ended with status {status}"


def _for_reading(keys: KeyRing | None) -> bytes | None:
    """What reading needs of ``keys``. Without a public part (HMAC) that is all of them."""
    if keys is None:
        return None
    try:
        return keys.public(sealing=True).encode()
    except ConfigurationError:
        return keys.encode()
