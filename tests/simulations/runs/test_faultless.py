"""What a service may fail with, because the world around it does that, and what it may not."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Iterable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cutpoint.errors import RolledBack
from cutpoint_agents import Agent
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults import Fault
from cutpoint_simulations.runs import Scenario, Trial

SECONDS = 0.5
"""Enough to start, and to fail."""

KEY = ConnectionKey("shop", 8080, False, True, None, None, None)


def of_system(code: int) -> OSError:
    """What Python raises for ``code``: often a class of its own."""
    return OSError(code, os.strerror(code))


def refused_with(status: int) -> aiohttp.ClientResponseError:
    """An answer that was no good."""
    url = URL("http://shop:8080/")
    info = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    return aiohttp.WSServerHandshakeError(info, (), status=status, message="Invalid response status")


def shown(error: Exception) -> str:
    """An error as a test's name."""
    return f"{type(error).__name__} {getattr(error, 'errno', None) or getattr(error, 'status', '')}".strip()


EXCUSED: list[Exception] = [
    *(of_system(code) for code in (errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.EHOSTUNREACH)),
    TimeoutError(),
    RolledBack("a recovery has ended this"),
    aiohttp.ClientConnectorError(KEY, of_system(errno.ECONNREFUSED)),
    aiohttp.ClientConnectionError("Connection closed"),
    aiohttp.ClientOSError(None, "Can not write request body"),
    aiohttp.ServerDisconnectedError(),
    aiohttp.ServerTimeoutError(),
    aiohttp.ClientPayloadError("Response payload is not completed"),
    refused_with(503),
    ExceptionGroup("two tasks", [ConnectionResetError(), TimeoutError()]),
]

ITS_OWN: list[Exception] = [
    *(of_system(code) for code in (errno.EACCES, errno.ENOENT, errno.EADDRINUSE, errno.EMFILE)),
    *(of_system(code) for code in (errno.ENOSPC, errno.EIO)),
    OSError("out of sorts"),
    aiohttp.ClientConnectorError(KEY, of_system(errno.EACCES)),
    aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name or service not known")),
    aiohttp.InvalidURL("shop"),
    refused_with(404),
]


def create_bank(coordinator: list[str], error: Exception, *, where: str) -> web.Application:
    """It fails once: in a task, in a timer or in a handler, which it asks for itself."""
    agent = Agent("bank", coordinator=coordinator)
    failures = [error]

    def fail() -> None:
        if failures:
            raise failures.pop()

    @agent.timer("interest")
    async def interest() -> None:
        fail()

    @agent.task
    async def work() -> None:
        if where == "task":
            fail()
        if where == "timer":
            interest.set(seconds=0.01)
        if where == "handler":
            async with aiohttp.ClientSession() as http, http.get("http://bank:8080/") as response:
                await response.read()

    async def handle(request: web.Request) -> web.Response:
        fail()
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    app.cleanup_ctx.append(agent.context)
    return app


def complaints(error: Exception, *, where: str = "task", faults: Iterable[Fault] = ()) -> list[str]:
    """What a run without other faults has to say of it."""

    def declare(cluster: Cluster) -> None:
        cluster.service("bank", functools.partial(create_bank, cluster.coordinator_urls, error, where=where))

    with Trial(1, Scenario(name="bank", declare=declare)) as trial:
        trial.begin()
        for fault in faults:
            trial.strike(fault)
        trial.let_pass(SECONDS)
        return [str(violation) for violation in trial.violations]


@pytest.mark.parametrize("where", ["task", "timer", "handler"])
@pytest.mark.parametrize("error", EXCUSED, ids=shown)
def test_a_service_may_fail_because_of_what_happens_around_it(error: Exception, where: str) -> None:
    assert complaints(error, where=where) == []


@pytest.mark.parametrize("where", ["task", "timer", "handler"])
@pytest.mark.parametrize("error", ITS_OWN, ids=shown)
def test_a_service_that_fails_for_a_reason_of_its_own_is_told_with_its_line(error: Exception, where: str) -> None:
    (complaint,) = complaints(error, where=where)
    assert complaint.startswith("unforeseen: bank: ")
    assert type(error).__name__ in complaint
    assert ", at tests/simulations/runs/test_faultless.py:" in complaint


@pytest.mark.parametrize("where", ["task", "timer", "handler"])
def test_one_reason_of_its_own_among_others_is_told(where: str) -> None:
    group = ExceptionGroup("two tasks", [ConnectionResetError(), FileNotFoundError("prices")])
    assert len(complaints(group, where=where)) == 1


@pytest.mark.parametrize(("kind", "other"), [("full-disk", "disk-error"), ("disk-error", "full-disk")])
def test_a_disk_that_fails_is_an_excuse_if_that_fault_has_been_there(kind: str, other: str) -> None:
    error = of_system({"full-disk": errno.ENOSPC, "disk-error": errno.EIO}[kind])
    had, had_not = (Fault(kind=each, target="machine", seconds=0.1, amount=1e6) for each in (kind, other))
    assert complaints(error, faults=[had]) == []
    assert len(complaints(error, faults=[had_not])) == 1
