"""A coordinator's process, as far as the registry is concerned.

It leads, and then commits a count until it is killed or fenced, or has done 1000.

``python candidate.py URL TTL_SECONDS`` prints ``leads FENCE``, then ``committed N`` for every commit that was
acknowledged, and ``fenced`` when it is.
"""

from __future__ import annotations

import asyncio
import os
import sys

from cutpoint.errors import Fenced
from cutpoint.registry import Transaction
from cutpoint_coordinator.registry import open_registry


async def main(url: str, ttl_seconds: float) -> None:
    registry = await open_registry(url)
    leadership = await registry.campaign("candidate", ttl_seconds=ttl_seconds, address="-")
    print("leads", leadership.fence, flush=True)
    for number in range(1, 1001):
        count = b"%d" % number
        transaction = Transaction(
            request=f"{os.getpid()}-{number}", puts=(("count", count), (f"log/{number:06}", count))
        )
        try:
            await registry.commit(leadership, transaction)
        except Fenced:
            print("fenced", flush=True)
            return
        print("committed", number, flush=True)
        await asyncio.sleep(0.01)


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
