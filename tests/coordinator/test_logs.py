"""The log as JSON: one object a line, the kind of what happened as its event, and its fields beside it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.logs import formatter
from cutpoint_coordinator.settings import LOG_NAME
from tests.coordinator.conftest import Agents, Serve

Ask = Callable[[str], Awaitable[CoordinatorClient]]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the coordinator's logger writes as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter("json"))
    log = logging.getLogger(LOG_NAME)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)
    log.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().split("\n") if line]


async def test_what_happens_to_a_cut_is_one_object_a_line_with_its_number(
    serve: Serve, agents: Agents, ask: Ask, written: io.StringIO
) -> None:
    service = await serve(deadline_seconds=0.2)
    ledger = await agents("ledger", service.url)
    client = await ask(service.url)
    await client.cut()
    ledger.hold_parts = True
    await client.cut()

    told = {(line["event"], line.get("cut")): line for line in lines(written)}
    assert {("cut opened", 1), ("cut published", 1), ("cut opened", 2), ("cut abandoned", 2)} <= set(told)
    abandoned = told["cut abandoned", 2]
    assert (abandoned["level"], abandoned["logger"]) == ("warning", LOG_NAME)
    assert "its deadline of 0.2 s passed" in abandoned["text"]
    assert told["process admitted", None]["process"] == "ledger"


def test_an_exception_and_strange_text_stay_on_one_line(written: io.StringIO) -> None:
    log = logging.getLogger(LOG_NAME)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("it\nfailed %s", "\u2028", extra={"event": "odd", "fields": {"text": 1, "who": object}})
    (line,) = lines(written)
    assert written.getvalue().count("\n") == 1
    assert line["text"].startswith("it\nfailed")
    assert "ValueError: two" in line["exception"]
    assert line["field_text"] == 1
    assert "object" in line["who"]


def test_what_is_no_notice_has_the_event_log(written: io.StringIO) -> None:
    logging.getLogger(LOG_NAME).info("as it is")
    (line,) = lines(written)
    assert (line["event"], line["text"]) == ("log", "as it is")
