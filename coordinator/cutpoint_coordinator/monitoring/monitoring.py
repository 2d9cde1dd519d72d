"""All monitors of one leadership: read from the registry, each watched, brought and taken away by administrators.

What is found out goes into the registry with at most one transaction at a time, however many monitors there are, and
never before a cut: a cut has ended when it is looked at. A record that cannot be read, or that nobody whose key is
trusted has signed, is told and not run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from cutpoint.errors import Damaged, Fenced, StoreError, StoreUnavailable, UsageError
from cutpoint.monitors.deployed import Deployed, read_deployed, write_deployed
from cutpoint.monitors.results import Judged, Results
from cutpoint.names import CutNumber
from cutpoint.store import Backend
from cutpoint.store.marks import add_mark
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.monitoring.answers import MonitorAnswer, MonitorsAnswer, monitor_answer
from cutpoint_coordinator.monitoring.evaluators import MakeEvaluator
from cutpoint_coordinator.monitoring.watch import Watch
from cutpoint_coordinator.notices import Notices, now_utc
from cutpoint_coordinator.records import Records
from cutpoint_coordinator.unending import AGAIN_SECONDS, until_done

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.driver import Driver

PREFIX = "monitors/"
RESULTS = "/results"
MONITORS_MAX = 32
"""How many monitors a computation may have: what is known of all of them fits into one transaction."""

AT_ONCE = 2
"""How many monitors are asked at a time."""


class Monitoring:
    """The monitors of one leadership. Belongs to the event loop that it was made on."""

    def __init__(
        self, *, driver: Driver, backend: Backend, keys: KeyRing | None, notices: Notices, make_evaluator: MakeEvaluator
    ) -> None:
        self._driver = driver
        self._records: Records = driver.records
        self._backend = backend
        self._keys = keys
        self._notices = notices
        self._make_evaluator = make_evaluator
        self._watches: dict[str, Watch] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refused: dict[str, str] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._changing = asyncio.Lock()
        self._unsaved: dict[str, None] = {}
        self._save = asyncio.Event()
        self._main: asyncio.Task[None] | None = None
        driver.on_cut_end.append(self._cut_ended)

    def start(self) -> None:
        """Read which monitors there are, and begin."""
        self._main = asyncio.create_task(self._run(), name="cutpoint monitors")

    async def close(self) -> None:
        """Ask no more; the monitors' processes are killed."""
        tasks = [task for task in (self._main, *self._tasks.values()) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    @property
    def unsaved(self) -> tuple[str, ...]:
        """The monitors of which the registry does not know all yet."""
        return tuple(self._unsaved)

    def status(self) -> MonitorsAnswer:
        """All monitors, by name, and the records that are not run."""
        found = (monitor_answer(watch.deployed, watch.results) for _, watch in sorted(self._watches.items()))
        return MonitorsAnswer(monitors=tuple(found), refused=dict(sorted(self._refused.items())))

    def one(self, name: str) -> MonitorAnswer:
        """The monitor of this name. Raises `Refused`."""
        watch = self._watches.get(name)
        if watch is None:
            raise _unknown(name)
        return monitor_answer(watch.deployed, watch.results)

    async def put(self, deployed: Deployed) -> MonitorAnswer:
        """Begin to ask ``deployed``, in the place of one of the same name. Raises `Refused` if it cannot be loaded.

        It is kept by the registry when this returns, and looks at the last recovery point first.
        """
        async with self._changing:
            if deployed.name not in self._watches and len(self._watches) >= MONITORS_MAX:
                raise Refused(
                    409,
                    "too_many_monitors",
                    f"there are {len(self._watches)} monitors, and no more are allowed; nothing was changed",
                    "remove one, or put several claims into one monitor",
                )
            await self._try(deployed)
            results = Results(last=max(max(self._points(), default=0) - 1, 0))
            await self._records.write(
                f"monitor {deployed.name}",
                (
                    (_key(deployed.name), write_deployed(deployed, self._keys)),
                    (_key(deployed.name) + RESULTS, msgspec.json.encode(results)),
                ),
            )
            await self._end(deployed.name)
            self._watch(deployed, results)
            by = f" by {deployed.by}" if deployed.by else ""
            fields = {"monitor": deployed.name, "code": deployed.digest}
            self._notices.add("monitor added", f"monitor {deployed.name} was added{by}", fields)
            return monitor_answer(deployed, results)

    async def remove(self, name: str) -> MonitorAnswer:
        """Ask the monitor no more, and forget its results. Raises `Refused` if there is none."""
        async with self._changing:
            if name not in self._watches and name not in self._refused:
                raise _unknown(name)
            await self._records.write(f"monitor {name}", (), (_key(name), _key(name) + RESULTS))
            watch = self._watches.get(name)
            await self._end(name)
            self._refused.pop(name, None)
            self._notices.add("monitor removed", f"monitor {name} was removed", {"monitor": name})
            return MonitorAnswer(name=name) if watch is None else monitor_answer(watch.deployed, watch.results)

    # --------------------------------------------------------------------------------------------------- inside

    async def _run(self) -> None:
        await until_done(self._load, "reading the monitors")
        while True:
            await self._save.wait()
            self._save.clear()
            await until_done(self._write, "keeping what monitors found")

    async def _try(self, deployed: Deployed) -> None:
        """Raise `Refused` unless the monitor can be loaded."""
        evaluator = self._make_evaluator(deployed)
        try:
            loaded = await evaluator.prepare()
        finally:
            await evaluator.close()
        if loaded.verdict != "well":
            raise Refused(
                422,
                "monitor_unfit",
                f"monitor {deployed.name} cannot be run: {loaded.complaint}; nothing was changed",
                "correct it, try it with `cutpoint monitors run`, and add it again",
            )

    async def _load(self) -> None:
        async with self._changing:
            records = {record.key: record.value for record in await self._records.scan(PREFIX)}
            for key in [key for key in records if not key.endswith(RESULTS)]:
                name = key.removeprefix(PREFIX)
                try:
                    deployed = read_deployed(records[key], self._keys, name=name)
                except Damaged as error:
                    self._refused[name] = str(error)
                    self._notices.add("monitor refused", str(error), {"monitor": name}, level=logging.WARNING)
                    continue
                self._watch(deployed, _results(records.get(key + RESULTS, b"")))

    async def _write(self) -> None:
        """Keep what was found out, all of it in one transaction."""
        async with self._changing:
            names = [name for name in self._unsaved if name in self._watches]
            puts = [(_key(n) + RESULTS, msgspec.json.encode(self._watches[n].results)) for n in names]
            if puts:
                with contextlib.suppress(Fenced):
                    await self._records.write("monitors", puts)
            for name, value in zip(names, puts, strict=True):
                if name not in self._watches or value[1] == msgspec.json.encode(self._watches[name].results):
                    self._unsaved.pop(name, None)

    def _watch(self, deployed: Deployed, results: Results) -> None:
        watch = self._watches[deployed.name] = Watch(
            deployed=deployed,
            results=results,
            evaluator=self._make_evaluator(deployed),
            points=self._points,
            gate=self._gate,
            act=self._act,
            clock=now_utc,
        )
        name = f"cutpoint monitor {deployed.name}"
        self._tasks[deployed.name] = asyncio.create_task(until_done(watch.run, f"monitor {deployed.name}"), name=name)

    async def _end(self, name: str) -> None:
        self._watches.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def _points(self) -> tuple[int, ...]:
        return tuple(map(int, self._driver.core.ledger.points))

    def _cut_ended(self) -> None:
        for watch in self._watches.values():
            watch.due.set()

    async def _act(self, watch: Watch, cut: int, judged: Judged) -> None:
        if judged.pin and watch.deployed.pins:
            await self._pin(watch.deployed.name, CutNumber(cut))
        for news in judged.news:
            level = logging.WARNING if news.loud else logging.INFO
            self._notices.add(news.kind, news.text, news.fields, level=level)
        self._unsaved[watch.deployed.name] = None
        self._save.set()

    async def _pin(self, name: str, cut: CutNumber) -> None:
        """Keep the evidence: a label says why, a pin keeps it whatever the policy says."""
        at = datetime.fromtimestamp(time.time(), UTC)
        say = partial(add_mark, self._backend, cut, by=f"monitor {name}", at=at, keys=self._keys)
        while True:
            try:
                await asyncio.to_thread(say, "pin")
                await asyncio.to_thread(say, "label", label=f"violation-{name}")
                return
            except StoreUnavailable as error:
                text = f"recovery point {cut} is not pinned yet for monitor {name}: {error}. Trying again."
                self._notices.add("store unreachable", text, level=logging.WARNING)
                await asyncio.sleep(AGAIN_SECONDS)
            except (StoreError, UsageError) as error:
                text = f"recovery point {cut}, of which monitor {name} complains, could not be pinned: {error}"
                self._notices.add("evidence not pinned", text, {"monitor": name, "cut": cut}, level=logging.WARNING)
                return


def _key(name: str) -> str:
    return f"{PREFIX}{name}"


def _results(data: bytes) -> Results:
    """What was kept of a monitor; nothing, if that cannot be read: it begins again."""
    try:
        return msgspec.json.decode(data, type=Results)
    except (msgspec.MsgspecError, UnicodeError, ValueError):
        return Results()


def _unknown(name: str) -> Refused:
    return Refused(404, "unknown_monitor", f"there is no monitor {name[:100]}; nothing was done", "see /v1/monitors")
