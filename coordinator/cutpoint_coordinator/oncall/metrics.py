"""What a coordinator counts: counters and histograms, in a registry of its own, never in the process's global one.

Labels take few values, however many processes there are and however long it runs: words of this code, phases, causes,
and in `gauges` the slowest processes of the last cut.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from cutpoint.protocol.cut_story import PHASES, WANTED, CutStory
from cutpoint_coordinator.answers import NoticeAnswer
from cutpoint_coordinator.history.records import CutRecord

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
MESSAGES = (0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
BYTES = tuple(float(1024 * 4**power) for power in range(12))

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """All counters of one coordinator's process. They begin at 0 with it, as counters do."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._cuts = self._counter("cutpoint_cuts", "Cuts that ended while this coordinator led.", "outcome", "cause")
        self._seconds = self._histogram("cutpoint_cut_duration_seconds", "From a cut's opening to its end.", "outcome")
        self._phases = self._histogram(
            "cutpoint_cut_phase_seconds", "Duration of each phase of published cuts.", "phase"
        )
        self._stall = self._histogram("cutpoint_cut_stall_seconds", "The longest stall of an event loop by a cut.")
        self._in_flight = self._histogram(
            "cutpoint_cut_in_flight_messages", "Messages in flight in a published cut.", buckets=MESSAGES
        )
        self._in_flight_bytes = self._histogram(
            "cutpoint_cut_in_flight_bytes",
            "The length of the messages in flight in a published cut.",
            buckets=(0.0, *BYTES),
        )
        self._fresh = self._histogram(
            "cutpoint_cut_written_bytes", "What a published cut has written: its delta.", buckets=BYTES
        )
        self._notices = self._counter("cutpoint_notices", "What happened, by kind.", "kind")
        self._registry_seconds = self._histogram(
            "cutpoint_registry_call_seconds", "Duration of calls to the registry.", "call"
        )
        self._registry_failures = self._counter(
            "cutpoint_registry_failures", "Calls to the registry that failed.", "call"
        )
        self._store_seconds = self._histogram("cutpoint_store_call_seconds", "Duration of calls to the store.", "call")
        self._store_failures = self._counter("cutpoint_store_failures", "Calls to the store that failed.", "call")
        self._deliveries = self._counter(
            "cutpoint_webhook_deliveries", "Alerts delivered or lost, and attempts that failed.", "webhook", "outcome"
        )
        for outcome in ("published", "failed", "wanted"):
            self._seconds.labels(outcome)
        self._cuts.labels("published", "")
        for phase in PHASES:
            self._phases.labels(phase)

    def cut_ended(self, record: CutRecord) -> None:
        """Count one cut."""
        story = record.story
        outcome = outcome_of(story)
        self._cuts.labels(outcome, story.cause).inc()
        self._seconds.labels(outcome).observe(story.seconds)
        if not story.published or story.found:
            return
        for phase, seconds in story.phases.items():
            self._phases.labels(phase).observe(seconds)
        self._stall.observe(story.stall_seconds)
        self._in_flight.observe(story.in_flight)
        self._in_flight_bytes.observe(story.in_flight_bytes)
        self._fresh.observe(story.fresh_bytes)

    def noticed(self, notice: NoticeAnswer) -> None:
        """Count one notice; its kind is a word of this code."""
        self._notices.labels(notice.kind).inc()

    def registry_called(self, call: str, seconds: float, failed: bool) -> None:
        """One call to the registry."""
        self._registry_seconds.labels(call).observe(seconds)
        if failed:
            self._registry_failures.labels(call).inc()

    def store_called(self, call: str, seconds: float, failed: bool) -> None:
        """One call to the store."""
        self._store_seconds.labels(call).observe(seconds)
        if failed:
            self._store_failures.labels(call).inc()

    def alert_sent(self, webhook: str, outcome: str) -> None:
        """An alert was ``delivered`` or ``lost``, or an attempt has ``failed``."""
        self._deliveries.labels(webhook, outcome).inc()

    def exposition(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, *labels: str, buckets: tuple[float, ...] = SECONDS) -> Histogram:
        return Histogram(name, about, labels, registry=self.registry, buckets=buckets)


def outcome_of(story: CutStory) -> str:
    """How a cut ended, in one word of three."""
    if story.published:
        return "published"
    return "wanted" if story.cause in WANTED else "failed"
