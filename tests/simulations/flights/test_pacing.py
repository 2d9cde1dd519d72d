from __future__ import annotations

import asyncio

from cutpoint_simulations.flights.pacing import BURST_SECONDS, Runway


async def test_no_more_land_in_a_second_than_may() -> None:
    runway = Runway(1000)
    loop = asyncio.get_running_loop()
    began = loop.time()
    landed = 0

    async def channel() -> None:
        nonlocal landed
        while landed < 200:
            await runway.clear()
            landed += 1

    await asyncio.gather(*(channel() for _ in range(3)))
    assert landed / 1000 <= loop.time() - began + 2 * BURST_SECONDS


async def test_a_quiet_hour_is_not_saved_up() -> None:
    runway = Runway(100)
    await runway.clear()
    await asyncio.sleep(0.3)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(10):
        await runway.clear()
    assert loop.time() - began >= 0.1 - 2 * BURST_SECONDS - 0.01
