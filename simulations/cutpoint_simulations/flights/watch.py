"""What can be seen of a run from outside: the services' standing and what the coordinator tells.

In an uncoordinated run there is no coordinator: recovery points are then counted by the clock, one an interval, which
is when the services write their local checkpoints.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import aiohttp

from cutpoint_coordinator.answers import CutsAnswer, PointAnswer, RecoveriesAnswer, TopologyAnswer
from cutpoint_simulations.flights.feeds import Feed
from cutpoint_simulations.flights.report import AbandonedRow, PointRow
from cutpoint_simulations.flights.stage import INTERVAL_SECONDS, Stage
from cutpoint_simulations.flights.standing import Standing
from cutpoint_simulations.flights.tallies import Tallies, merge

SERVICE_SECONDS = 0.1
COORDINATOR_SECONDS = 0.1


class Watch:
    """Follows every process of ``stage``. Nothing that is read here waits."""

    def __init__(self, stage: Stage, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._stage = stage
        self._tasks: list[asyncio.Task[None]] = []
        self.points: dict[int, PointAnswer] = {}
        self.abandoned: dict[int, AbandonedRow] = {}
        self.serving_since = 0.0
        self.services = {
            service.name: Feed(f"{stage.url(service.name)}/tallies", Standing, every_seconds=SERVICE_SECONDS)
            for service in stage.services
        }
        at = f"{stage.coordinator_url}/v1"
        self.cuts = Feed(f"{at}/cuts", CutsAnswer, every_seconds=COORDINATOR_SECONDS)
        self.topology = Feed(f"{at}/topology", TopologyAnswer, every_seconds=COORDINATOR_SECONDS)
        self.recoveries = Feed(f"{at}/recoveries", RecoveriesAnswer, every_seconds=COORDINATOR_SECONDS)

    def start(self) -> None:
        """Begin to follow."""
        coordinated = self._stage.coordinator is not None
        feeds: list[Feed[Standing] | Feed[CutsAnswer] | Feed[TopologyAnswer] | Feed[RecoveriesAnswer]] = [
            *self.services.values()
        ]
        if coordinated:
            feeds += [self.cuts, self.topology, self.recoveries]
        self._tasks = [asyncio.create_task(feed.follow(self._http)) for feed in feeds]

    async def stop(self) -> None:
        """Follow no more. Raises what ended a task before its time."""
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    def look(self) -> tuple[list[PointAnswer], list[AbandonedRow]]:
        """Take in what has come since the last look: new recovery points and newly abandoned cuts."""
        if not self.serving_since and all(feed.latest is not None for feed in self.services.values()):
            self.serving_since = time.monotonic()
        points: list[PointAnswer] = []
        abandoned: list[AbandonedRow] = []
        for cut in self.cuts.latest.cuts if self.cuts.latest is not None else ():
            if cut.state == "published" and cut.point is not None and cut.cut not in self.points:
                self.points[cut.cut] = cut.point
                points.append(cut.point)
            elif cut.state == "abandoned" and cut.cut not in self.abandoned:
                self.abandoned[cut.cut] = AbandonedRow(cut=cut.cut, reason=cut.reason)
                abandoned.append(self.abandoned[cut.cut])
        return points, abandoned

    def rounds(self) -> int:
        """How many recovery points were published; uncoordinated: how many intervals the services have served."""
        if self._stage.coordinator is not None:
            return len(self.points)
        return int((time.monotonic() - self.serving_since) / INTERVAL_SECONDS) if self.serving_since else 0

    def last_cut(self) -> int:
        """The number of the newest recovery point, 0: none."""
        return max(self.points, default=0)

    def standings(self, names: Iterable[str]) -> list[Standing]:
        """What these services said last; those that have not answered yet are left out."""
        return [latest for name in names if (latest := self.services[name].latest) is not None]

    def flown(self) -> tuple[int, int, int]:
        """Flights departed, landed and confirmed, as far as the services have said."""
        origins, regions = self.standings(self._stage.origins), self.standings(self._stage.regions)
        departed, landed = (sum(standing.position for standing in group) for group in (origins, regions))
        return departed, landed, sum(sum(origin.tallies.confirmed.values()) for origin in origins)

    def tallies(self) -> Tallies:
        """All services' tallies together."""
        return merge(standing.tallies for standing in self.standings(self.services))

    def point_rows(self) -> tuple[PointRow, ...]:
        """The recovery points as the report has them."""
        return tuple(
            PointRow(
                cut=point.cut,
                in_flight=point.in_flight,
                duration_seconds=point.duration_seconds,
                stall_seconds=point.stall_seconds,
            )
            for _, point in sorted(self.points.items())
        )

    async def ask_services(self) -> bool:
        """Ask every service now; whether all have answered."""
        answers = await asyncio.gather(*(feed.ask(self._http) for feed in self.services.values()))
        return all(answer is not None for answer in answers)

    async def settled(self, finished: Callable[[], bool]) -> bool:
        """Whether all services stand still at one incarnation, ``finished`` holds, and their tallies are of that."""
        if self._stage.coordinator is None:
            return await self.ask_services() and finished()
        before = await self.topology.ask(self._http)
        if before is None or before.recovery is not None or not await self.ask_services():
            return False
        after = await self.topology.ask(self._http)
        return (
            after is not None
            and after.recovery is None
            and after.incarnation == before.incarnation
            and all(member.running for member in after.members)
            and finished()
        )
