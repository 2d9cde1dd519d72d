"""What every oracle is: a claim with a name, asked at the moments of a run at which it could turn out to be false."""

from __future__ import annotations

from typing import ClassVar

from cutpoint.protocol.ledger import AbandonedCut, RecoveryPoint
from cutpoint_simulations.oracles.case import Case, Published
from cutpoint_simulations.oracles.violation import Violation

Violations = tuple[Violation, ...]


class Oracle:
    """Override what matters for the claim; everything else has nothing to say.

    An oracle is made for one run and may remember. It never changes what it looks at.
    """

    name: ClassVar[str]

    def published(self, point: Published, case: Case) -> Violations:
        """The registry has a new recovery point."""
        return ()

    def abandoned(self, cut: AbandonedCut, case: Case) -> Violations:
        """The registry has a cut that ended without one."""
        return ()

    def forgotten(self, point: RecoveryPoint, case: Case) -> Violations:
        """The registry has forgotten a recovery point that retention keeps no longer."""
        return ()

    def copied(self, case: Case) -> Violations:
        """Something in the replica has changed."""
        return ()

    def settled(self, case: Case) -> bool:
        """Whether nothing is owed any more that is still to come; asked once all has healed."""
        return True

    def collects(self, case: Case) -> None:
        """All has healed, and somebody is about to ask for a collection."""

    def collected(self, case: Case) -> Violations:
        """That collection is done."""
        return ()

    def struck(self, case: Case) -> Violations:
        """A fault has happened that may have cost something: a machine has lost its power, a disk has failed."""
        return ()

    def healed(self, case: Case) -> Violations:
        """No fault lasts, and none will come."""
        return ()

    def ended(self, case: Case, *, quiet: bool) -> Violations:
        """The run is over. ``quiet``: the applications had stopped sending and had had the time to take everything."""
        return ()

    def violation(self, case: Case, complaint: str, *, cut: int = 0, process: str = "", channel: str = "") -> Violation:
        """A violation of this claim, noticed now."""
        return Violation(oracle=self.name, complaint=complaint, at=case.now, cut=cut, process=process, channel=channel)
