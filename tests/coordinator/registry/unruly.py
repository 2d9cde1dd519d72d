"""A cluster whose members are killed, stopped and started again, one at a time, for as long as the context stands."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from cutpoint.testing.etcd_server import EtcdCluster

CALM_SECONDS = 1.0
AWAY_SECONDS = 0.8


@contextlib.asynccontextmanager
async def unruly(cluster: EtcdCluster) -> AsyncIterator[list[str]]:
    """Whoever leads is killed, then a follower is stopped, then whoever leads is, and so on; what was done."""
    done: list[str] = []
    task = asyncio.create_task(_disturb(cluster, done))
    try:
        yield done
    finally:
        task.cancel()
        await asyncio.wait((task,))
        for member in cluster.members:
            member.resume()
            member.launch()  # from this thread, with which it dies, as the others did
        for member in cluster.members:
            await asyncio.to_thread(member.wait_healthy, deadline_seconds=60.0)


async def _disturb(cluster: EtcdCluster, done: list[str]) -> None:
    for number in itertools.count():
        leader = await asyncio.to_thread(cluster.leader)
        victim = cluster.followers()[0] if number % 3 == 1 else leader
        killed = number % 3 == 0
        done.append(f"{'killed' if killed else 'stopped'} {victim.name}")
        if killed:
            victim.kill()
        else:
            victim.pause()
        await asyncio.sleep(AWAY_SECONDS)
        if killed:
            victim.launch()
        else:
            victim.resume()
        await asyncio.to_thread(victim.wait_healthy, deadline_seconds=60.0)
        await asyncio.sleep(CALM_SECONDS)
