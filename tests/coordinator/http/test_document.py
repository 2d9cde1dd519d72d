"""The OpenAPI document is what is served, no more and no less; run this file to write it into docs/reference."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from cutpoint.store import open_backend
from cutpoint_coordinator.http.codes import CODES
from cutpoint_coordinator.opening import Opened, bind
from cutpoint_coordinator.registry import MemoryRegistry
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import Address, Settings
from tests.coordinator.conftest import Serve
from tests.docs.documented import ROOT

KEPT = ROOT / "docs" / "reference" / "openapi.json"
REWRITE = "write it anew with: python -m tests.coordinator.http.test_document"


@contextlib.asynccontextmanager
async def unstarted(folder: str) -> Any:
    """A service that does not run."""
    listener = await bind(Address(host="127.0.0.1", port=0))
    opened = Opened(
        listener=listener,
        url="http://127.0.0.1:7420",
        registry=MemoryRegistry(),
        backend=open_backend(folder),
        keys=None,
        replica=None,
        retention=None,
    )
    service = Service(Settings(store=folder), opened)
    try:
        yield service
    finally:
        await service.close()


async def present_document(folder: str) -> bytes:
    """The document as this version makes it."""
    async with unstarted(folder) as service:
        return msgspec.json.format(msgspec.json.encode(service.api.document()), indent=1) + b"\n"


async def test_the_document_that_is_kept_is_the_one_that_is_served(serve: Serve, tmp_path: Path) -> None:
    service = await serve()
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/v1/openapi.json") as response:
        served = await response.read()
    assert response.content_type == "application/json"
    assert msgspec.json.format(served, indent=1) + b"\n" == await present_document(str(tmp_path / "other"))
    assert KEPT.read_bytes() == msgspec.json.format(served, indent=1) + b"\n", REWRITE


async def test_every_route_of_the_application_is_in_the_document_and_the_other_way_round(tmp_path: Path) -> None:
    async with unstarted(str(tmp_path)) as service:
        application = service.api.application()
        served = {(route.method, route.resource.canonical) for route in application.router.routes()}
        paths = service.api.document()["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert {route for route in served if route[0] != "HEAD"} == described


async def test_every_operation_has_a_name_of_its_own_and_every_reference_leads_somewhere(tmp_path: Path) -> None:
    async with unstarted(str(tmp_path)) as service:
        document = service.api.document()
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    names = [each["operationId"] for each in operations if "operationId" in each]
    assert sorted(set(names)) == sorted(names)
    for ref in _references(document):
        assert ref.rpartition("/")[2] in document["components"]["schemas"], ref


def _references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return [*own, *(ref for each in value.values() for ref in _references(each))]
    return [ref for each in value for ref in _references(each)] if isinstance(value, list) else []


def test_every_refusal_in_the_code_has_a_known_code_and_its_status() -> None:
    for path in sorted((ROOT / "coordinator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Refused"
                and len(node.args) > 1
            ):
                status, code = (each.value if isinstance(each, ast.Constant) else None for each in node.args[:2])
                if code is not None:
                    assert code in CODES, f"{path}:{node.lineno}"
                    assert status == CODES[str(code)].status, f"{path}:{node.lineno}"


def test_every_code_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
    rows = [f"| `{code}` | {status} | {about} |" for code, (status, about) in CODES.items()]
    assert [row for row in rows if row not in text] == []


async def test_every_route_is_in_the_reference(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
    async with unstarted(str(tmp_path)) as service:
        routes = [f"`{route.method} {route.path}`" for route in service.api.routes]
    assert [route for route in routes if route not in text] == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        KEPT.write_bytes(asyncio.run(present_document(scratch)))
