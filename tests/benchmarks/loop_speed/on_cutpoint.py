"""Seconds of processor time that the programs take on this project's simulated hosts, as JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from cutpoint_simulations.loop import Simulation
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from tests.benchmarks.loop_speed.programs import ping, queues, serve


def seconds(asks: Callable[[], Coroutine[Any, Any, None]]) -> float:
    """From the making of a simulation to the end of it."""
    began = time.process_time()
    with Simulation(1) as simulation:
        simulation.host("server", serve).start()
        client = simulation.host("client")
        client.start()
        simulation.run(until=1.0)
        simulation.complete(asks(), on=client)
    return time.process_time() - began


if __name__ == "__main__":
    count = int(sys.argv[1])
    with SUBSTITUTED:
        seconds(lambda: ping(10))
        print(json.dumps({"streams": seconds(lambda: ping(count)), "queues": seconds(lambda: queues(count))}))
