"""What many futures say together: which went wrong, which were stopped at work, and which end otherwise than others."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cutpoint_simulations.replay.future import Future


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What many futures say together. ``failed``: seeds with a complaint; ``busy``: those that did not come to rest.

    ``differing``: of the others, those that end otherwise than the first of them, which is ``reference``.
    """

    failed: tuple[int, ...]
    busy: tuple[int, ...]
    reference: int | None
    differing: tuple[int, ...]

    @property
    def pair(self) -> tuple[int, int] | None:
        """Two seeds that end differently, if there are any."""
        return None if self.reference is None or not self.differing else (self.reference, self.differing[0])

    @property
    def worst(self) -> int | None:
        """The first seed that somebody should look at."""
        return next(iter((*self.failed, *self.differing)), None)

    @classmethod
    def of(cls, futures: Sequence[Future]) -> Verdict:
        """Judge them; what was cut off in the middle of its work is not compared."""
        sound = [future for future in futures if not future.complaint]
        rested = [future for future in sound if future.at_rest]
        return cls(
            failed=tuple(future.seed for future in futures if future.complaint),
            busy=tuple(future.seed for future in sound if not future.at_rest),
            reference=rested[0].seed if rested else None,
            differing=tuple(future.seed for future in rested if future.end != rested[0].end),
        )
