"""The HTTP API at its edges: every fault has one shape, a stable code and a remedy; nothing else ever comes out."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
import pytest
from yarl import URL

from cutpoint_coordinator.answers import FaultAnswer
from cutpoint_coordinator.bodies import BODY_BYTES_MAX
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.test_cuts import Ask


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/", None, 404, "unknown_route"),
        ("GET", "/v1/nonsense", None, 404, "unknown_route"),
        ("GET", "/v1/cuts/", None, 404, "unknown_route"),
        ("GET", "/v2/cuts", None, 404, "unknown_route"),
        ("DELETE", "/v1/cuts", None, 405, "unknown_method"),
        ("PUT", "/v1/points/1", None, 405, "unknown_method"),
        ("GET", "/v1/verify", None, 405, "unknown_method"),
        ("GET", "/v1/cuts/0", None, 400, "bad_number"),
        ("GET", "/v1/cuts/-1", None, 400, "bad_number"),
        ("GET", "/v1/cuts/one", None, 400, "bad_number"),
        ("GET", "/v1/points/%D9%A1", None, 400, "bad_number"),
        ("GET", "/v1/points/9999999999999999", None, 400, "bad_number"),
        ("GET", "/v1/points/..%2F..%2Fetc%2Fpasswd", None, 400, "bad_number"),
        ("GET", "/v1/cuts/1", None, 404, "unknown_cut"),
        ("GET", "/v1/cuts?limt=3", None, 400, "bad_query"),
        ("GET", "/v1/cuts?limit=0", None, 400, "bad_query"),
        ("GET", "/v1/cuts?limit=1001", None, 400, "bad_query"),
        ("GET", "/v1/cuts?limit=3&limit=4", None, 400, "bad_query"),
        ("GET", "/v1/cuts?after=%0Athree", None, 400, "bad_query"),
        ("GET", "/v1/cuts?%0A=1", None, 400, "bad_query"),
        ("GET", "/v1/cuts/1?wait=nan", None, 400, "bad_query"),
        ("GET", "/v1/cuts/1?wait=301", None, 400, "bad_query"),
        ("POST", "/v1/cuts?wait=1", None, 400, "bad_query"),
        ("GET", "/v1/topology?pretty", None, 400, "bad_query"),
        ("GET", "/v1/recoveries/1", None, 404, "unknown_recovery"),
        ("GET", "/v1/recoveries/0", None, 400, "bad_number"),
        ("GET", "/v1/recoveries/2", None, 404, "unknown_recovery"),
        ("POST", "/v1/cuts", b'{"a\\nb": 1}', 400, "bad_body"),
        ("GET", "/v1/points/1", None, 404, "unknown_point"),
        ("POST", "/v1/cuts", b"{", 400, "bad_body"),
        ("POST", "/v1/cuts", b"\xff", 400, "bad_body"),
        ("POST", "/v1/cuts", b"[" * 30000, 400, "bad_body"),
        ("POST", "/v1/cuts", b"[]", 400, "bad_body"),
        ("POST", "/v1/cuts", b'{"wait": "yes"}', 400, "bad_body"),
        ("POST", "/v1/cuts", b'{"wiat": true}', 400, "bad_body"),
        ("POST", "/v1/cuts", b'{"timeout_seconds": -1}', 400, "bad_body"),
        ("POST", "/v1/cuts", b'{"timeout_seconds": 1e300}', 400, "bad_body"),
        ("POST", "/v1/cuts", b" " * (BODY_BYTES_MAX + 1), 413, "too_large"),
        ("POST", "/v1/cuts", None, 409, "refused"),
        ("POST", "/v1/verify", b'{"cut": 0}', 400, "bad_number"),
        ("POST", "/v1/verify", b'{"cut": 3}', 404, "unknown_point"),
        ("POST", "/v1/verify", b'{"cut": 1.5}', 400, "bad_body"),
        ("POST", "/v1/recoveries", None, 409, "no_point"),
        ("POST", "/v1/recoveries", b'{"cut": 3}', 404, "unknown_point"),
        ("POST", "/v1/recoveries", b'{"cut": -1}', 400, "bad_number"),
        ("POST", "/v1/recoveries", b'{"cut": 99999999999999999999999}', 400, "bad_number"),
        ("POST", "/v1/recoveries", b'{"cut": 0}', 409, "refused"),
        ("GET", "/v1/agents", None, 400, "bad_request"),
        ("POST", "/v1/points/1/marks", b'{"event": "pin"}', 404, "unknown_point"),
        ("POST", "/v1/points/0/marks", b'{"event": "pin"}', 400, "bad_number"),
        ("POST", "/v1/points/1/marks", None, 400, "bad_body"),
        ("POST", "/v1/points/1/marks", b'{"event": "drop"}', 400, "bad_body"),
        ("GET", "/v1/points/1/marks", None, 405, "unknown_method"),
        ("POST", "/v1/collections", None, 409, "no_policy"),
        ("POST", "/v1/collections", b'{"keep": "first 3"}', 400, "bad_request"),
        ("POST", "/v1/collections", b'{"keep": "last 3", "per_second": 0}', 400, "bad_body"),
        ("POST", "/v1/collections", b'{"keep": "last 3", "by": "a\\u0000b"}', 400, "bad_body"),
        ("DELETE", "/v1/collections", None, 405, "unknown_method"),
    ],
)
async def test_every_fault_has_one_shape_a_code_and_a_remedy(
    method: str, path: str, body: bytes | None, status: int, code: str, serve: Serve
) -> None:
    service = await serve()
    url = _as_it_is(service.url + path)
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body) as response:
        data = await response.read()
    fault = msgspec.json.decode(data, type=FaultAnswer).error
    assert (response.status, fault.code) == (status, code), fault
    assert response.content_type == "application/json"
    assert fault.message
    assert fault.remedy
    assert "\n" not in fault.message + fault.remedy
    assert "Traceback" not in fault.message


def _as_it_is(url: str) -> URL:
    return URL(url, encoded=True)


async def test_a_page_from_elsewhere_may_not_drive_the_coordinator(serve: Serve) -> None:
    service = await serve()
    async with aiohttp.ClientSession() as session:
        for path, origin, status in (
            ("/v1/recoveries", "https://evil.example", 403),
            ("/v1/agents", "https://evil.example", 403),
            ("/v1/recoveries", "null", 403),
            ("/v1/recoveries", service.url, 409),
        ):
            method = "GET" if path.endswith("agents") else "POST"
            async with session.request(method, service.url + path, headers={"Origin": origin}) as response:
                assert response.status == status, (path, origin)


async def test_an_unforeseen_failure_tells_nothing_of_the_inside(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = await serve()
    monkeypatch.setattr("cutpoint_coordinator.views.points", lambda core, query: 1 // 0)
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/points") as response:
        fault = msgspec.json.decode(await response.read(), type=FaultAnswer).error
    assert (response.status, fault.code) == (500, "internal")
    assert "Zero" not in fault.message + fault.remedy
    assert "ZeroDivisionError" in caplog.text


async def test_a_manifest_that_is_damaged_is_told_as_damage_and_leaves_the_topology_readable(
    serve: Serve, agents: Agents, ask: Ask, tmp_path: Any
) -> None:
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    await client.cut()
    (manifest,) = (tmp_path / "store" / "manifests").iterdir()
    manifest.write_bytes(manifest.read_bytes()[:-10])

    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/points/1") as response:
        fault = msgspec.json.decode(await response.read(), type=FaultAnswer).error
    assert (response.status, fault.code) == (500, "damaged")
    assert "is cut short or altered" in fault.message
    topology = await client.topology()
    assert (topology.as_of, [member.process for member in topology.members]) == (0, ["ledger"])
    (verified,) = (await client.verify()).points
    assert (verified.sound, "is cut short or altered" in verified.complaints[0]) == (False, True)
