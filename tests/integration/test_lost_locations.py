"""The first location is gone: everything is brought back from the replica, exactly."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cutpoint.command import main
from cutpoint.store import list_manifests, open_backend
from cutpoint.testing.loopback_server import free_ports
from cutpoint_coordinator.client import CoordinatorClient
from tests.coordinator.test_command_line import Coordinator
from tests.integration.fleet import Fleet, living
from tests.integration.journal import Journal

Start = Callable[..., Coordinator]


def flags(port: int, store: str, *more: str) -> tuple[str, ...]:
    return ("--listen", f"127.0.0.1:{port}", "--registry", "registry", "--store", store, *more)


async def in_step(client: CoordinatorClient, points: int) -> None:
    """Wait until the replica has all of them."""
    async with asyncio.timeout(20):
        while True:
            topology = await client.topology()
            assert topology.replica is not None
            if len((await client.points()).points) == points and topology.replica.lag_points == 0:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("registry", ["kept", "lost"])
async def test_when_the_first_location_is_gone_everything_comes_back_from_the_replica(
    registry: str, coordinators: Start, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    first = await coordinators(*flags(port, "first", "--replica", "second")).ready()
    async with CoordinatorClient(first.url) as client, Fleet(first.url, last=600).running() as fleet:
        for position in (60, 120, 180, 240):
            assert fleet.journal.write(60) == position
            assert (await client.cut()).state == "published"
        await in_step(client, 4)
        fleet.journal.write(25)  # not in any recovery point
        assert 0 < fleet.till.sent.value < 600, "the cuts must have fallen into the conversation"
        first.stop(signal.SIGKILL)
    shutil.rmtree(tmp_path / "first")
    if registry == "lost":
        shutil.rmtree(tmp_path / "registry")
    assert main(("replicate", "--to", str(tmp_path / "second"), "--promote")) == 0

    second = await coordinators(*flags(port, "second")).ready()
    async with CoordinatorClient(second.url) as client, Fleet(second.url, last=600).running() as fleet:
        fleet.journal.check(240)
        assert [point.cut for point in (await client.points()).points] == [1, 2, 3, 4]
        await fleet.check_end()
        fleet.journal.write(10)
        cut = await client.cut()
        assert (cut.state, cut.cut, cut.point and cut.point.parent) == ("published", 5, 4)
    assert list_manifests(open_backend(str(tmp_path / "second"))) == (1, 2, 3, 4, 5)
    assert main(("verify", "--store", str(tmp_path / "second"))) == 0


async def test_what_the_replica_did_not_have_yet_is_told_and_the_newest_that_it_has_is_taken(
    coordinators: Start, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    first = await coordinators(*flags(port, "first", "--replica", "second")).ready()
    journal = Journal(first.url)
    async with CoordinatorClient(first.url) as client, living(journal.agent):
        position = journal.write(60)
        await client.cut()
        await in_step(client, 1)
        (tmp_path / "second").rename(tmp_path / "out of reach")
        (tmp_path / "second").write_text("something else")
        journal.write(60)
        assert (await client.cut()).state == "published"
        assert (await client.topology()).replica.lag_points == 1  # type: ignore[union-attr]
        first.stop(signal.SIGKILL)
    shutil.rmtree(tmp_path / "first")
    assert main(("replicate", "--to", str(tmp_path / "out of reach"), "--promote")) == 0

    second = await coordinators(*flags(port, "out of reach")).ready()
    journal = Journal(second.url)
    async with CoordinatorClient(second.url) as client, living(journal.agent):
        journal.check(position)
        notices = {notice.kind: notice.text for notice in (await client.topology()).notices}
        assert "recovery point 2 could not be restored (journal: " in notices["recovery point damaged"]
        assert "everybody runs on from recovery point 1" in notices["recovery done"]
        journal.write(5)
        assert (await client.cut()).cut == 3
