"""The OpenAPI 3.1 document, made from the routes' declarations and the structs that they name.

It is served at ``/v1/openapi.json`` by every coordinator, and kept in ``docs/reference/openapi.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

import msgspec

from cutpoint_coordinator.answers import FaultAnswer
from cutpoint_coordinator.http.codes import CODES
from cutpoint_coordinator.http.route import Route

REF = "#/components/schemas/{name}"

_NUMBER = {"type": "integer", "minimum": 1, "maximum": 10**15 - 1}
_NAME = {"type": "string", "minLength": 1, "maxLength": 200}

PATH_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "number": ("the number of a cut", _NUMBER),
    "incarnation": ("the number of an incarnation", _NUMBER),
    "name": ("a name", _NAME),
}

KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "whatever the caller draws for this one request; given again, nothing is done twice",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}

_REASONS = {200: "done", 201: "made", 202: "not over yet", 101: "the connection becomes a WebSocket"}


def document(routes: Iterable[Route], scopes: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """The document of these routes; ``scopes``: what a token needs, by method and path."""
    known = tuple(routes)
    structs = [struct for route in known for struct in _structs(route)]
    _, components = msgspec.json.schema_components([FaultAnswer, *dict.fromkeys(structs)], ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in known:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, scopes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cutpoint coordinator",
            "version": metadata.version("cutpoint"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {name: components[name] for name in sorted(components)},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _structs(route: Route) -> tuple[type[msgspec.Struct], ...]:
    return tuple(s for s in (route.body, *route.answers.values()) if s is not None)


def _operation(route: Route, scopes: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    said: dict[str, Any] = {"summary": route.about, "responses": _responses(route)}
    if route.operation:
        said["operationId"] = route.operation
    if scope := scopes.get((route.method, route.path)):
        said["x-scope"] = scope
    if parameters := _parameters(route):
        said["parameters"] = parameters
    if route.body is not None:
        required = any(field.required for field in msgspec.structs.fields(route.body))
        said["requestBody"] = {
            "required": required,
            "content": {"application/json": {"schema": _ref(route.body)}},
        }
    return said


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in route.parameters:
        about, schema = PATH_PARAMETERS[name]
        found.append({"name": name, "in": "path", "required": True, "description": about, "schema": schema})
    _, components = msgspec.json.schema_components([route.query])
    properties = components[route.query.__name__]["properties"]
    for field in msgspec.structs.fields(route.query):
        name = field.encode_name
        found.append({"name": name, "in": "query", "required": field.required, "schema": _given(properties[name])})
    for name in route.headers:
        found.append({"name": name, "in": "header", "required": False, "schema": {"type": "string"}})
    if route.once:
        found.append(KEY)
    return found


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is given: leaving it out is what null stands for elsewhere."""
    choices: list[dict[str, Any]] = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


def _responses(route: Route) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, struct in route.answers.items():
        said: dict[str, Any] = {"description": _REASONS[status]}
        if struct is not None:
            said["content"] = {route.media: {"schema": _ref(struct)}}
        elif status != 101:
            kind = "object" if route.media == "application/json" else "string"
            said["content"] = {route.media: {"schema": {"type": kind}}}
        responses[str(status)] = said
    by_status: dict[int, list[str]] = {}
    for code in route.codes:
        by_status.setdefault(CODES[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(f"{code}: {CODES[code].about}" for code in codes),
            "content": {"application/json": {"schema": _ref(FaultAnswer)}},
        }
    return responses


def _ref(struct: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": REF.format(name=struct.__name__)}
