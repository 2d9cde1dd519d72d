"""What the coordinator's core has to know of the operator's policy; all of it is in `cutpoint.policy`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from cutpoint.names import ProcessName
from cutpoint.protocol.cadence import ON_DEMAND, Rhythm


@dataclasses.dataclass(frozen=True, kw_only=True)
class Policy:
    """What the operator decided, ``rhythm``: when cuts begin by themselves.

    ``automatic_recovery``: a process that lost its memory takes everybody back by itself.
    ``tolerated_failures``: so many abandoned cuts in a row are nobody's concern; one more is told as "cuts fail".
    ``strict``: no cut is opened before all of these have joined. ``owners``: whom to turn to.
    ``retry_seconds``: when the cut is tried again that somebody who leaves or comes waits for.
    """

    rhythm: Rhythm = ON_DEMAND
    deadline_seconds: float = 10.0
    automatic_recovery: bool = True
    missing_notice_seconds: float = 5.0
    retry_seconds: float = 1.0
    requests_max: int = 100
    tolerated_failures: int = 2
    strict: tuple[ProcessName, ...] = ()
    owners: Mapping[ProcessName, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.deadline_seconds, self.missing_notice_seconds, self.retry_seconds) <= 0:
            raise ValueError("deadlines must be positive; times are in seconds")
        if self.requests_max < 1:
            raise ValueError("requests_max must be at least 1")
