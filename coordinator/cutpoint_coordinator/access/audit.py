"""The audit log: who did what, when, from where, and how it ended. In the registry, below ``audit/<number>``.

Entries are written in their order, several in a transaction, by the leader; an act that changes or deletes what cannot
be had again waits until its entry is there, and is not done without one. What was denied is noted too: the first of a
kind at once, the rest as a number once a minute, so that nobody can fill the registry by knocking. Both kinds have a
bound of their own, and the oldest are dropped. No setting turns this off, and no field keeps a secret.

What a coordinator has noted and cannot write, because it does not lead, waits in memory until it leads again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from cutpoint.access import redacted
from cutpoint.errors import Fenced, RegistryError
from cutpoint.registry import Record
from cutpoint.wire.checks import one_line
from cutpoint_coordinator.access.answers import Entry
from cutpoint_coordinator.notices import Notices, now_utc
from cutpoint_coordinator.settings import LOG_NAME

if TYPE_CHECKING:
    from cutpoint_coordinator.records import Records

log = logging.getLogger(LOG_NAME)

PREFIX = "audit/"
KEPT = 2000
"""How many entries of what was done are kept."""

DENIED_KEPT = 200
"""How many entries of what was denied are kept, beside those."""

WAITING_MAX = 2000
"""How many entries may wait in memory to be written."""

KINDS_MAX = 20
"""How many kinds of denial are told apart within a minute; what is beyond is one kind."""

GATHER_SECONDS = 60.0
"""How long denials of one kind are counted before their number is written."""

BATCH = 40
"""How many entries go into one transaction; as many old ones may be dropped in it."""

BEGUN = "begun"
"""The outcome of an act that has not ended, or whose coordinator has."""


class Act:
    """Something that was done, or is under way, and its entry as it is now."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.stored = False


