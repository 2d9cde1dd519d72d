"""The matrix: the coordinator that leads is killed and stopped at each stage of a cut, in each state of etcd."""

from __future__ import annotations

import asyncio
import dataclasses
import signal
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from cutpoint.testing.etcd_server import EtcdServer
from tests.agents.rig import until
from tests.faults.books import Books
from tests.faults.deployment import Deployment

STAGES = {
    "requested": "a cut is asked for, its number is not durable",
    "begun": "its members were told to begin",
    "some-parts": "the first part is stored",
    "all-parts": "all parts are stored",
    "written": "the manifest is written",
    "before": "just before the registry's transaction",
    "after": "the registry has it, nobody has heard",
}
"""Where a coordinator can be struck, in the order of a cut."""

STRIKES = {"killed": signal.SIGKILL, "paused": signal.SIGSTOP}
ETCD = ("healthy", "leader killed", "leader paused", "follower killed", "all restarted")
PAUSE_SECONDS = 10.0
AWAY_SECONDS = 3.0
"""How long a member of etcd is away."""

PATIENCE_SECONDS = 60.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """The leader is ``struck`` at ``stage`` while this happens to ``etcd``."""

    stage: str
    struck: str
    etcd: str = "healthy"

    def __str__(self) -> str:
        return f"{self.struck} at {self.stage}, etcd {self.etcd}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a cell: seconds from the strike to the next recovery point, and all that was wrong."""

    cell: Cell
    outage_seconds: float
    wrong: tuple[str, ...]


CELLS = tuple(Cell(stage=stage, struck=struck, etcd=etcd) for struck in STRIKES for etcd in ETCD for stage in STAGES)


async def run_cells(
    folder: Path,
    cells: Iterable[Cell],
    *,
    pause_seconds: float = PAUSE_SECONDS,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Run one cell after the other in one deployment below ``folder``; in the end the services are compared."""
    deployment = Deployment(folder)
    books = Books(deployment.cluster.url, folder / "store")
    outcomes = []
    async with deployment.running():
        for cell in cells:
            outcomes.append(await _run(deployment, books, cell, pause_seconds))
            tell(outcomes[-1])
        await deployment.services.check_end()
    return outcomes


async def _run(deployment: Deployment, books: Books, cell: Cell, pause_seconds: float) -> Outcome:
    services = deployment.services
    victim = await deployment.leader()
    etcd_leader = await asyncio.to_thread(deployment.cluster.leader)
    followers = [member for member in deployment.cluster.members if member is not etcd_leader]
    known = len(services.violations)
    deployment.order(cell.stage, STRIKES[cell.struck])
    await until(lambda: deployment.struck() is not None, PATIENCE_SECONDS)
    at = deployment.struck() or 0.0
    last = max(services.published)
    mend = _disturb(deployment, cell.etcd, etcd_leader, followers)
    try:
        # What was as good as published when it was struck is no sign of life: the one after the next is.
        await until(lambda: any(cut > last + 1 for cut in services.published), PATIENCE_SECONDS)
        outage = min(when for cut, when in services.published.items() if cut > last and when > at) - at
        if cell.struck == "paused":
            await asyncio.sleep(max(0.0, at + pause_seconds - time.time()))
            victim.send(signal.SIGCONT)
        wrong = []
    except TimeoutError:
        victim.send(signal.SIGCONT)
        outage, wrong = float("inf"), [f"no cut was published within {PATIENCE_SECONDS:g} s"]
    await mend
    if cell.struck == "killed":
        victim.end()
        victim.launch()
    await deployment.wait_ready(PATIENCE_SECONDS)
    if victim.pid is None:
        wrong.append("the coordinator that was struck does not run any more")
    wrong += [*services.violations[known:], *await books.compare()]
    return Outcome(cell=cell, outage_seconds=outage, wrong=tuple(wrong))


def _disturb(deployment: Deployment, what: str, leader: EtcdServer, followers: list[EtcdServer]) -> asyncio.Task[None]:
    """Do to etcd what is said; what is returned is done when all of it is well again."""
    members = [leader, *followers]
    if what == "leader killed":
        leader.kill()
    elif what == "leader paused":
        leader.pause()
    elif what == "follower killed":
        followers[0].kill()
    elif what == "all restarted":
        for member in members:
            member.kill()
        for member in members:
            member.launch()

    async def mend() -> None:
        if what not in ("healthy", "all restarted"):
            await asyncio.sleep(AWAY_SECONDS)
        for member in members:
            member.resume()
            member.launch()
        for member in members:
            await asyncio.to_thread(member.wait_healthy, deadline_seconds=PATIENCE_SECONDS)

    return asyncio.create_task(mend())


def table(outcomes: Iterable[Outcome]) -> str:
    """The matrix, outages in seconds, and the sum of it."""
    outcomes = tuple(outcomes)
    found = {outcome.cell: outcome for outcome in outcomes}
    lines = [f"{'outage, seconds':24}" + "".join(f"{etcd:>17}" for etcd in ETCD)]
    for struck in STRIKES:
        for stage in STAGES:
            cells = [found.get(Cell(stage=stage, struck=struck, etcd=etcd)) for etcd in ETCD]
            if any(cells):
                lines.append(f"{f'{struck} at {stage}':24}" + "".join(f"{_shown(cell):>17}" for cell in cells))
    for struck in STRIKES:
        seconds = [outcome.outage_seconds for outcome in outcomes if outcome.cell.struck == struck]
        if seconds:
            lines.append(
                f"leader {struck}: {len(seconds)} times, outage {statistics.median(seconds):.2f} s median, "
                f"{max(seconds):.2f} s worst"
            )
    wrong = [f"{outcome.cell}: {complaint}" for outcome in outcomes for complaint in outcome.wrong]
    lines.append(f"{len(outcomes)} cells, {len(wrong)} violations")
    return "\n".join([*lines, *wrong])


def _shown(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    return f"{outcome.outage_seconds:.2f}{' WRONG' if outcome.wrong else ''}"
