"""Lets etcd forget what nobody needs any more, so that its history does not grow with the number of cuts.

etcd keeps every value that a key has had until it is told to compact, and compaction is for the whole cluster. So it
is asked for only where the cluster holds nothing but Cutpoint's keys, and then only up to a revision that is old: who
reads or watches from a revision resumes within seconds, and finds what it needs. Where others share the cluster, its
history is theirs to keep; etcd's own ``--auto-compaction-retention`` is the way there.

Pure: revisions and times in, a revision out. `EtcdRegistry` asks.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

from cutpoint.errors import ConfigurationError

OURS = "/cutpoint/"
"""What every key of every computation begins with."""

Compacting = Literal["alone", "always", "never"]


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """When history is let go of, and of how much.

    ``compacting``: ``alone``: only if the cluster holds nothing but Cutpoint's keys; ``always``, ``never``.
    Looked at every ``every_seconds``; what was written in the last ``kept_seconds`` stays, and so do the last
    ``kept_revisions``, however old they are.
    """

    compacting: Compacting = "alone"
    every_seconds: float = 60.0
    kept_seconds: float = 300.0
    kept_revisions: int = 1000

    def __post_init__(self) -> None:
        if self.compacting not in ("alone", "always", "never"):
            raise ConfigurationError(
                f"compact={self.compacting!r} in the registry's URL is not known; nothing was started; "
                "write alone, always or never."
            )


class Horizon:
    """How far back history may be forgotten, from what the revision was at which time."""

    def __init__(self, upkeep: Upkeep) -> None:
        self._upkeep = upkeep
        self._seen: deque[tuple[float, int]] = deque()
        self._old = self._done = 0

    def note(self, now: float, revision: int) -> None:
        """etcd is at ``revision`` at the time ``now``, in seconds of any clock that does not go back."""
        self._seen.append((now, revision))

    def forgettable(self, now: float) -> int:
        """Everything before this revision may go; 0: nothing that has not gone."""
        while self._seen and now - self._seen[0][0] >= self._upkeep.kept_seconds:
            _, self._old = self._seen.popleft()
        newest = self._seen[-1][1] if self._seen else self._old
        before = min(self._old, newest - self._upkeep.kept_revisions)
        return before if before > self._done else 0

    def forgot(self, revision: int) -> None:
        """Everything before ``revision`` has gone."""
        self._done = max(self._done, revision)
