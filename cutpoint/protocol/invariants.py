"""What must hold of the coordinator's core after every event; tests and simulators ask."""

from __future__ import annotations

from cutpoint.names import BEGINNING
from cutpoint.protocol.cut import Cut
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.recovery import Recovery


def check(desk: Desk, cut: Cut | None, recovery: Recovery | None) -> None:
    """Assert it."""
    computation, ledger = desk.ledger.computation, desk.ledger
    desk.membership.check()
    assert cut is None or recovery is None, "a cut and a recovery at once"
    assert computation.base == BEGINNING or computation.base in ledger.points, "a base that is no recovery point"
    assert not any(cut in ledger.abandoned for cut in ledger.points), "published and abandoned"
    assert all(cut <= computation.last_cut for cut in (*ledger.points, *ledger.abandoned)), "a number of no cut"
    if cut is not None:
        assert not cut.ended, "an ended cut that is still open"
        begun = cut.phase not in ("numbering", "abandoning")
        assert not begun or computation.open_cut == cut.number, "a cut was begun that has no number"
        assert all(name in cut.members for name in cut.parts), "a part of somebody outside the cut"
    if recovery is not None and recovery.phase != "fencing":
        assert recovery.incarnation == computation.incarnation, "a recovery that fences nobody"
        assert not any(agent.admitted for agent in desk.membership.connected()), "running while recovering"
