"""Recovery points that retention keeps no longer are forgotten here first, then their manifests may be deleted.

The order is the safety: once the registry has forgotten a recovery point, no recovery of any coordinator goes there,
so nobody misses its bytes. What is still needed is refused, whatever a plan says that was made earlier: the last
published, what the running computation descends from, what a recovery would go to, and the cut that is open.
Nothing is forgotten while a cut is open or a recovery is under way.

One request at a time, one transaction for each. Points that descend from a forgotten one are told in the same
transaction what is left before them, so that a recovery can still fall back. That a number was forgotten needs
no record: every cut that has ended is a recovery point, or abandoned, or was collected.
"""

from __future__ import annotations

from cutpoint.names import BEGINNING, CutNumber
from cutpoint.protocol.coordinator_effects import Forgotten, Refusal
from cutpoint.protocol.coordinator_events import ForgetRequested
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.ledger import RECORDS_BYTES_MAX, encode
from cutpoint.protocol.safeguards import Safeguards

CHANGES_MAX = 64
"""How many records one transaction may change, and how long they may be is `RECORDS_BYTES_MAX`: registries have limits.
"""

_TOLD_BYTES = 64
"""What a record grows by when it is told what is left before it."""


class Forgetting:
    """The requests that have no answer yet."""

    def __init__(self, desk: Desk, safeguards: Safeguards) -> None:
        self._desk = desk
        self._safeguards = safeguards
        self._waiting: list[ForgetRequested] = []
        self._answer: Forgotten | None = None
        self._request = ""

    def ask(self, event: ForgetRequested) -> None:
        """Somebody wants recovery points forgotten."""
        if len(self._waiting) >= self._desk.policy.requests_max or len(event.cuts) > CHANGES_MAX:
            reason = "too many recovery points are to be forgotten at once; ask again later, for fewer"
            self._desk.answer((event.request,), Refusal(reason=reason))
        else:
            self._waiting.append(event)

    def needed(self) -> dict[CutNumber, str]:
        """The cuts whose recovery points cannot be forgotten now, each with the reason."""
        ledger, computation = self._desk.ledger, self._desk.ledger.computation
        chosen = [max(ledger.points, default=BEGINNING), computation.base, ledger.restorable(computation.base) or 0]
        chosen += [computation.open_cut, computation.recovering.target if computation.recovering else BEGINNING]
        cuts = sorted(dict.fromkeys(CutNumber(cut) for cut in chosen if cut != BEGINNING))
        return {cut: why for cut in cuts if (why := self._safeguards.needed(ledger, cut))}

    def refuse_all(self) -> None:
        """A recovery begins: whatever it may fall back to has to stay."""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            kept = dict.fromkeys(event.cuts, "a recovery is under way, and may need it")
            self._desk.answer((event.request,), Forgotten(cuts=(), kept=kept))

    def report(self) -> bool:
        """Answer what has become durable; False if nothing has."""
        if self._answer is None or self._desk.is_under_way(self._request):
            return False
        answer, self._answer = self._answer, None
        self._desk.answer((self._waiting.pop(0).request,), answer)
        return True

    def begin(self) -> bool:
        """Do the next request, when nothing else is to be done; False if there is none."""
        if not self._waiting or self._answer is not None:
            return False
        ledger, cuts = self._desk.ledger, tuple(sorted(dict.fromkeys(self._waiting[0].cuts)))
        kept = {cut: why for cut in cuts if (why := self._safeguards.needed(ledger, cut))}
        going = tuple(cut for cut in cuts if cut in ledger.points and cut not in kept)
        changed = self._descendants(going)
        while going and self._too_much(going, changed):
            *_, left_out = going
            kept[left_out] = "too many recovery points descend from it; they go first"
            going = going[:-1]
            changed = self._descendants(going)
        answer = Forgotten(cuts=tuple(cut for cut in cuts if cut not in kept), kept=kept)
        if not going:
            self._desk.answer((self._waiting.pop(0).request,), answer)
            return True
        left = ledger.without(going).points
        self._request = self._desk.write(*(left[cut] for cut in changed), forgotten=going)
        self._answer = answer
        return True

    def _too_much(self, going: tuple[CutNumber, ...], changed: tuple[CutNumber, ...]) -> bool:
        """Whether one transaction cannot do it: what is forgotten takes no room, what is told of it does."""
        if len(going) + len(changed) > CHANGES_MAX:
            return True
        points = self._desk.ledger.points
        return sum(len(encode(points[cut])) for cut in changed) > RECORDS_BYTES_MAX - CHANGES_MAX * _TOLD_BYTES

    def _descendants(self, going: tuple[CutNumber, ...]) -> tuple[CutNumber, ...]:
        """Who has to be told that something before it is gone, ascending."""
        points = self._desk.ledger.points.values()
        return tuple(sorted(point.cut for point in points if point.older in going and point.cut not in going))
