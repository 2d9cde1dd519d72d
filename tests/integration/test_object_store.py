"""The same on a real S3 server, which is killed with -9 in mid-cut: services run on, later cuts publish."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cutpoint.command import main
from cutpoint.errors import CutpointError
from cutpoint.store import open_backend
from cutpoint.testing.loopback_server import free_ports
from cutpoint.testing.object_server import ObjectServer
from cutpoint_coordinator.client import CoordinatorClient
from tests.agents.rig import until
from tests.coordinator.test_command_line import Coordinator
from tests.integration.fleet import Fleet

Start = Callable[..., Coordinator]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path / "s3") as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


async def test_an_s3_server_that_is_killed_in_mid_cut_harms_no_service_and_no_later_cut(
    server: ObjectServer, coordinators: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = server.url("shop", retry_seconds=3, timeout_seconds=2)
    (port,) = free_ports(1)
    flags = ("--listen", f"127.0.0.1:{port}", "--registry", "registry", "--store", store, "--deadline", "20")
    first = await coordinators(*flags).ready()
    async with CoordinatorClient(first.url) as client, Fleet(first.url, last=3000).running() as fleet:
        ends = {}
        fleet.till.pause = 0.01  # the conversation lasts half a minute at least
        fleet.journal.write(300)
        assert (await client.cut()).state == "published"
        for pause in (0.0, 0.02):
            fleet.journal.write(50)
            cutting = asyncio.create_task(client.cut(timeout_seconds=50))
            await asyncio.sleep(pause)
            server.kill()
            sent = fleet.till.sent.value
            await until(lambda: fleet.till.sent.value > sent + 20, 10)  # noqa: B023 -- it is waited for here
            await asyncio.to_thread(server.start)
            answer = await cutting
            ends[answer.cut] = answer.state
            if answer.state == "abandoned":
                assert "S3" in answer.reason or "s3" in answer.reason or "store" in answer.reason, answer.reason
        assert sorted(ends) == [2, 3]
        await asyncio.to_thread(_wait_until_written_to, store)
        position = fleet.journal.write(50)
        answer = await client.cut()
        assert (answer.cut, answer.state) == (4, "published")
        fleet.journal.check(position)
        assert fleet.till.sent.value < 3000, "the cuts must have fallen into the conversation"
        first.stop(signal.SIGKILL)

    second = await coordinators(*flags).ready()
    async with CoordinatorClient(second.url) as client, Fleet(second.url, last=3000).running() as fleet:
        fleet.journal.check(position)
        fleet.till.pause = 0.0
        await fleet.check_end()
        expected = [1, *(cut for cut, state in ends.items() if state == "published"), 4]
        assert [point.cut for point in (await client.points()).points] == expected
        assert main(("verify", "--store", store)) == 0
        collected = await client.collect("last 1")
        assert collected.dropped == tuple(expected[:-1])
        assert main(("verify", "--store", store)) == 0
    capsys.readouterr()


def _wait_until_written_to(store: str) -> None:
    """A server that was killed answers before it can write again."""
    deadline = time.monotonic() + 30
    while True:
        try:
            open_backend(store).check_writable()
            return
        except CutpointError:
            assert time.monotonic() < deadline
