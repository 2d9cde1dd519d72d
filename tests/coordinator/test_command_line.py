"""Coordinators as processes of the operating system: the commands, kill -9 in mid-cut, an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import Abandon
from cutpoint.store import list_manifests, open_backend, read_manifest
from cutpoint.testing.etcd_server import EtcdServer, free_ports
from tests.coordinator.conftest import Agents
from tests.coordinator.scripted import Scripted
from tests.docs.documented import environment

READY = re.compile(r"coordinator: leading, listening on (http://127\.0\.0\.1:\d+), registry (\S+), store (\S+)\n")

Run = Callable[..., Awaitable[tuple[int, str, str]]]


class Coordinator:
    """``cutpoint coordinator`` as a process. ``program``: what stands for ``cutpoint``, for Python."""

    def __init__(self, folder: Path, *arguments: str, program: tuple[str, ...] = ("-m", "cutpoint")) -> None:
        self.log = (folder / "coordinator.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, *program, "coordinator", *arguments],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.url = ""

    async def ready(self) -> Coordinator:
        """Wait for the line that says that it leads."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 20)
        found = READY.fullmatch(line)
        assert found is not None, line
        self.url = found[1]
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        status = self.process.wait(20)
        self.log.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def coordinators(tmp_path: Path) -> Iterator[Callable[..., Coordinator]]:
    """Starts coordinators; none survives the test."""
    started: list[Coordinator] = []

    def start(*arguments: str) -> Coordinator:
        started.append(Coordinator(tmp_path, *arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.stop(signal.SIGKILL)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run one command to its end, while the test's own processes go on."""

    async def command(*arguments: str, **extra: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cutpoint",
            *arguments,
            cwd=tmp_path,
            env=environment() | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, out.decode(), err.decode()

    return command


def told(err: str) -> str:
    assert err.startswith("cutpoint: error: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("registry", ["embedded", "etcd"])
async def test_a_coordinator_killed_in_mid_cut_is_followed_by_one_that_abandons_it_and_counts_on(
    registry: str, coordinators: Callable[..., Coordinator], run: Run, agents: Agents, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    with EtcdServer(tmp_path / "etcd") if registry == "etcd" else contextlib.nullcontext() as etcd:
        flags = ["--listen", f"127.0.0.1:{port}", *(["--registry", etcd.url] if etcd is not None else [])]
        first = await coordinators(*flags).ready()
        till, ledger = await agents("till", first.url), await agents("ledger", first.url)
        url = {"CUTPOINT_COORDINATOR": first.url}
        status, out, err = await run("cut", **url)
        assert (status, err) == (0, "")
        assert re.fullmatch(r"cut 1 is published: 2 processes, 0 messages in flight, .*\n", out)
        ledger.hold_parts = True
        status, out, _ = await run("cut", "--no-wait", "--json", **url)
        assert (status, json.loads(out)["cut"], json.loads(out)["state"]) == (0, 2, "open")
        await ledger.until(lambda: bool(ledger.held))

        first.stop(signal.SIGKILL)
        second = await coordinators(*flags).ready()
        for agent in (till, ledger):
            agent.hold_parts = False
            await agent.vanish()
            await agent.connect(second.url)
        await ledger.until(lambda: _abandoned(ledger) == [2])

        status, out, err = await run("cut", "--json", **url)
        assert (status, json.loads(out)["cut"], json.loads(out)["state"]) == (0, 3, "published")
        status, out, err = await run("points", "--json", **url)
        assert (status, err) == (0, "")
        assert [(p["cut"], p["parent"]) for p in json.loads(out)["points"]] == [(1, 0), (3, 1)]
        assert second.stop() == 0


def _abandoned(agent: Scripted) -> list[CutNumber]:
    return [message.cut for message in agent.heard if isinstance(message, Abandon)]


async def test_the_commands_say_what_is_there_and_what_is_wrong(
    coordinators: Callable[..., Coordinator], run: Run, agents: Agents, tmp_path: Path
) -> None:
    coordinator = await coordinators("--listen", "127.0.0.1:0", "--deadline", "1").ready()
    url = {"CUTPOINT_COORDINATOR": coordinator.url}
    assert (await run("points", **url))[:2] == (0, "There are no recovery points yet; `cutpoint cut` takes one.\n")
    status, out, err = await run("cut", **url)
    assert (status, out) == (1, "")
    assert "no process has joined yet" in told(err)
    till, ledger = await agents("till", coordinator.url), await agents("ledger", coordinator.url)
    till.wire(ledger)
    await asyncio.sleep(0.05)
    till.send("one")
    assert (await run("cut", **url))[0] == 0

    for command, expected in (
        ("show 1", "till->ledger:orders   fifo       1          0             1           0"),
        ("verify", "sound"),
        ("topology", "ledger    member   connected    running"),
        ("recover --dry-run", "A recovery would go to recovery point 1, as incarnation 2"),
        ("verify --store cutpoint-data/store", "sound"),
        ("show 1 --store cutpoint-data/store", "Recovery point 1 of computation default, the first"),
    ):
        status, out, err = await run(*command.split(), **url)
        assert (status, err) == (0, ""), command
        assert expected in out, (command, out)
    ledger.hold_parts = True
    status, out, err = await run("cut", "--json", **url)
    assert (status, json.loads(out)["state"]) == (1, "abandoned")
    assert "cut 2 was abandoned: its deadline of 1 s passed; waiting for ledger: its part is being stored" in told(err)
    status, out, err = await run("show", "2", **url)
    assert (status, out) == (1, "")
    assert "cut 2 was abandoned" in told(err)

    backend = open_backend(str(tmp_path / "cutpoint-data" / "store"))
    assert list_manifests(backend) == (1,)
    pack = read_manifest(backend, CutNumber(1)).parts[0].packs[-1]
    path = tmp_path / "cutpoint-data" / "store" / pack.name()
    path.write_bytes(b"")
    for where in ((), ("--store", "cutpoint-data/store")):
        status, out, err = await run("verify", "--json", *where, **url)
        assert (status, json.loads(out)["sound"]) == (1, False)
        assert "1 recovery point of 1 cannot be restored; cut 1: object packs/" in told(err)
    assert coordinator.stop(signal.SIGINT) == 0


async def test_a_process_that_will_not_come_back_is_released_by_a_command(
    coordinators: Callable[..., Coordinator], run: Run, agents: Agents
) -> None:
    coordinator = await coordinators("--listen", "127.0.0.1:0").ready()
    url = {"CUTPOINT_COORDINATOR": coordinator.url}
    await agents("ledger", coordinator.url)
    stray = await agents("ledgre", coordinator.url)
    status, out, err = await run("release", "ledgre", **url)
    assert (status, out) == (1, "")
    assert "ledgre is connected; nothing was changed; stop it first" in told(err)
    await stray.vanish()
    status, out, err = await run("cut", **url)
    assert (status, out) == (1, "")
    assert "ledgre is not connected; start it again, or `cutpoint release ledgre` if it will not come back" in told(err)
    status, out, err = await run("recover", "0", **url)
    assert (status, out) == (1, "")
    assert "a recovery to the beginning would stop everybody and wait: ledgre is not connected; nothing was chan" in err
    assert json.loads((await run("topology", "--json", **url))[1])["recovery"] is None
    assert await run("release", "ledgre", **url) == (
        0,
        "ledgre is released: no cut and no recovery waits for it any more, and what was on its way to it is given up; "
        "if it joins again it is admitted as new and starts empty\n",
        "",
    )
    assert (await run("cut", **url))[0] == 0
    status, out, _ = await run("release", "ledgre", "--json", **url)
    assert (status, json.loads(out)) == (0, {"process": "ledgre", "state": "released"})
    status, out, err = await run("release", "nobody", **url)
    assert (status, out) == (1, "")
    assert "there is no process nobody; nothing was changed; take one of those that there are: ledger, ledgre" in err


async def test_two_coordinators_of_one_folder_take_turns_and_the_second_leads_at_once(
    coordinators: Callable[..., Coordinator], agents: Agents, run: Run
) -> None:
    first = await coordinators("--listen", "127.0.0.1:0").ready()
    second = coordinators("--listen", "127.0.0.1:0")
    await agents("ledger", first.url)
    assert (await run("cut", CUTPOINT_COORDINATOR=first.url))[0] == 0
    assert first.stop() == 0
    await second.ready()
    status, out, _ = await run("points", "--json", CUTPOINT_COORDINATOR=second.url)
    assert (status, [point["cut"] for point in json.loads(out)["points"]]) == (0, [1])
    assert second.stop() == 0
