"""Who wants a cut: those who have asked for one, and the operator's rhythm (`cutpoint.protocol.cadence`)."""

from __future__ import annotations

from cutpoint.names import CutNumber
from cutpoint.protocol.cadence import Cadence
from cutpoint.protocol.coordinator_effects import Refusal, SetTimer
from cutpoint.protocol.coordinator_events import CutRequested
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.ledger import Ledger


class CutWishes:
    """The wishes that have led to no cut yet. ``due``: one is to be opened although nobody has asked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._requests: list[str] = []
        self.cadence = Cadence(desk.policy.rhythm)
        self.due = False

    @property
    def any(self) -> bool:
        """Whether a cut is to be opened as soon as one can be."""
        return self.due or bool(self._requests)

    def ask(self, event: CutRequested) -> None:
        """Somebody asks for a cut."""
        if len(self._requests) >= self._desk.policy.requests_max:
            reason = "too many requests wait for the next cut; ask again later"
            self._desk.answer((event.request,), Refusal(reason=reason))
        else:
            self._requests.append(event.request)

    def elapsed(self, *, blocked: bool) -> bool:
        """The timer has run down. False if that leads to nothing."""
        if self.cadence.elapsed(self._desk.now, blocked=blocked or self.due):
            self.due = True
            return True
        return False

    def take(self) -> tuple[str, ...]:
        """A cut is opened for all of them; the requests that it answers."""
        requests, self._requests, self.due = tuple(self._requests), [], False
        return requests

    def refuse(self, reason: str) -> None:
        """No cut is opened for any of them."""
        self._desk.answer(self.take(), Refusal(reason=reason))

    def hindered(self, reason: str) -> None:
        """A cut could not be opened; one that nobody has asked for is tried again as the rhythm says."""
        if self.due:
            self.cadence.hindered(self._desk.now)
        self.refuse(f"no cut was opened: {reason}")

    def ended(self, cut: CutNumber, *, published: bool) -> None:
        """A cut has ended, and the ledger says how; the operator hears of it when too many fail."""
        desk = self._desk
        self.cadence.ended(desk.now, published=published)
        tolerated = desk.policy.tolerated_failures
        failed = failures(desk.ledger, CutNumber(cut - 1) if published else cut)
        if published and failed > tolerated:
            desk.notice("cuts succeed", f"cut {cut} was published, after {failed} had failed", cut=cut, failed=failed)
        elif not published and failed == tolerated + 1:
            text = f"{failed} cuts in a row were abandoned, {tolerated} are tolerated; see why cut {cut} was"
            desk.notice("cuts fail", text, cut=cut, failed=failed)

    def set_timer(self, *, blocked: bool) -> None:
        """Have the driver wake the core when the rhythm wants it."""
        seconds = self.cadence.timer(self._desk.now, blocked=blocked or self.due)
        if seconds is not None:
            self._desk.do(SetTimer(seconds=seconds))


def failures(ledger: Ledger, last: CutNumber) -> int:
    """How many cuts in a row were abandoned, ``last`` being the last of them."""
    count = 0
    while CutNumber(last - count) in ledger.abandoned:
        count += 1
    return count
