"""Seconds of processor time that the programs take on simloop, as JSON."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.benchmarks.loop_speed.programs import ping, queues, serve

simloop: Any = importlib.import_module("simloop")

LATENCY_SECONDS = (0.0002, 0.001)


def seconds(asks: Callable[[], Coroutine[Any, Any, None]], *, served: bool) -> float:
    """From the making of a loop to the end of it."""
    began = time.process_time()
    loop = simloop.SimLoop(seed=1)
    loop.net.set_defaults(latency=LATENCY_SECONDS)

    async def both() -> None:
        serving = loop.net.host("server").create_task(serve())
        await asyncio.sleep(1.0)
        await loop.net.host("client").create_task(asks())
        if not served:
            serving.cancel()
        await asyncio.wait([serving])

    loop.run_until_complete(both())
    loop.close()
    return time.process_time() - began


if __name__ == "__main__":
    count = int(sys.argv[1])
    seconds(lambda: ping(10), served=True)
    streams = seconds(lambda: ping(count), served=True)
    print(json.dumps({"streams": streams, "queues": seconds(lambda: queues(count), served=False)}))
