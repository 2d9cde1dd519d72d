"""A coordinator dies between the manifest and the registry: what is durable counts, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cutpoint.errors import CutpointError
from cutpoint.store import list_manifests, open_backend
from cutpoint.testing.loopback_server import free_ports
from cutpoint_coordinator.client import CoordinatorClient
from tests.agents.rig import until
from tests.coordinator.test_command_line import Coordinator
from tests.integration.fleet import Fleet

Start = Callable[..., Coordinator]
KILLED = str(Path(__file__).with_name("killed_coordinator.py"))


async def test_a_coordinator_killed_between_manifest_and_registry_is_followed_by_one_that_publishes_the_cut(
    coordinators: Start, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    flags = ("--listen", f"127.0.0.1:{port}", "--registry", "registry", "--store", "store")
    first = await coordinators(*flags, program=(KILLED, "2")).ready()
    async with CoordinatorClient(first.url) as client, Fleet(first.url, last=1500).running() as fleet:
        fleet.journal.write(30)
        assert (await client.cut()).cut == 1
        fleet.journal.write(30)
        with pytest.raises(CutpointError):
            await client.cut()
        assert await asyncio.to_thread(first.process.wait, 10) == -signal.SIGKILL
        assert list_manifests(open_backend(str(tmp_path / "store"))) == (1, 2)
        fleet.journal.write(30)

        second = await coordinators(*flags).ready()
        agents = (fleet.till.agent, fleet.vault.agent, fleet.journal.agent)
        await until(lambda: all(agent.statistics().connected for agent in agents), 20)
        assert [(p.cut, p.parent) for p in (await client.points()).points] == [(1, 0), (2, 1)]
        answer = await client.cut()
        assert (answer.cut, answer.state, answer.point and answer.point.parent) == (3, "published", 2)
        fleet.journal.check(90)
        recovery = await client.recover(2)
        assert recovery.state == "done"
        await fleet.journal.until_back(recovery.incarnation)
        fleet.journal.check(60)
        fleet.till.pause = 0.0
        await fleet.check_end()
        assert (await client.verify()).sound
        assert second.stop() == 0
