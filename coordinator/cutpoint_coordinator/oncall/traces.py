"""OpenTelemetry spans: one trace a cut, with its phases and its slowest processes, and one a recovery.

They are made when a cut has ended, from the story that the history keeps, with the times that it tells: the
coordinator knows by then what every process has reported, so no process has to load a tracer, and no message carries
a context (docs/decisions/0024-spans-from-the-story.md). Nothing is loaded here: spans are made where the program
itself has loaded ``opentelemetry``, and go where its tracer provider sends them. A provider that fails harms no cut.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from cutpoint.protocol.cut_story import PHASES, ProcessStory
from cutpoint_coordinator.answers import NoticeAnswer
from cutpoint_coordinator.history.figures import seconds_of
from cutpoint_coordinator.history.records import CutRecord
from cutpoint_coordinator.oncall.metrics import outcome_of
from cutpoint_coordinator.settings import LOG_NAME

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer
    from opentelemetry.util.types import AttributeValue

log = logging.getLogger(LOG_NAME)

SCOPE = "cutpoint.coordinator"
"""The instrumentation scope of all spans."""


class Traces:
    """The spans of one coordinator's process, of ``computation``."""

    def __init__(self, computation: str) -> None:
        self._computation = computation
        self._recovery: tuple[int, Span] | None = None

    def cut_ended(self, record: CutRecord) -> None:
        """One trace of a cut."""
        if (tracer := _tracer()) is None:
            return
        try:
            _Cut(tracer, self._computation, record).trace()
        except Exception:
            log.exception("the spans of cut %s could not be made; the cut is as it is", record.story.cut)

    def noticed(self, notice: NoticeAnswer) -> None:
        """A recovery begins or ends, or this coordinator leads no more; all else is passed over."""
        if notice.kind not in ("recovery started", "recovery done", "recovery failed", "leadership ended"):
            return
        try:
            self._recovers(notice)
        except Exception:
            log.exception("the span of a recovery could not be made; the recovery is as it is")

    def _recovers(self, notice: NoticeAnswer) -> None:
        if self._recovery is not None:
            incarnation, span = self._recovery
            self._recovery = None
            from opentelemetry.trace import Status, StatusCode

            if notice.kind in ("recovery failed", "leadership ended"):
                span.set_status(Status(StatusCode.ERROR, notice.text))
            ours = notice.fields.get("incarnation", incarnation) == incarnation
            outcome = notice.kind.removeprefix("recovery ") if ours else "superseded"
            span.set_attribute("cutpoint.outcome", outcome)
            if (cut := notice.fields.get("cut")) is not None and ours:
                span.set_attribute("cutpoint.cut", int(cut))
            span.end(end_time=_nanoseconds(seconds_of(notice.at)))
        if notice.kind == "recovery started" and (tracer := _tracer()) is not None:
            incarnation = int(notice.fields["incarnation"])
            span = tracer.start_span(
                "cutpoint.recovery",
                context=_no_parent(),
                start_time=_nanoseconds(seconds_of(notice.at)),
                attributes={
                    "cutpoint.computation": self._computation,
                    "cutpoint.incarnation": incarnation,
                    "cutpoint.target": int(notice.fields["cut"]),
                },
            )
            self._recovery = incarnation, span


class _Cut:
    """The spans of one cut. Its own clock counts seconds from its opening, as the story does."""

    def __init__(self, tracer: Tracer, computation: str, record: CutRecord) -> None:
        self._tracer = tracer
        self._computation = computation
        self._story = record.story
        self._began = seconds_of(record.began)
        self._seconds = record.story.seconds + record.story.phases.get("registry", 0.0)

    def trace(self) -> None:
        """All of them, the cut's own first."""
        from opentelemetry.trace import Status, StatusCode

        story = self._story
        outcome = outcome_of(story)
        cut = self._span("cutpoint.cut", None, 0.0, self._of_cut(outcome))
        if outcome == "failed":
            cut.set_status(Status(StatusCode.ERROR, story.reason))
        self._phases(cut)
        for process in story.processes:
            self._process(cut, process)
        for culprit in story.held_by:
            told = {name: str(getattr(culprit, name)) for name in culprit.__struct_fields__ if getattr(culprit, name)}
            cut.add_event(
                "held up", {f"cutpoint.{name}": text for name, text in told.items()}, timestamp=self._at(story.seconds)
            )
        cut.end(end_time=self._at(self._seconds))

    def _of_cut(self, outcome: str) -> dict[str, AttributeValue]:
        story = self._story
        told: dict[str, AttributeValue] = {
            "cutpoint.computation": self._computation,
            "cutpoint.cut": story.cut,
            "cutpoint.incarnation": story.incarnation,
            "cutpoint.outcome": outcome,
            "cutpoint.processes": story.members,
            "cutpoint.stall_seconds": story.stall_seconds,
        }
        if story.published:
            told |= {
                "cutpoint.in_flight": story.in_flight,
                "cutpoint.in_flight_bytes": story.in_flight_bytes,
                "cutpoint.bytes": story.bytes,
                "cutpoint.written_bytes": story.fresh_bytes,
            }
        else:
            told["cutpoint.cause"] = story.cause
        if story.held_by:
            told["cutpoint.held_by"] = story.held_by[0].process
        return told

    def _phases(self, cut: Span) -> None:
        since = 0.0
        for phase in PHASES:
            if (seconds := self._story.phases.get(phase)) is not None:
                began = self._story.seconds if phase == "registry" else since
                self._span(f"cutpoint.cut.{phase}", cut, began, {}).end(end_time=self._at(began + seconds))
                since += seconds

    def _process(self, cut: Span, process: ProcessStory) -> None:
        """A process, and what it did: waited for open turns, recorded, stored. What never came lasts to the end."""
        begin, end = self._story.phases.get("numbering", 0.0), self._story.seconds
        captured = end if process.captured_seconds is None else begin + process.captured_seconds
        stored = end if process.stored_seconds is None else begin + process.stored_seconds
        told: dict[str, AttributeValue] = {
            "cutpoint.process": process.process,
            "cutpoint.stored": process.stored_seconds is not None,
            "cutpoint.in_flight": process.in_flight,
            "cutpoint.bytes": process.bytes,
            "cutpoint.written_bytes": process.fresh_bytes,
            "cutpoint.stall_seconds": process.stall_seconds,
        }
        span = self._span("cutpoint.process", cut, begin, told)
        waited = min(begin + process.waited_seconds, captured)
        if waited > begin:
            self._span("cutpoint.process.waiting", span, begin, {}).end(end_time=self._at(waited))
        self._span("cutpoint.process.recording", span, waited, {}).end(end_time=self._at(captured))
        if process.captured_seconds is not None:
            self._span("cutpoint.process.storing", span, captured, {}).end(end_time=self._at(stored))
        span.end(end_time=self._at(stored))

    def _span(self, name: str, parent: Span | None, at: float, told: dict[str, AttributeValue]) -> Span:
        from opentelemetry.trace import set_span_in_context

        context = _no_parent() if parent is None else set_span_in_context(parent, _no_parent())
        return self._tracer.start_span(name, context=context, start_time=self._at(at), attributes=told)

    def _at(self, seconds: float) -> int:
        return _nanoseconds(self._began + seconds)


def _tracer() -> Tracer | None:
    """That of the provider which is set now; None where nobody has loaded ``opentelemetry``."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry.trace import get_tracer

    return get_tracer(SCOPE)


def _no_parent() -> Context:
    """Whatever span the program has open has nothing to do with a cut."""
    from opentelemetry.context import Context

    return Context()


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
