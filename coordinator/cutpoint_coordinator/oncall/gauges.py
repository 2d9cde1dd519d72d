"""What holds at the moment when somebody looks: read from the core, the history and the upkeep, and kept nowhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cutpoint_coordinator.answers import CollectionStatus, ReplicaStatus
from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.history import History
from cutpoint_coordinator.history.figures import figures, seconds_of

if TYPE_CHECKING:
    from cutpoint_coordinator.service import Service

STATES = ("member", "leaving", "released", "waiting")


class Gauges(Collector):
    """Those of one service. Where it does not lead, it says that, and nothing of what only a leader knows."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is read before somebody looks."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Everything that holds now."""
        service, driver = self._service, self._service.leading()
        leads = not isinstance(driver, str)
        yield _gauge("cutpoint_coordinator_leads", "1 where this coordinator leads.", float(leads))
        if isinstance(driver, str):
            return
        yield from _computation(driver)
        yield from self._history(driver.history)
        if service.keeping is not None:
            yield from _collection(service.keeping.collecting.status())
            if service.keeping.replicating is not None:
                yield from _replica(service.keeping.replicating.status())

    def _history(self, history: History) -> Iterator[GaugeMetricFamily]:
        settings = self._service.settings
        told = figures(
            history, now=time.time(), window_seconds=settings.objective_seconds, objective=settings.objective
        )
        budget = told.budget
        yield _gauge("cutpoint_objective_ratio", "The share of cuts that is to be published.", budget.objective)
        yield _gauge("cutpoint_error_budget_left_ratio", "The share of the error budget that is left.", budget.left)
        if told.success_rate is not None:
            yield _gauge("cutpoint_success_ratio", "The share of cuts that was published.", told.success_rate)
        yield _gauge("cutpoint_time_share_ratio", "The share of the time with a cut open.", told.share_of_time)
        yield _gauge("cutpoint_stall_share_ratio", "The share of the time stalled by cuts, at worst.", told.stall_share)
        if not history.cuts:
            return
        last = next(reversed(history.cuts.values())).story
        stall = GaugeMetricFamily(
            "cutpoint_process_stall_seconds", "Stall in the last cut, of its slowest processes.", labels=["process"]
        )
        stored = GaugeMetricFamily(
            "cutpoint_process_stored_seconds", "From Begin to the stored part, in the last cut.", labels=["process"]
        )
        for process in last.processes:
            stall.add_metric([process.process], process.stall_seconds)
            if process.stored_seconds is not None:
                stored.add_metric([process.process], process.stored_seconds)
        yield stall
        yield stored


def _computation(driver: Driver) -> Iterator[GaugeMetricFamily]:
    seen, ledger = driver.core.statistics(), driver.core.ledger
    yield _gauge("cutpoint_incarnation", "The number of the present life of the computation.", seen.incarnation)
    yield _gauge("cutpoint_last_cut", "The highest number of a cut so far.", seen.last_cut)
    yield _gauge("cutpoint_recovery_points", "Recovery points that there are.", seen.points)
    damaged = sum(bool(point.damaged) for point in ledger.points.values())
    yield _gauge("cutpoint_damaged_points", "Recovery points that are known to be damaged.", damaged)
    newest = ledger.points[max(ledger.points)] if ledger.points else None
    if newest is not None:
        created = seconds_of(newest.created) if newest.created else 0.0
        yield _gauge("cutpoint_last_point_timestamp_seconds", "When the newest recovery point was written.", created)
        yield _gauge("cutpoint_last_point_bytes", "All that the newest recovery point needs.", newest.bytes)
    states = GaugeMetricFamily("cutpoint_processes", "Processes by state.", labels=["state"])
    for state in STATES:
        states.add_metric([state], sum(member.state == state for member in seen.members))
    yield states
    connected = sum(member.connected for member in seen.members)
    yield _gauge("cutpoint_connected_agents", "Agents that are connected.", connected)
    yield _gauge("cutpoint_open_cut_seconds", "For how long a cut is open; 0: none is.", _open_for(driver))
    yield _gauge("cutpoint_recovering", "1 while a recovery is under way.", float(seen.recovery is not None))
    yield _gauge("cutpoint_hindered", "1 while no cut could be opened.", float(bool(seen.hindrance)))


def _open_for(driver: Driver) -> float:
    cut = driver.core.statistics().cut
    return 0.0 if cut is None else max(0.0, asyncio.get_running_loop().time() - cut.opened_at)


def _replica(status: ReplicaStatus) -> Iterator[GaugeMetricFamily]:
    yield _gauge("cutpoint_replica_lag_points", "Recovery points that the replica does not have.", status.lag_points)
    yield _gauge("cutpoint_replica_lag_bytes", "What of them is to be copied.", status.lag_bytes)
    yield _gauge("cutpoint_replica_waiting_seconds", "For how long it waits for the oldest.", status.waiting_seconds)
    yield _gauge("cutpoint_replica_failing", "1 if the last try did not come to its end.", float(bool(status.failure)))


def _collection(status: CollectionStatus) -> Iterator[GaugeMetricFamily]:
    yield _gauge("cutpoint_collection_running", "1 while the store is being collected.", float(status.running))
    if status.last is None:
        return
    last = status.last
    yield _gauge("cutpoint_collection_timestamp_seconds", "When the last collection began.", seconds_of(last.at))
    yield _gauge("cutpoint_collection_freed_bytes", "What the last collection has freed.", last.bytes_freed)
    yield _gauge("cutpoint_collection_dropped_points", "Recovery points that it has dropped.", len(last.dropped))
    yield _gauge("cutpoint_collection_failed", "1 if it did not come to its end.", float(bool(last.failed)))


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)
