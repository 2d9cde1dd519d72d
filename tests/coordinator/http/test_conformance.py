"""Whatever is asked of a running coordinator, it answers as its OpenAPI document says, and never fails.

schemathesis draws requests from the document, good ones and bad ones, and holds every answer against it. The
coordinator is real, with the embedded registry, and so are the three processes that it coordinates. It asks for tokens
from its start, and every request shows one that is good for it and that no other request can take away; what is
refused to others is held in ``tests/coordinator/access``. What is drawn seldom meets what is there, so each operation
is also asked for something that it has to do.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.coordinator.http.running import Running
from tests.coordinator.http.test_document import KEPT
from tests.coordinator.monitored import brought, calm

EXAMPLES = 15
"""How many requests are drawn for each operation, besides those that walk along the edges of its schema."""

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]

THERE: dict[str, Any] = {"number": 2, "incarnation": 2, "name": "ci"}
"""What names something that is there, of the parameters of paths."""

MONITOR = brought(calm)

DONE: dict[str, tuple[Any, int]] = {
    "GET /healthz": (None, 200),
    "GET /readyz": (None, 200),
    "GET /v1/openapi.json": (None, 200),
    "GET /metrics": (None, 200),
    "POST /v1/cuts": ({"wait": True}, 200),
    "GET /v1/cuts": (None, 200),
    "GET /v1/cuts/{number}": (None, 200),
    "GET /v1/history": (None, 200),
    "GET /v1/points": (None, 200),
    "GET /v1/points/{number}": (None, 200),
    "POST /v1/verify": ({"cut": None}, 200),
    "POST /v1/points/{number}/marks": ({"event": "pin"}, 200),
    "POST /v1/recoveries": ({"cut": 2}, 200),
    "GET /v1/recoveries": (None, 200),
    "GET /v1/recoveries/{incarnation}": (None, 200),
    "POST /v1/collections": ({"keep": "last 4"}, 200),
    "GET /v1/collections": (None, 200),
    "GET /v1/topology": (None, 200),
    "GET /v1/notices": (None, 200),
    "PUT /v1/monitors/{name}": (
        {"code": base64.b64encode(MONITOR.code).decode(), "python": MONITOR.python, "by": "ada"},
        200,
    ),
    "GET /v1/monitors": (None, 200),
    "GET /v1/monitors/{name}": (None, 200),
    "DELETE /v1/monitors/{name}": (None, 200),
    "PUT /v1/webhooks/{name}": ({"url": "http://127.0.0.1:9/hook", "kinds": ["cuts fail"]}, 200),
    "GET /v1/webhooks": (None, 200),
    "GET /v1/webhooks/{name}": (None, 200),
    "POST /v1/webhooks/{name}/test": (None, 200),
    "DELETE /v1/webhooks/{name}": (None, 200),
    "POST /v1/tokens": ({"name": "ci", "scope": "trigger"}, 201),
    "GET /v1/tokens": (None, 200),
    "POST /v1/tokens/{name}/rotate": ({"grace_seconds": 60}, 200),
    "DELETE /v1/tokens/{name}": (None, 200),
    "PUT /v1/policy": ({"toml": "[cuts]\ninterval = '1h'\n", "by": "ada", "source": "policy.toml"}, 200),
    "GET /v1/policy": (None, 200),
    "GET /v1/audit": (None, 200),
    "POST /v1/agents/holdups": (
        {"process": "till", "life": "x", "seconds": 1.0, "what": {"kind": "loop", "text": "it waits"}},
        200,
    ),
}
"""Every operation, in an order in which each has something to do: what it is asked for, and the status of its answer.

Nothing that is done before ends a process: a release has a test of its own.
"""

APART = ("POST /v1/releases",)

described = schemathesis.openapi.from_path(KEPT).exclude(path=["/v1/events", "/v1/agents"])
"""A stream has no end, and agents speak WebSocket: they have tests of their own."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    coordinator = Running(tmp_path_factory.mktemp("conformance"))
    coordinator.start()
    yield coordinator
    coordinator.stop()


def hold(case: Any, running: Running) -> Any:
    """Ask, and hold the answer against the document. A method that a route does not have is nothing for agents."""
    agents = case.operation.definition.raw.get("x-scope") == "agent" and case.method == case.operation.method.upper()
    token = running.services if agents else running.administrator
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    response = case.call_and_validate(base_url=running.url, checks=CHECKS, headers=headers)
    assert response.status_code not in (401, 403, 429), "what is asked is never looked at"
    return response


def test_every_operation_does_what_it_is_there_for(running: Running) -> None:
    operations = {each.ok().label: each.ok() for each in described.get_all_operations() if isinstance(each, Ok)}
    assert sorted(operations) == sorted((*DONE, *APART))
    for label, (body, status) in DONE.items():
        operation = operations[label]
        given = {each.name: THERE[each.name] for each in operation.path_parameters}
        case = operation.Case(path_parameters=given, **({} if body is None else {"body": body}))
        assert hold(case, running).status_code == status, label


@pytest.mark.timeout(180)
@described.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
def test_whatever_is_asked_is_answered_as_the_document_says(case: Any, running: Running) -> None:
    hold(case, running)
    if case.path_parameters and case.meta.generation.mode.is_positive:
        case.path_parameters = {name: THERE[name] for name in case.path_parameters}
        hold(case, running)
