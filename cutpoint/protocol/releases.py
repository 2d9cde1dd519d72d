"""Operators let go of processes that will not come back: one request at a time, durable before it is answered.

A process that joined by mistake, or is gone for good without having left, holds up every cut and every recovery. Once
it is released no cut and no recovery waits for it, whichever recovery point knows it. What was on its way to
it is given up. Whoever comes under its name afterwards is a newcomer.

One that is connected is never released: it runs, and can leave by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from cutpoint.names import ProcessName
from cutpoint.protocol.coordinator_effects import Refusal, Released
from cutpoint.protocol.coordinator_events import ReleaseRequested
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.phrases import first_few
from cutpoint.protocol.recovery_records import dismissal


class Releases:
    """The requests that have no answer yet."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: list[ReleaseRequested] = []
        self._request = ""

    def ask(self, event: ReleaseRequested) -> None:
        """Somebody asks for a release."""
        if len(self._waiting) >= self._desk.policy.requests_max:
            reason = "too many releases are asked for; ask again later"
            self._desk.answer((event.request,), Refusal(reason=reason))
        else:
            self._waiting.append(event)

    def interruption(self, members: Sequence[ProcessName]) -> str:
        """Why a cut of these members has to end now, empty if it may go on; requests in vain are refused."""
        self._refuse()
        names = [event.process for event in self._waiting if event.process in members]
        return f"{names[0]} is not connected and was released by an operator" if names else ""

    def advance(self) -> bool:
        """Do what can be done now, while no cut is open; False if that is nothing."""
        desk, membership = self._desk, self._desk.membership
        if self._request:
            if desk.is_under_way(self._request):
                return False
            self._report(self._waiting.pop(0))
            self._request = ""
            return True
        if desk.busy or not self._waiting:
            return False
        self._refuse()
        if self._waiting:
            name = self._waiting[0].process
            self._request = desk.write(dismissal(desk.ledger, name))
            membership.dismiss(name)
        return True

    def _report(self, event: ReleaseRequested) -> None:
        desk, name = self._desk, event.process
        desk.membership.dismissed(name)
        desk.answer((event.request,), Released(process=name))
        text = f"{name} was released by an operator: no cut and no recovery waits for it any more"
        desk.notice("process released", text, process=name)

    def _refuse(self) -> None:
        """Answer the requests that cannot be granted. The one that is being written stays."""
        for event in self._waiting[1 if self._request else 0 :]:
            if reason := self._objection(event.process):
                self._waiting.remove(event)
                self._desk.answer((event.request,), Refusal(reason=reason))

    def _objection(self, name: ProcessName) -> str:
        ledger = self._desk.ledger
        known = dict.fromkeys(
            (*ledger.members.members, *(n for point in ledger.points.values() for n in point.members))
        )
        if self._desk.membership.get(name) is not None:
            return f"{name} is connected; nothing was changed; stop it first, or let it call agent.leave()"
        if name not in known:
            names = first_few(sorted(known), joint=", ") or "none yet"
            return f"there is no process {name}; nothing was changed; take one of those that there are: {names}"
        return ""
