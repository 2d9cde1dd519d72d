"""Holding an answer back until the ledger says what it is asked for, or the time is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cutpoint_coordinator.driver import Driver


async def wait_until(driver: Driver, holds: Callable[[], bool], seconds: float) -> None:
    """Return when ``holds``, after ``seconds``, or when the driver has ended. It is looked at when the ledger changes.

    Ask the driver afterwards whether it still leads.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    changed = asyncio.Event()
    driver.on_ledger.append(changed.set)
    try:
        while not holds() and not driver.ended.done() and (left := until - loop.time()) > 0:
            changed.clear()
            waiter = loop.create_task(changed.wait())
            try:
                await asyncio.wait((waiter, driver.ended), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
    finally:
        driver.on_ledger.remove(changed.set)
