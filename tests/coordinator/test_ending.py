"""How a coordinator ends: at once, and so that the next one leads at once, whatever has become of etcd."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutpoint.testing.etcd_server import EtcdCluster
from cutpoint_coordinator.registry import Leader, Registry, open_registry
from tests.docs.documented import environment

END_SECONDS = 1.5
"""A second, and something for the interpreter's own end."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path / "etcd") as cluster:
        yield cluster


def launch(folder: Path, registry: str) -> subprocess.Popen[bytes]:
    flags = ("--listen", "127.0.0.1:0", "--registry", registry, "--lease", "60")
    return subprocess.Popen(
        [sys.executable, "-m", "cutpoint", "coordinator", *flags],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def wait_leader(registry: Registry, known: Leader | None = None) -> Leader:
    async with asyncio.timeout(60):
        leader = await registry.wait_leader_change(known)
        while leader is None:
            leader = await registry.wait_leader_change(None)
        return leader


async def ended(process: subprocess.Popen[bytes]) -> float:
    """Send SIGTERM; how many seconds of its own the process took. Asserts that it ended in good order."""
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 30) == 0
    return time.monotonic() - asked


async def test_a_leader_that_is_told_to_end_resigns_and_the_next_one_leads_at_once(
    cluster: EtcdCluster, tmp_path: Path
) -> None:
    """The lease would have lasted for a minute."""
    registry = await open_registry(cluster.url)
    processes = [launch(tmp_path, cluster.url)]
    first = await wait_leader(registry)
    processes.append(launch(tmp_path, cluster.url))
    await asyncio.sleep(0.5)
    assert await ended(processes[0]) < 10
    second = await wait_leader(registry, first)
    assert second.candidate != first.candidate
    await ended(processes[1])
    assert await registry.leader() is None
    await registry.close()


async def test_a_leader_ends_within_a_second_when_etcd_is_away(cluster: EtcdCluster, tmp_path: Path) -> None:
    """It may try to say that it resigns, and does not wait for an answer that does not come."""
    registry = await open_registry(cluster.url)
    calm = launch(tmp_path, cluster.url)
    first = await wait_leader(registry)
    left = launch(tmp_path, cluster.url)
    try:
        await asyncio.sleep(0.5)
        seconds = await ended(calm)  # what an end costs on this machine when nothing is wrong
        await wait_leader(registry, first)
        for member in cluster.members:
            member.pause()
        assert await ended(left) < seconds + END_SECONDS
    finally:
        for process in (calm, left):
            process.kill()
            process.wait()
        for member in cluster.members:
            member.resume()
        await registry.close()
