"""A start that waits says what for: again and again, and loud enough to be read where nobody has set up logging.

What only the coordinator knows (whom a recovery waits for, why none begins) is asked of its HTTP API, ever less often,
so that a thousand processes that start at once do not keep it busy. Nothing depends on its answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from cutpoint.names import ProcessName
from cutpoint_agents.control import Control
from cutpoint_agents.credentials import Credentials
from cutpoint_agents.driver import Driver
from cutpoint_agents.settings import LOG_NAME

log = logging.getLogger(LOG_NAME)

TOPOLOGY_PATH = "/v1/topology"
_ANSWER_SECONDS = 2.0
_NOTHING_KNOWN = "the coordinator"


class _Member(msgspec.Struct):
    process: str
    waits_for: str = ""


class _Recovery(msgspec.Struct):
    target: int
    reason: str = ""
    waits_for: tuple[str, ...] = ()


class _Topology(msgspec.Struct):
    members: tuple[_Member, ...] = ()
    recovery: _Recovery | None = None
    hold: str = ""


async def wait_started(control: Control, driver: Driver, *, urls: Sequence[str], report_seconds: float) -> None:
    """Wait until the process may run. Raises the `CutpointError` that makes waiting useless.

    What is new is reported as a warning, what has been said before as information.
    """
    assert control.failed is not None
    running = asyncio.ensure_future(driver.wait_running())
    reports, said = 0, ""
    try:
        while True:
            done, _ = await asyncio.wait(
                (running, control.failed), timeout=report_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if control.failed in done:
                raise control.failed.result()
            if running in done:
                return running.result()
            reports += 1
            view = ""
            if control.connected and reports & (reports - 1) == 0:
                view = await coordinators_view(urls, control.credentials, driver.name)
            if driver.running:
                continue
            what = _waits(control, driver) + view
            level = logging.WARNING if _is_news(control, what, said, whole=bool(view)) else logging.INFO
            log.log(level, "%s is not started yet%s", driver.name, what)
            said = what if level == logging.WARNING else said
    finally:
        running.cancel()
        await asyncio.wait((running,))


def _waits(control: Control, driver: Driver) -> str:
    if control.connected or control.waiting_for == _NOTHING_KNOWN:
        return f", it waits for {control.waiting_for or driver.waiting_for}"
    return f": {control.waiting_for}"


def _is_news(control: Control, what: str, said: str, *, whole: bool) -> bool:
    """Whether ``what`` was not ``said`` as a warning; why there is no connection, `Control` has said itself.

    ``whole``: the coordinator's view is a part of ``what``.
    """
    if not control.connected and control.waiting_for != _NOTHING_KNOWN:
        return False
    return what != said if whole or not said else not said.startswith(what)


async def coordinators_view(urls: Sequence[str], credentials: Credentials, name: ProcessName) -> str:
    """What the leading coordinator says that this process, or the recovery, waits for; empty if none tells."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for url in urls:
            address = (url.replace("ws", "http", 1) if url.startswith("ws") else url).rstrip("/")
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError, ValueError):
                headers, context = credentials.headers("GET", TOPOLOGY_PATH), credentials.context(address)
                async with session.get(address + TOPOLOGY_PATH, headers=headers, ssl=context or True) as response:
                    if response.status == 200:
                        return _told(msgspec.json.decode(await response.read(), type=_Topology), name)
    return ""


def _told(topology: _Topology, name: ProcessName) -> str:
    if (recovery := topology.recovery) is not None:
        target = f"cut {recovery.target}" if recovery.target else "the beginning"
        waits = "; ".join(recovery.waits_for) or "nobody any more"
        return f"; the coordinator goes back to {target} because {recovery.reason}, and waits: {waits}"
    if topology.hold:
        return f"; the coordinator holds: {topology.hold}"
    own = next((member.waits_for for member in topology.members if member.process == name), "")
    return f"; the coordinator says that it waits for {own}" if own else ""


def with_scheme(url: Any) -> Any:
    """``url`` as it is meant: ``host:7420`` is ``http://host:7420``, as on the command line; what is no text stays."""
    bare = isinstance(url, str) and url != "" and "://" not in url and not any(c.isspace() for c in url)
    return f"http://{url}" if bare else url
