"""What is no request, breaks off, never ends or is too long: an answer or a closed connection, and nothing repeated."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import pytest
from aiohttp import web

from cutpoint.policy import BYTES_MAX
from cutpoint_coordinator import bodies
from cutpoint_coordinator.access import gate
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.service import Service
from tests.coordinator.conftest import Serve

SECRET = b"cutpoint_0123456789_abcdefghij"


async def said(service: Service, sent: bytes, *, hang_up: bool = False) -> bytes:
    """What the coordinator answers to these bytes before it closes the connection or has answered."""
    reader, writer = await asyncio.open_connection(service.settings.listen.host, int(service.url.rpartition(":")[2]))
    try:
        writer.write(sent)
        await writer.drain()
        if hang_up:
            return b""
        async with asyncio.timeout(60):
            return await reader.read(65536)
    finally:
        writer.close()


def posted(*headers: str, body: bytes) -> bytes:
    lines = ("POST /v1/cuts HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


async def test_a_token_in_a_header_that_cannot_be_read_is_not_in_the_log(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    service = await serve()
    request = b"GET /v1/points HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + SECRET
    for end in (b"\x01\r\n\r\n", b"\r\r\n\r\n", b"y" * 20000 + b"\r\n\r\n"):
        assert (await said(service, request + end)).startswith(b"HTTP/1.0 400 ")
    warnings = [record for record in caplog.records if "no HTTP request" in record.getMessage()]
    assert [record.levelno for record in warnings] == [logging.WARNING] * 3
    assert SECRET.decode() not in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (posted("Content-Encoding: gzip", "Content-Length: 5", body=b"abcde"), b"400", b"bad_body"),
        (posted("Content-Length: 2000000000", body=b"{"), b"413", b"too_large"),
        (
            posted("Transfer-Encoding: chunked", body=b"20000\r\n" + b" " * 0x20000 + b"\r\n0\r\n\r\n"),
            b"413",
            b"too_large",
        ),
    ],
    ids=["not what its headers say", "announced too long", "turns out too long"],
)
async def test_a_body_that_cannot_be_taken_is_refused_in_the_one_shape(
    sent: bytes, status: bytes, code: bytes, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await said(await serve(), sent)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b'"code":"' + code + b'"' in answer
    assert "Traceback" not in caplog.text


async def test_a_body_that_never_ends_is_not_waited_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    answer = await said(await serve(), posted("Content-Length: 100", body=b"{"))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"too_slow"' in answer


async def test_who_goes_away_in_the_midst_of_a_body_is_no_fault_of_the_coordinator(
    serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = asyncio.Queue[Refused]()

    async def read(request: web.Request) -> bytes:
        try:
            return await bodies.body_bytes(request)
        except Refused as refused:
            faults.put_nowait(refused)
            raise

    monkeypatch.setattr(gate, "body_bytes", read)
    service = await serve()
    await said(service, posted("Content-Length: 100", body=b"{"), hang_up=True)
    async with asyncio.timeout(60):
        assert (await faults.get()).fault.code == "bad_body"
    async with CoordinatorClient(service.url) as client:
        assert (await client.points()).points == ()
    assert "Traceback" not in caplog.text


async def test_a_policy_of_a_thousand_services_can_be_declared(serve: Serve) -> None:
    services = "".join(f'[services.service-{n:04}]\nowner = "the people of team {n % 7}"\n\n' for n in range(2000))
    assert bodies.BODY_BYTES_MAX < len(services) < BYTES_MAX
    service = await serve()
    async with CoordinatorClient(service.url) as client:
        declared = await client.declare_policy(services)
        assert len(declared.policy["services"]) == 2000


@pytest.mark.parametrize("last", ["9" * 5000 + "-1", "1-" + "9" * 5000, "\u00b2-1", "1-", "-", "x"])
async def test_a_last_event_that_cannot_be_one_is_one_that_nobody_remembers(last: str, serve: Serve) -> None:
    service = await serve()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{service.url}/v1/events", headers={"Last-Event-ID": last}) as response,
    ):
        begun = await response.content.readuntil(b"event: missed")
    assert response.status == 200
    assert begun.startswith(b"retry: ")
