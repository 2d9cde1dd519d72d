"""A service with one table, of which cuts are taken: how they are felt, as JSON.

``python -m tests.benchmarks.cut_speed.service stall|cost|memory ENTRIES``, in a fresh process each time. ``stall``:
the event loop's longest hold over a whole full cut and over whole cuts of 1 % changed entries, tidying up included,
and how long ``pickle.dumps`` holds the loop; also the longest hold of the loop while the same entries are encoded by
hand, a hundred at a time and nothing else: what the machine itself does to a loop meanwhile. The service replaces 200
accounts a second (one that makes many more objects has the pauses of Python's own collector besides), and the process
goes before all others if it may. ``cost``: what such cuts write and how long they take, in an ordinary process.
``memory``: what the process takes at most during a full cut, against its size before there was any state and after it
was built.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import pickle
import random
import re
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from cutpoint.state import Table
from cutpoint_agents import Agent
from cutpoint_coordinator.answers import CutAnswer
from cutpoint_coordinator.client import CoordinatorClient
from tests.benchmarks.accounts import account, accounts
from tests.benchmarks.cut_speed.deployment import DEADLINE_SECONDS, become_urgent, coordinator
from tests.benchmarks.cut_speed.stall_meter import StallMeter

CHANGED_SHARE = 0.01
DELTA_CUTS = 3
AFTERWARDS_SECONDS = 0.5
WORK_ACCOUNTS, WORK_SECONDS = 2, 0.01
"""So many accounts are replaced at a time, and this is the pause between two times."""

BY_HAND_ENTRIES = 100


Figures = dict[str, Any]


async def stall(url: str, entries: int) -> Figures:
    """See the module's text. Times in seconds."""
    agent, table = _bank(url)
    table.update(accounts(entries))
    keys, chance = list(table), random.Random(2)
    gc.collect()  # what a service has is old
    urgent = become_urgent()
    meter = StallMeter()
    began = meter.own_seconds()
    pickle.dumps(table.content(), protocol=5)
    stop_the_world = meter.own_seconds() - began
    by_hand = await _held_by_hand(table, meter)
    async with agent, CoordinatorClient(url) as client:
        work = asyncio.create_task(_work(table, keys, chance))
        cuts = [await _held(client, table, meter)]
        for _ in range(DELTA_CUTS):
            _change(table, keys, chance, int(len(keys) * CHANGED_SHARE))
            gc.collect(1)  # what the changes themselves left to the collector is not the cut's
            await asyncio.sleep(0.1)
            cuts.append(await _held(client, table, meter))
        work.cancel()
    return {
        "urgent": urgent,
        "knows_others": meter.knows_others,
        "pickle_seconds": stop_the_world,
        "by_hand": by_hand,
        "full": cuts[0],
        "deltas": cuts[1:],
    }


async def _held_by_hand(table: Table[str, Any], meter: StallMeter) -> Figures:
    """All entries through msgspec, in short slices, without a cut."""
    encoder, entries = msgspec.msgpack.Encoder(), iter(table.content().items())
    meter.start()
    while slice_ := list(islice(entries, BY_HAND_ENTRIES)):
        encoder.encode(slice_)
        await asyncio.sleep(0)
    meter.stop()
    return {"stall_seconds": meter.worst, "stall_gross_seconds": meter.worst_gross, "rounds": meter.rounds}


async def _held(client: CoordinatorClient, table: Table[str, Any], meter: StallMeter) -> Figures:
    """One whole cut, until its table is tidied up."""
    meter.start()
    await _taken(client)
    while table.statistics().unfolded:
        await asyncio.sleep(0.01)
    await asyncio.sleep(AFTERWARDS_SECONDS)
    meter.stop()
    return {"stall_seconds": meter.worst, "stall_gross_seconds": meter.worst_gross, "rounds": meter.rounds}


async def cost(url: str, entries: int) -> Figures:
    """See the module's text. Times in seconds."""
    agent, table = _bank(url)
    table.update(accounts(entries))
    keys, chance = list(table), random.Random(2)
    gc.collect()
    async with agent, CoordinatorClient(url) as client:
        cuts = [await _timed(client)]
        for _ in range(DELTA_CUTS):
            _change(table, keys, chance, int(len(keys) * CHANGED_SHARE))
            await asyncio.sleep(AFTERWARDS_SECONDS)
            cuts.append(await _timed(client))
        fresh = {point.cut: point.fresh_bytes for point in (await client.points()).points}
        for cut in cuts:
            cut["fresh_bytes"] = fresh[cut["cut"]]
    return {"full": cuts[0], "deltas": cuts[1:]}


async def _timed(client: CoordinatorClient) -> Figures:
    began = time.perf_counter()
    answer = await _taken(client)
    return {"cut": answer.cut, "seconds": time.perf_counter() - began}


def _bank(url: str) -> tuple[Agent, Table[str, Any]]:
    agent = Agent("bank", coordinator=url)
    return agent, agent.table("accounts")


async def _work(table: Table[str, Any], keys: list[str], chance: random.Random) -> None:
    while True:
        _change(table, keys, chance, WORK_ACCOUNTS)
        await asyncio.sleep(WORK_SECONDS)


def _change(table: Table[str, Any], keys: list[str], chance: random.Random, accounts_changed: int) -> None:
    for key in chance.sample(keys, accounts_changed):
        table[key] = account(chance)


async def _taken(client: CoordinatorClient) -> CutAnswer:
    answer = await client.cut(timeout_seconds=DEADLINE_SECONDS)
    assert answer.state == "published", answer
    return answer


async def memory(url: str, entries: int) -> Figures:
    """See the module's text. Bytes."""
    agent, table = _bank(url)
    async with agent, CoordinatorClient(url) as client:
        await _taken(client)
        gc.collect()
        before = _bytes("VmRSS")
        for number, (key, value) in enumerate(accounts(entries)):
            table[key] = value
            if not number % 1000:
                await asyncio.sleep(0)
        gc.collect()
        built = _bytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        await _taken(client)
        return {"before": before, "built": built, "peak": _bytes("VmHWM")}


def _bytes(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def main(what: str, entries: int) -> Figures:
    """What is measured, with a coordinator beside it."""
    measured = {"stall": stall, "cost": cost, "memory": memory}[what]
    with tempfile.TemporaryDirectory(prefix="cutpoint-bench-") as folder, coordinator(Path(folder)) as url:
        return asyncio.run(measured(url, entries))


if __name__ == "__main__":
    logging.disable()
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
