"""Spans: what a program that has loaded OpenTelemetry sees of cuts and recoveries, and that no other loads it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cutpoint.protocol.cut_story import PHASES
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.oncall import traces
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted

Ask = Callable[[str], Awaitable[CoordinatorClient]]

PATIENT = 30.0


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """The program's own tracer provider, for as long as the test runs."""
    own = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: own)
    yield own
    own.shutdown()


@pytest.fixture
def exported(provider: TracerProvider) -> InMemorySpanExporter:
    """What that provider was given."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


async def spans(exporter: InMemorySpanExporter, name: str) -> tuple[ReadableSpan, ...]:
    """All that have ended, once one called ``name`` has."""
    async with asyncio.timeout(PATIENT):
        while not any(span.name == name for span in exporter.get_finished_spans()):
            await asyncio.sleep(0.01)
    return exporter.get_finished_spans()


def named(found: tuple[ReadableSpan, ...], name: str) -> list[ReadableSpan]:
    return [span for span in found if span.name == name]


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_a_published_cut_is_one_trace_of_its_phases_and_its_processes(
    serve: Serve, agents: Agents, ask: Ask, exported: InMemorySpanExporter
) -> None:
    service = await serve()
    client = await ask(service.url)
    till, ledger = await agents("till", service.url), await agents("ledger", service.url)
    till.wire(ledger)
    for payload in ("1", "2", "3"):
        till.send(payload)
    point = (await client.cut()).point
    found = await spans(exported, "cutpoint.cut")

    (cut,) = named(found, "cutpoint.cut")
    assert cut.parent is None
    assert cut.context is not None
    assert cut.start_time is not None
    assert cut.end_time is not None
    assert point is not None
    expected = {
        "cutpoint.computation": "default",
        "cutpoint.cut": 1,
        "cutpoint.incarnation": 1,
        "cutpoint.outcome": "published",
        "cutpoint.processes": 2,
        "cutpoint.in_flight": point.in_flight,
        "cutpoint.bytes": point.bytes,
    }
    assert expected.items() <= told(cut).items()
    assert cut.status.status_code is trace.StatusCode.UNSET
    for span in found:
        assert span.context is not None
        assert span.context.trace_id == cut.context.trace_id
        assert span.start_time is not None
        assert span.end_time is not None
        assert cut.start_time <= span.start_time <= span.end_time <= cut.end_time + 1_000

    phases = [span for phase in PHASES for span in named(found, f"cutpoint.cut.{phase}")]
    assert len(phases) == len(PHASES)
    assert all(span.parent is not None and span.parent.span_id == cut.context.span_id for span in phases)
    starts = [span.start_time for span in phases if span.start_time is not None]
    assert starts == sorted(starts)

    processes = {str(told(span)["cutpoint.process"]): span for span in named(found, "cutpoint.process")}
    assert sorted(processes) == ["ledger", "till"]
    for process in processes.values():
        assert process.context is not None
        assert process.parent is not None
        assert process.parent.span_id == cut.context.span_id
        below = [span.name for span in found if span.parent and span.parent.span_id == process.context.span_id]
        assert {"cutpoint.process.recording", "cutpoint.process.storing"} <= set(below)


async def test_an_abandoned_cut_is_an_error_that_names_who_held_it_up(
    serve: Serve, agents: Agents, ask: Ask, exported: InMemorySpanExporter
) -> None:
    service = await serve(deadline_seconds=0.3)
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    ledger.hold_parts = True
    await client.cut(wait=False)
    found = await spans(exported, "cutpoint.cut")

    (cut,) = named(found, "cutpoint.cut")
    assert cut.status.status_code is trace.StatusCode.ERROR
    assert "1" in str(told(cut)["cutpoint.cut"])
    assert told(cut)["cutpoint.outcome"] == "failed"
    assert told(cut)["cutpoint.cause"] == "deadline"
    (process,) = named(found, "cutpoint.process")
    assert told(process)["cutpoint.stored"] is False
    assert process.end_time is not None
    assert cut.end_time is not None
    assert process.end_time <= cut.end_time


async def test_a_recovery_is_a_trace_of_its_own(
    serve: Serve, agents: Agents, ask: Ask, exported: InMemorySpanExporter
) -> None:
    service = await serve()
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    await client.cut()
    await ledger.vanish()
    reborn = Scripted("ledger", "life-2")
    await reborn.connect(service.url)
    try:
        (recovery,) = named(await spans(exported, "cutpoint.recovery"), "cutpoint.recovery")
    finally:
        await reborn.vanish()
    expected = {"cutpoint.target": 1, "cutpoint.cut": 1, "cutpoint.incarnation": 2, "cutpoint.outcome": "done"}
    assert expected.items() <= told(recovery).items()
    assert recovery.status.status_code is trace.StatusCode.UNSET


async def test_whatever_span_the_program_has_open_is_no_parent_of_a_cut(
    serve: Serve, agents: Agents, ask: Ask, exported: InMemorySpanExporter, provider: TracerProvider
) -> None:
    with provider.get_tracer("the program's").start_as_current_span("its own"):
        service = await serve()
        await agents("ledger", service.url)
        await (await ask(service.url)).cut()
        (cut,) = named(await spans(exported, "cutpoint.cut"), "cutpoint.cut")
    assert cut.parent is None


async def test_a_provider_that_fails_harms_no_cut(
    serve: Serve, agents: Agents, ask: Ask, provider: TracerProvider
) -> None:
    class Broken(SpanProcessor):
        def on_start(self, span: object, parent_context: object = None) -> None:
            raise RuntimeError("this provider is broken")

    provider.add_span_processor(Broken())
    service = await serve()
    client = await ask(service.url)
    await agents("ledger", service.url)
    assert (await client.cut()).state == "published"
    assert (await client.cut()).state == "published"


async def test_without_the_setting_there_are_none(
    serve: Serve, agents: Agents, ask: Ask, exported: InMemorySpanExporter
) -> None:
    service = await serve(spans=False)
    await agents("ledger", service.url)
    await (await ask(service.url)).cut()
    assert (await (await ask(service.url)).history()).cuts
    assert exported.get_finished_spans() == ()


def test_a_coordinator_does_not_load_opentelemetry_by_itself() -> None:
    program = "import sys, cutpoint_coordinator.service; sys.exit('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], timeout=120, check=False)
    assert done.returncode == 0


def test_no_tracer_is_looked_for_where_nobody_has_loaded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert traces._tracer() is None
