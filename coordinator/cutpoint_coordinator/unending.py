"""Work beside the cuts of a leadership, which is done in the end whatever is wrong with it, and ends nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cutpoint.errors import RegistryError
from cutpoint_coordinator.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

AGAIN_SECONDS = 30.0
"""How long work that failed for an unforeseen reason rests."""


async def until_done(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Do ``work`` until it comes to its end; ``what`` it is, for the log."""
    while True:
        try:
            return await work()
        except RegistryError:
            await asyncio.sleep(1.0)
        except Exception:
            log.exception("%s failed for an unforeseen reason; cuts go on, and it is tried again", what)
            await asyncio.sleep(AGAIN_SECONDS)
