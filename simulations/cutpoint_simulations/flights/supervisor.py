"""The parent of all processes of a run: starts them, kills them when that is due, and says when all is over.

Children that end are started again at once. The run is over when every flight is confirmed, every killed process has
recovered, and all services answer from one incarnation; an uncoordinated run, in which the counts need not meet,
when the origins have sent everything and nothing moves any more. Whatever happens, all children are stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import aiohttp
import msgspec

from cutpoint.errors import CutpointError
from cutpoint_simulations.flights.casualties import Casualty
from cutpoint_simulations.flights.children import Child, Nursery
from cutpoint_simulations.flights.feeds import http_session
from cutpoint_simulations.flights.kills import Schedule
from cutpoint_simulations.flights.progress import Progress, View
from cutpoint_simulations.flights.reading import Flight
from cutpoint_simulations.flights.report import AbandonedRow, PointRow, RecoveryRow
from cutpoint_simulations.flights.stage import DemoSettings, Stage
from cutpoint_simulations.flights.tallies import Tallies
from cutpoint_simulations.flights.watch import Watch

TICK_SECONDS = 0.02
SHOW_SECONDS = 0.2
START_SECONDS = 60.0
STUCK_SECONDS = 60.0
"""A run in which nothing is counted for so long is over, whatever is missing."""
QUIET_SECONDS = 2.0
"""An uncoordinated run in which nothing is counted for so long, and all is sent, is over."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. ``stuck``: nothing moved any more although something was missing; ``unreached``: kills."""

    tallies: Tallies
    recoveries: tuple[RecoveryRow, ...]
    unreached: tuple[str, ...]
    stuck: bool


class Supervisor:
    """One run on ``stage``; `run` may be called once."""

    def __init__(self, settings: DemoSettings, flights: tuple[Flight, ...], stage: Stage, progress: Progress) -> None:
        self._settings = settings
        self._flights = flights
        self._stage = stage
        self._progress = progress
        self._own = Counter(flight.origin for flight in flights)
        self._schedule = Schedule(settings.kills, seed=settings.seed)
        self._nursery = Nursery(self._child_ended)
        self._casualties: list[Casualty] = []
        self._recoveries: list[RecoveryRow] = []
        self._moved_at = time.monotonic()
        self._flown = (0, 0, 0)
        self.watch: Watch | None = None

    async def run(self) -> Ended:
        """Run to the end. Raises `CutpointError` if processes cannot be started or kept running."""
        try:
            async with http_session() as http:
                watch = self.watch = Watch(self._stage, http)
                await self._start(watch, http)
                watch.start()
                try:
                    stuck = await self._fly(watch)
                finally:
                    await watch.stop()
                return Ended(
                    tallies=watch.tallies(),
                    recoveries=tuple(self._recoveries),
                    unreached=tuple(str(kill) for kill in self._schedule.ahead),
                    stuck=stuck,
                )
        finally:
            self._nursery.stop()

    def story(self) -> tuple[tuple[PointRow, ...], tuple[AbandonedRow, ...]]:
        """The recovery points and the abandoned cuts that were seen, by number."""
        if self.watch is None:
            return (), ()
        return self.watch.point_rows(), tuple(row for _, row in sorted(self.watch.abandoned.items()))

    async def _start(self, watch: Watch, http: aiohttp.ClientSession) -> None:
        stage = self._stage
        if stage.etcd is not None and stage.coordinator is not None:
            self._progress.tell("etcd starts")
            self._nursery.add(stage.etcd)
            await asyncio.to_thread(stage.etcd.server.wait_healthy)
            self._progress.tell("the coordinator starts")
            self._nursery.add(stage.coordinator)
            await self._wait_coordinator(watch, http, stage.coordinator)
        self._progress.tell(f"{len(stage.services)} services start")
        for service in stage.services:
            self._nursery.add(service)

    async def _wait_coordinator(self, watch: Watch, http: aiohttp.ClientSession, coordinator: Child) -> None:
        deadline = time.monotonic() + START_SECONDS
        while await watch.topology.ask(http) is None:
            self._nursery.tend()
            if time.monotonic() > deadline:
                raise CutpointError(f"the coordinator did not answer within {START_SECONDS:g} s; see {coordinator.log}")
            await asyncio.sleep(TICK_SECONDS)

    async def _fly(self, watch: Watch) -> bool:
        """Run until all is over; True if it got stuck."""
        shown_at = 0.0
        self._moved_at = time.monotonic()
        while True:
            self._nursery.tend()
            self._note(watch)
            self._kill_if_due(watch)
            if time.monotonic() - shown_at > SHOW_SECONDS:
                shown_at = time.monotonic()
                self._progress.show(self._view(watch))
            if self._may_be_over(watch) and await watch.settled(lambda: self._may_be_over(watch)):
                self._note(watch)
                self._progress.show(self._view(watch))
                return False
            if time.monotonic() - self._moved_at > STUCK_SECONDS:
                return True
            await asyncio.sleep(TICK_SECONDS)

    def _note(self, watch: Watch) -> None:
        """Take in what has happened since the last look."""
        points, abandoned = watch.look()
        for point in points:
            self._progress.published(point)
        for ended in abandoned:
            self._progress.tell(f"cut {ended.cut} abandoned: {ended.reason}")
        for casualty in tuple(self._casualties):
            if (row := casualty.recovered()) is not None:
                self._casualties.remove(casualty)
                self._recoveries.append(row)
                back = "" if row.cut is None else f", back to cut {row.cut}"
                self._progress.tell(f"{row.killed} serves again {row.seconds:.2f} s after its kill{back}")
        if (flown := watch.flown()) != self._flown:
            self._flown, self._moved_at = flown, time.monotonic()

    def _kill_if_due(self, watch: Watch) -> None:
        if not watch.serving_since or (kill := self._schedule.due(watch.rounds())) is None:
            return
        candidates = self._nursery.named(kill.kind)
        if not candidates:
            self._progress.tell(f"{kill}: an uncoordinated run has no {kill.kind}")
            return
        victim = self._schedule.choose(candidates)
        casualty = Casualty(victim, watch, coordinated=self._stage.coordinator is not None)
        self._nursery.kill(victim)
        self._casualties.append(casualty)
        self._moved_at = time.monotonic()
        self._progress.tell(f"kill -9 {victim.name} ({kill})")

    def _may_be_over(self, watch: Watch) -> bool:
        """Whether everything that was seen last says that the run is over."""
        if self._casualties or not watch.serving_since:
            return False
        origins = watch.standings(self._stage.origins)
        if self._stage.coordinator is not None:
            return all(origin.done for origin in origins)
        sent = all(origin.position == self._own[origin.name] for origin in origins)
        return sent and time.monotonic() - self._moved_at > QUIET_SECONDS

    def _child_ended(self, child: Child) -> None:
        self._progress.tell(f"{child.name} ended by itself and is started again; see {child.log}")

    def _view(self, watch: Watch) -> View:
        departed, landed, confirmed = watch.flown()
        topology = watch.topology.latest
        return View(
            flights=len(self._flights),
            departed=departed,
            landed=landed,
            confirmed=confirmed,
            points=watch.rounds(),
            incarnation=topology.incarnation if topology is not None else 0,
            recovering=tuple(casualty.child.name for casualty in self._casualties),
        )
