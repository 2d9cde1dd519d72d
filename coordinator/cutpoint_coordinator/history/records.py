"""What the history keeps, below ``history/`` in the registry: every cut's story, and the sums of every hour.

The stories of the last few thousand cuts tell what happened; the hours, which take less room, reach back a month,
however often cuts are taken. Both are written in the transaction that ends the cut, so they survive every coordinator.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from cutpoint.errors import RegistryError
from cutpoint.names import CutNumber
from cutpoint.protocol.cut_story import WANTED, CutStory

PREFIX = "history/"
HOURS_PREFIX = f"{PREFIX}hours/"

CUTS_KEPT = 2000
"""How many cuts are told one by one."""

HOURS_KEPT = 31 * 24
"""How many hours in which cuts ended are kept."""


class CutRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One cut that has ended. ``began``, ``ended``: ISO 8601, by the clock of ``coordinator``."""

    story: CutStory
    began: str
    ended: str
    coordinator: str


class HourRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sums of all cuts that ended in one hour; ``hour`` counts hours since 1970.

    ``wanted``: called off because somebody asked for something else; those are not ``failed``. ``seconds`` counts the
    time in which a cut was open, ``published_seconds`` that of the published ones, ``stall_seconds`` the longest stall
    of each cut.
    """

    hour: int
    published: int = 0
    failed: int = 0
    wanted: int = 0
    seconds: float = 0.0
    published_seconds: float = 0.0
    worst_seconds: float = 0.0
    stall_seconds: float = 0.0
    in_flight: int = 0
    fresh_bytes: int = 0
    causes: dict[str, int] = {}

    def with_story(self, story: CutStory) -> HourRecord:
        """The hour after one more cut."""
        published, wanted = story.published, story.cause in WANTED
        causes = dict(self.causes)
        if not published:
            causes[story.cause] = causes.get(story.cause, 0) + 1
        return HourRecord(
            hour=self.hour,
            published=self.published + published,
            failed=self.failed + (not published and not wanted),
            wanted=self.wanted + (not published and wanted),
            seconds=self.seconds + story.seconds,
            published_seconds=self.published_seconds + (story.seconds if published else 0.0),
            worst_seconds=max(self.worst_seconds, story.seconds if published else 0.0),
            stall_seconds=self.stall_seconds + story.stall_seconds,
            in_flight=self.in_flight + story.in_flight,
            fresh_bytes=self.fresh_bytes + story.fresh_bytes,
            causes=causes,
        )


def key_of_cut(cut: CutNumber) -> str:
    """Where the record of a cut lies in the registry."""
    return f"{PREFIX}{cut}"


def key_of_hour(hour: int) -> str:
    """Where the record of an hour lies in the registry."""
    return f"{HOURS_PREFIX}{hour}"


_R = TypeVar("_R", CutRecord, HourRecord)


def decoded(key: str, stored: bytes, kind: type[_R]) -> _R:
    """One record. Raises `RegistryError` if it is damaged."""
    try:
        return msgspec.json.decode(stored, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as fault:
        raise RegistryError(f"the registry's record {key} is damaged: {fault}; it is left out of the history") from None
