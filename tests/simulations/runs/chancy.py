"""Services that a seed alone does not decide: ``tests.simulations.runs.chancy:counting`` and others."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Coroutine

from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.cluster import Cluster

LOCK = threading.Lock()
NUMBERS = itertools.count()
WORDS = frozenset({"apple", "pear", "plum", "quince", "cherry", "fig"})


def _declare(cluster: Cluster, work: Callable[[], Coroutine[None, None, None]], *, says: str = "") -> None:
    def create_app() -> web.Application:
        agent = Agent("shop", coordinator=cluster.coordinator_urls)
        agent.task(work)
        app = web.Application()
        app.cleanup_ctx.append(agent.context)
        return app

    cluster.service("shop", create_app)
    cluster.invariant("always", lambda point: says or None)


def counting(cluster: Cluster) -> None:
    """How long it waits depends on how often the module was used before."""

    async def work() -> None:
        await asyncio.sleep(0.1 + next(NUMBERS) / 1000)

    _declare(cluster, work)


def words(cluster: Cluster) -> None:
    """How long it waits depends on the order of a set of strings."""

    async def work() -> None:
        for place, word in enumerate(WORDS):
            await asyncio.sleep(place * len(word) / 1000)

    _declare(cluster, work)


def real_chance(cluster: Cluster) -> None:
    """It is wrong, in a way that is another one each time: it is drawn when nobody simulates."""
    _declare(cluster, asyncio.Event().wait, says=f"it is {os.urandom(4).hex()}")  # type: ignore[arg-type]


def selfish(cluster: Cluster) -> None:
    """It takes the lock of its module twice."""

    async def work() -> None:
        await asyncio.sleep(0.1)
        with LOCK:
            await asyncio.sleep(0.1)
            LOCK.acquire()

    _declare(cluster, work)
