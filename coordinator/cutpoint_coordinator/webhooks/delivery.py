"""The alerts of one webhook: a bounded queue, delivered in order, each tried again until it has arrived or is lost.

Between two tries of the same alert the pause doubles, with chance in it, so that receivers which come back are not
overrun. An alert is lost when the queue is full and it is the oldest, or when it has waited for a day; that is counted.
A receiver may get an alert twice, never in another order.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import msgspec

from cutpoint.webhooks import Alert
from cutpoint_coordinator.notices import now_utc
from cutpoint_coordinator.webhooks.kept import Hook, Tally, Waiting
from cutpoint_coordinator.webhooks.sending import Attempt, Send

WAITING_MAX = 100
"""How many alerts of one webhook may wait."""

WAIT_SECONDS_MAX = 24 * 3600.0
"""How long an alert is tried."""

PAUSE_SECONDS = 1.0
PAUSE_SECONDS_MAX = 300.0
"""How long to wait after the first failure, and at most."""


class Delivery:
    """That of one ``hook``. ``changed`` is called when there is something to keep; ``count`` with each outcome.

    ``tell`` is called with a kind and a text for people. `run` it as a task; cancel that to end it.
    """

    def __init__(
        self,
        hook: Hook,
        *,
        send: Send,
        changed: Callable[[], None],
        count: Callable[[str], None],
        tell: Callable[[str, str], None],
        tally: Tally,
        waiting: Iterable[Waiting],
    ) -> None:
        self.hook = hook
        self.tally = tally
        self.waiting = {each.alert.id: each for each in sorted(waiting, key=lambda each: each.since)}
        self._send = send
        self._changed = changed
        self._count = count
        self._tell = tell
        self._untold = 0
        self._due = asyncio.Event()

    def offer(self, alert: Alert) -> None:
        """Deliver ``alert``, if this webhook wants its kind. Never waits, and tells nothing."""
        if self.hook.kinds and alert.kind not in self.hook.kinds:
            return
        self.waiting[alert.id] = Waiting(alert=alert, since=time.time())
        while len(self.waiting) > WAITING_MAX:
            self._lose(next(iter(self.waiting)))
        self._changed()
        self._due.set()

    async def run(self) -> None:
        """Deliver for ever."""
        pause = PAUSE_SECONDS
        while True:
            self._drop_old()
            self._tell_lost()
            if not self.waiting:
                self._due.clear()
                await self._due.wait()
                continue
            first = next(iter(self.waiting.values())).alert
            attempt = await self._send(self.hook, first)
            self._note(attempt, first)
            if attempt.delivered:
                pause = PAUSE_SECONDS
                continue
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def _note(self, attempt: Attempt, alert: Alert) -> None:
        before, name = self.tally, self.hook.name
        self.tally = msgspec.structs.replace(
            before,
            at=now_utc(),
            trouble=attempt.trouble,
            delivered=before.delivered + attempt.delivered,
            failed=before.failed + (not attempt.delivered),
        )
        if attempt.delivered:
            self.waiting.pop(alert.id, None)
        self._count("delivered" if attempt.delivered else "failed")
        self._changed()
        if attempt.trouble and not before.trouble:
            self._tell("webhook failing", f"webhook {name} does not take alerts: {attempt.trouble}. Trying again.")
        elif before.trouble and not attempt.trouble:
            self._tell("webhook works again", f"webhook {name} takes alerts again")

    def _drop_old(self) -> None:
        now = time.time()
        for number in [number for number, each in self.waiting.items() if now - each.since > WAIT_SECONDS_MAX]:
            self._lose(number)
            self._changed()

    def _lose(self, number: str) -> None:
        del self.waiting[number]
        self.tally = msgspec.structs.replace(self.tally, lost=self.tally.lost + 1)
        self._untold += 1
        self._count("lost")

    def _tell_lost(self) -> None:
        lost, self._untold = self._untold, 0
        if lost:
            text = f"{lost} alerts for webhook {self.hook.name} were lost: it has not taken any for too long"
            self._tell("alerts lost", text)
