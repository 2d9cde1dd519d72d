"""All webhooks of one leadership: read from the registry, declared and taken away by administrators.

Every notice that is an alert is offered to each webhook, which has a task of its own. What waits and what became of it
is written to the registry beside that, so the next leader delivers what this one has not. So an alert arrives at least
once, with two exceptions, both counted where they can be: one that the leader raised and had not written yet when it
was killed, and one that its webhook did not take in time.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from cutpoint.registry import Record
from cutpoint.webhooks import Alert
from cutpoint_coordinator.answers import NoticeAnswer
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.notices import Notices, now_utc
from cutpoint_coordinator.unending import until_done
from cutpoint_coordinator.webhooks.answers import HookAnswer, HooksAnswer, NewHookAnswer, TrialAnswer, hook_answer
from cutpoint_coordinator.webhooks.delivery import Delivery
from cutpoint_coordinator.webhooks.kept import PREFIX, TALLY, WAITING, Hook, Tally, Waiting, key_of, read_kept
from cutpoint_coordinator.webhooks.kinds import KINDS, TEST, alert_of
from cutpoint_coordinator.webhooks.sending import Send, send
from cutpoint_coordinator.webhooks.staleness import Staleness

if TYPE_CHECKING:
    from cutpoint_coordinator.driver import Driver
    from cutpoint_coordinator.policies import Policies

HOOKS_MAX = 16
"""How many webhooks a computation may have."""

EARLY_MAX = 100
"""How many alerts may be raised before it is known who wants them."""

BATCH = 40
"""How many records one transaction changes at most."""

_SECRET_BYTES = 32


class Webhooks:
    """The webhooks of one leadership. Belongs to the event loop that it was made on.

    ``count`` is called with a webhook's name and an outcome: ``delivered``, ``failed`` (and tried again), ``lost``.
    """

    def __init__(
        self,
        *,
        driver: Driver,
        policies: Policies,
        notices: Notices,
        computation: str,
        author: str,
        count: Callable[[str, str], None],
        send: Send = send,
    ) -> None:
        self._records = driver.records
        self._notices = notices
        self._computation = computation
        self._author = f"{author}-{driver.fence}"
        self._count = count
        self._send = send
        self._staleness = Staleness(driver=driver, policies=policies, notices=notices)
        self._raised = 0
        self._early: deque[Alert] | None = deque(maxlen=EARLY_MAX)
        self._deliveries: dict[str, Delivery] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stored: dict[str, dict[str, None]] = {}
        self._tallies: dict[str, Tally] = {}
        self._refused: dict[str, None] = {}
        self._changing = asyncio.Lock()
        self._save = asyncio.Event()
        self._own: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Hear what happens from now on, and read who wants to know."""
        self._unsubscribe = self._notices.subscribe(self._noticed)
        self._own = [asyncio.create_task(self._run(), name="cutpoint webhooks")]

    async def close(self) -> None:
        """Deliver no more. What waits is in the registry, for the next leader."""
        self._unsubscribe()
        watching = [] if self._watching is None else [self._watching]
        tasks = [*self._own, *watching, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def status(self) -> HooksAnswer:
        """All webhooks, by name."""
        return HooksAnswer(
            webhooks=tuple(hook_answer(each) for _, each in sorted(self._deliveries.items())),
            kinds={kind: each.severity for kind, each in KINDS.items()},
            refused=tuple(sorted(self._refused)),
        )

    def one(self, name: str) -> HookAnswer:
        """The webhook of this name. Raises `Refused`."""
        return hook_answer(self._delivery(name))

    async def put(
        self, name: str, *, url: str, kinds: tuple[str, ...], secret: str, new_secret: bool, by: str
    ) -> NewHookAnswer:
        """Declare a webhook, or declare it anew: what waits for it stays. Raises `Refused`."""
        async with self._changing:
            self._loaded()
            old = self._deliveries.get(name)
            if old is None and len(self._deliveries) >= HOOKS_MAX:
                raise Refused(
                    409,
                    "too_many_webhooks",
                    f"there are {HOOKS_MAX} webhooks, and no more are allowed; nothing was done",
                    "remove one, or let one receiver hand alerts on",
                )
            kept = secret or ("" if old is None or new_secret else old.hook.secret)
            made = "" if kept else f"cutp_hook_{secrets.token_bytes(_SECRET_BYTES).hex()}"
            hook = Hook(name=name, url=url, secret=kept or made, kinds=kinds, by=by, at=now_utc())
            await self._records.write(f"webhook {name}", ((hook.key, msgspec.json.encode(hook)),))
            await self._end(name)
            self._refused.pop(name, None)
            self._begin(
                hook,
                Tally() if old is None else old.tally,
                () if old is None else tuple(old.waiting.values()),
            )
            self._notices.add(
                "webhook declared", f"webhook {name} to {hook.to} was declared by {by}", {"webhook": name}
            )
            return NewHookAnswer(webhook=hook_answer(self._deliveries[name]), secret=made)

    async def remove(self, name: str) -> HookAnswer:
        """Send nothing there any more; what waits for it is dropped. Raises `Refused` if there is none."""
        async with self._changing:
            self._loaded()
            delivery = self._deliveries.get(name)
            if delivery is None and name not in self._refused:
                raise _unknown(name)
            await self._records.write(f"webhook {name}", (), (key_of(name), key_of(name) + TALLY))
            await self._end(name)
            self._refused.pop(name, None)
            await self._delete([f"{key_of(name)}{WAITING}{number}" for number in self._stored.pop(name, {})])
            self._notices.add("webhook removed", f"webhook {name} was removed", {"webhook": name})
            return HookAnswer(name=name, to="") if delivery is None else hook_answer(delivery)

    async def test(self, name: str) -> TrialAnswer:
        """Send one alert of the kind ``test`` now, once. Raises `Refused`."""
        delivery = self._delivery(name)
        alert = Alert(
            id=self._number(),
            kind=TEST,
            severity="info",
            at=now_utc(),
            computation=self._computation,
            what=f"somebody tries whether webhook {name} works",
            next="Nothing.",
        )
        attempt = await self._send(delivery.hook, alert)
        return TrialAnswer(delivered=attempt.delivered, trouble=attempt.trouble)

    # --------------------------------------------------------------------------------------------------- inside

    def _noticed(self, notice: NoticeAnswer) -> None:
        if notice.kind not in KINDS or (self._early is None and not self._deliveries):
            return
        alert = alert_of(notice, computation=self._computation, number=self._number())
        if alert is None:
            return
        if self._early is not None:
            self._early.append(alert)
            return
        for delivery in self._deliveries.values():
            delivery.offer(alert)

    def _number(self) -> str:
        self._raised += 1
        return f"{self._author}-{self._raised}"

    async def _run(self) -> None:
        await until_done(self._load, "reading the webhooks")
        while True:
            await self._save.wait()
            self._save.clear()
            await until_done(self._write, "keeping what became of alerts")

    async def _load(self) -> None:
        async with self._changing:
            records = await self._records.scan(PREFIX)
            strays = self._take_over(records)
            early, self._early = self._early or deque(), None
            for alert in early:
                for delivery in self._deliveries.values():
                    delivery.offer(alert)
        await until_done(lambda: self._delete(strays), "deleting alerts of webhooks that are gone")

    def _take_over(self, records: Sequence[Record]) -> list[str]:
        """Begin with what the registry has; the keys of what belongs to no webhook."""
        found = {record.key: record.value for record in records}
        strays = []
        waiting: dict[str, list[Waiting]] = {}
        for key, value in found.items():
            name, part, number = key.removeprefix(PREFIX).partition(WAITING)
            if not part:
                continue
            kept = read_kept(value, Waiting) if key_of(name) in found else None
            if kept is None:
                strays.append(key)
                continue
            waiting.setdefault(name, []).append(kept)
            self._stored.setdefault(name, {})[number] = None
        for key, value in found.items():
            name = key.removeprefix(PREFIX)
            if "/" in name:
                continue
            hook = read_kept(value, Hook)
            if hook is None:
                self._refused[name] = None
                text = f"the record of webhook {name} cannot be read; nothing is sent there; declare it again"
                self._notices.add("webhook refused", text, {"webhook": name}, level=logging.WARNING)
                continue
            tally = read_kept(found.get(f"{key}{TALLY}", b""), Tally) or Tally()
            self._tallies[name] = tally
            self._begin(hook, tally, waiting.get(name, ()))
        return strays

    async def _write(self) -> None:
        """Keep what changed: alerts that wait now, those that wait no more, and what became of them."""
        async with self._changing:
            puts: list[tuple[str, bytes]] = []
            deletes: list[str] = []
            for name, delivery in self._deliveries.items():
                stored, family = self._stored.setdefault(name, {}), f"{key_of(name)}{WAITING}"
                fresh = [each for number, each in delivery.waiting.items() if number not in stored]
                puts += [(f"{family}{each.alert.id}", msgspec.json.encode(each)) for each in fresh]
                deletes += [f"{family}{number}" for number in stored if number not in delivery.waiting]
                if self._tallies.get(name) != delivery.tally:
                    puts.append((f"{key_of(name)}{TALLY}", msgspec.json.encode(delivery.tally)))
            tallies = {name: delivery.tally for name, delivery in self._deliveries.items()}
            while puts or deletes:
                now, puts = puts[:BATCH], puts[BATCH:]
                gone, deletes = deletes[: BATCH - len(now)], deletes[BATCH - len(now) :]
                await self._records.write("alerts", now, gone)
                self._remember([key for key, _ in now], gone)
            self._tallies = tallies

    def _remember(self, put: Sequence[str], deleted: Sequence[str]) -> None:
        for key in put:
            name, part, number = key.removeprefix(PREFIX).partition(WAITING)
            if part:
                self._stored[name][number] = None
        for key in deleted:
            name, _, number = key.removeprefix(PREFIX).partition(WAITING)
            self._stored[name].pop(number, None)

    async def _delete(self, keys: Sequence[str]) -> None:
        for at in range(0, len(keys), BATCH):
            await self._records.write("alerts", (), keys[at : at + BATCH])

    def _begin(self, hook: Hook, tally: Tally, waiting: Sequence[Waiting]) -> None:
        name = hook.name
        delivery = self._deliveries[name] = Delivery(
            hook,
            send=self._send,
            changed=self._save.set,
            count=lambda outcome: self._count(name, outcome),
            tell=lambda kind, text: self._notices.add(kind, text, {"webhook": name}, level=logging.WARNING),
            tally=tally,
            waiting=waiting,
        )
        work = until_done(delivery.run, f"webhook {name}")
        self._tasks[name] = asyncio.create_task(work, name=f"cutpoint webhook {name}")
        if self._watching is None:
            work = until_done(self._staleness.run, "looking at the age of recovery points")
            self._watching = asyncio.create_task(work, name="cutpoint staleness")

    async def _end(self, name: str) -> None:
        self._deliveries.pop(name, None)
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def _loaded(self) -> None:
        if self._early is not None:
            raise Refused(
                503,
                "not_ready",
                "the webhooks are not read from the registry yet; nothing was done",
                "try again in a moment",
            )

    def _delivery(self, name: str) -> Delivery:
        self._loaded()
        delivery = self._deliveries.get(name)
        if delivery is None:
            raise _unknown(name)
        return delivery


def _unknown(name: str) -> Refused:
    return Refused(404, "unknown_webhook", f"there is no webhook {name[:100]}; nothing was done", "see /v1/webhooks")
