"""Whether recovery points grow old: told when the newest one has, and when there is a newer one.

Only where cuts have an interval: who takes them by hand knows when the last one was, and where nothing changes nothing
grows old. A new leader that finds the newest one old tells it again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from cutpoint_coordinator.history.figures import seconds_of
from cutpoint_coordinator.notices import Notices
from cutpoint_coordinator.webhooks.kinds import FRESH, STALE

if TYPE_CHECKING:
    from cutpoint.policy import Policy
    from cutpoint_coordinator.driver import Driver
    from cutpoint_coordinator.policies import Policies

LOOKS = 20
"""How often to look within the time that is allowed."""


class Staleness:
    """That of one leadership, since it began."""

    def __init__(self, *, driver: Driver, policies: Policies, notices: Notices) -> None:
        self._driver = driver
        self._policies = policies
        self._notices = notices
        self._began = time.time()
        self._stale = False

    async def run(self) -> None:
        """Look, again and again, for ever."""
        while True:
            allowed = allowed_seconds(self._policies.policy)
            self._look(allowed)
            await asyncio.sleep(min(max((allowed or 60.0) / LOOKS, 0.05), 60.0))

    def _look(self, allowed: float | None) -> None:
        points = self._driver.core.ledger.points
        newest = points[max(points)] if points else None
        since = self._began if newest is None or not newest.created else seconds_of(newest.created)
        age = time.time() - since
        stale = allowed is not None and age > allowed
        if stale == self._stale:
            return
        self._stale = stale
        fields = {} if newest is None else {"cut": int(newest.cut)}
        name = "there is no recovery point" if newest is None else f"recovery point {newest.cut} is the newest"
        if stale:
            text = f"{name}, and for {age:.0f} seconds there was no new one; {allowed:g} are allowed"
            self._notices.add(STALE, text, fields, level=logging.WARNING)
        else:
            self._notices.add(FRESH, f"{name}, and not old any more", fields)


def allowed_seconds(policy: Policy) -> float | None:
    """How old the newest recovery point may be; None: as old as it likes. Cuts that are rarer are not late."""
    cuts, stale = policy.cuts, policy.alerts.stale_after_seconds
    if not stale or not cuts.interval_seconds or cuts.on_demand_only:
        return None
    return max(stale, 2 * (cuts.interval_seconds + cuts.quiet_deadline_seconds))