class Audit:
    """The log of one coordinator. ``author``: a name that no other coordinator has, for the ids."""

    def __init__(self, notices: Notices, *, author: str, gather_seconds: float = GATHER_SECONDS) -> None:
        self._notices = notices
        self._author = author
        self._gather_seconds = gather_seconds
        self._drawn = 0
        self._kept: dict[int, Entry] = {}
        self._next = 1
        self._waiting: dict[str, Act] = {}
        self._denials: dict[tuple[str, str, str], Act] = {}
        self._gathering: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._loaded = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.lost = 0

    # -------------------------------------------------------------------------------------------------- noting

    def note(self, *, who: str, what: str, target: str = "", origin: str = "", outcome: str = "done") -> Act:
        """Note what was done. It is written soon; `settled` waits until it is."""
        act = Act(self._entry(who=who, what=what, target=target, origin=origin, outcome=outcome))
        self._put(act)
        return act

    async def begin(self, *, who: str, what: str, target: str = "", origin: str = "") -> Act:
        """Note what is about to be done; return once that is durable. Raises `RegistryError` if it cannot be."""
        act = self.note(who=who, what=what, target=target, origin=origin, outcome=BEGUN)
        while not act.stored:
            if self._task is None or self._task.done():
                self._waiting.pop(act.entry.id, None)
                raise RegistryError(
                    "this is noted before it is done, and the registry cannot be written to; nothing was done; "
                    "try again in a moment"
                )
            self._settled.clear()
            await self._settled.wait()
        return act

    def finish(self, act: Act, outcome: str, target: str = "") -> None:
        """How it ended."""
        act.entry = msgspec.structs.replace(
            act.entry, outcome=_text(outcome), target=_text(target) if target else act.entry.target
        )
        self._put(act)

    def denied(self, *, who: str, what: str, origin: str, why: str) -> None:
        """Note that somebody was refused."""
        key = (who, what, origin)
        act = self._denials.get(key)
        if act is None and len(self._denials) >= KINDS_MAX:
            key = ("various", "various", "various")
            act = self._denials.get(key)
        if act is not None:
            act.entry = msgspec.structs.replace(act.entry, count=act.entry.count + 1)
            return
        who, what, origin = key
        act = Act(self._entry(who=who, what=what, target="", origin=origin, outcome=f"denied: {why}", denied=True))
        self._denials[key] = act
        self._put(act)
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(self._gather_seconds, self._gathered)

    async def settled(self) -> None:
        """Wait until everything noted so far is durable, or nobody writes any more."""
        while self._waiting and self._task is not None and not self._task.done():
            self._settled.clear()
            await self._settled.wait()

    async def entries(self) -> tuple[Entry, ...]:
        """All entries, the newest first; waits for those that were noted to be written."""
        await self._loaded.wait()
        await self.settled()
        return tuple(self._kept[number] for number in sorted(self._kept, reverse=True))

    # ------------------------------------------------------------------------------------------------ writing

    def attach(self, records: Records) -> None:
        """This coordinator leads: write through ``records``."""
        self._loaded.clear()
        self._task = asyncio.create_task(self._write_all(records), name="cutpoint audit")

    async def detach(self) -> None:
        """It leads no more. What could not be written waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
        self._loaded.set()
        self._settled.set()

    def close(self) -> None:
        """No more timers."""
        if self._gathering is not None:
            self._gathering.cancel()

    async def _write_all(self, records: Records) -> None:
        try:
            await self._load(records)
            while True:
                await self._wake.wait()
                self._wake.clear()
                while batch := tuple(act for act, _ in zip(self._waiting.values(), range(BATCH), strict=False)):
                    await self._write(records, batch)
                self._settled.set()
        except Fenced as error:
            log.warning("the audit log is written by the next leader from here on: %s", error)
        except Exception as error:
            self._notices.add(
                "audit log broken",
                f"the audit log cannot be written ({type(error).__name__}: {redacted(one_line(error))}); "
                "nothing that changes or deletes is done until it can; this coordinator has to be started again",
                level=logging.ERROR,
            )
        finally:
            self._settled.set()
            self._loaded.set()

    async def _load(self, records: Records) -> None:
        kept = dict[int, Entry]()
        for record in await self._until_scanned(records):
            try:
                entry = msgspec.json.decode(record.value, type=Entry)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                self._notices.add(
                    "audit entry damaged",
                    f"the registry's record {one_line(record.key)} is damaged and is left as it is",
                    level=logging.WARNING,
                )
                continue
            kept[entry.number] = entry
        self._kept = kept
        self._next = max(kept, default=0) + 1
        there = {entry.id: None for entry in kept.values()}
        for key, act in tuple(self._waiting.items()):
            if act.entry.number and act.entry.number not in kept:
                del self._waiting[key]  # it was dropped as one of the oldest meanwhile
            elif not act.entry.number and key in there:
                del self._waiting[key]  # it was written after all, only the answer was lost
        self._loaded.set()
        self._wake.set()

    async def _until_scanned(self, records: Records) -> tuple[Record, ...]:
        while True:
            try:
                return await records.scan(PREFIX)
            except RegistryError as error:
                self._notices.add("registry unreachable", f"{error} Trying again.", level=logging.WARNING)
                await asyncio.sleep(0.5)

    async def _write(self, records: Records, batch: tuple[Act, ...]) -> None:
        """One transaction: these entries, and the oldest that are too many with them."""
        puts = dict[int, Entry]()
        for act in batch:
            number = act.entry.number
            if not number:
                number, self._next = self._next, self._next + 1
            puts[number] = msgspec.structs.replace(act.entry, number=number)
        after = {**self._kept, **puts}
        drops = tuple(number for number in _surplus(after) if number not in puts)[:BATCH]
        await records.write(
            "audit",
            [(key_of(number), msgspec.json.encode(entry)) for number, entry in puts.items()],
            [key_of(number) for number in drops],
        )
        self._kept = {number: entry for number, entry in after.items() if number not in drops}
        for act, (number, written) in zip(batch, puts.items(), strict=True):
            unchanged = msgspec.structs.replace(act.entry, number=number) == written
            act.entry = msgspec.structs.replace(act.entry, number=number)
            act.stored = True
            if unchanged:
                self._waiting.pop(act.entry.id, None)
        self._settled.set()

    # ------------------------------------------------------------------------------------------------- inside

    def _entry(self, *, who: str, what: str, target: str, origin: str, outcome: str, denied: bool = False) -> Entry:
        self._drawn += 1
        return Entry(
            number=0,
            at=now_utc(),
            who=_text(who),
            what=_text(what),
            target=_text(target),
            origin=_text(origin),
            outcome=_text(outcome),
            denied=denied,
            id=f"{self._author}-{self._drawn}",
        )

    def _put(self, act: Act) -> None:
        if act.entry.id not in self._waiting and len(self._waiting) >= WAITING_MAX:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            self.lost += 1
            if self.lost == 1 or self.lost % 1000 == 0:
                self._notices.add(
                    "audit entries lost",
                    f"{self.lost} entries of the audit log could not be written in time and are lost; "
                    "mend the registry",
                    level=logging.ERROR,
                )
        self._waiting[act.entry.id] = act
        self._wake.set()

    def _gathered(self) -> None:
        """A minute is over: write the numbers of what was denied since."""
        self._gathering = None
        denials, self._denials = self._denials, {}
        for act in denials.values():
            if act.entry.count > 1:
                self._put(act)


def key_of(number: int) -> str:
    """Where the entry with this number lies; keys are in the order of numbers."""
    return f"{PREFIX}{number:012d}"


def _surplus(entries: dict[int, Entry]) -> Iterator[int]:
    """What is beyond the bounds, the oldest of each kind."""
    for denied, kept in ((False, KEPT), (True, DENIED_KEPT)):
        numbers = sorted(number for number, entry in entries.items() if entry.denied is denied)
        yield from numbers[: max(0, len(numbers) - kept)]


def _text(value: str) -> str:
    return redacted(one_line(value))
