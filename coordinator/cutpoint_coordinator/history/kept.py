"""The history of one computation while this coordinator leads: loaded once, and carried on with every cut's end.

Nothing is decided from it. A record that cannot be read is passed over and told, and never keeps a coordinator from
leading.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from cutpoint.errors import RegistryError
from cutpoint.names import CutNumber
from cutpoint.protocol.coordinator_effects import WriteLedger
from cutpoint.protocol.cut_story import CutStory
from cutpoint.registry import Registry
from cutpoint_coordinator.history.records import (
    CUTS_KEPT,
    HOURS_KEPT,
    HOURS_PREFIX,
    PREFIX,
    CutRecord,
    HourRecord,
    decoded,
    key_of_cut,
    key_of_hour,
)

HOUR_SECONDS = 3600

DROPPED_MAX = 8
"""How many old records one transaction drops of each kind."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What is written with the end of one cut."""

    record: CutRecord
    hour: HourRecord
    puts: tuple[tuple[str, bytes], ...]
    deletes: tuple[str, ...]

    def beside(self, write: WriteLedger) -> tuple[tuple[tuple[str, bytes], ...], tuple[str, ...]]:
        """All that the transaction puts and deletes which ends the cut."""
        return (*write.puts, *self.puts), (*write.deletes, *self.deletes)


class History:
    """``listeners`` hear of every cut that has ended while this coordinator leads, once the registry has it."""

    def __init__(self, *, coordinator: str, cuts_kept: int = CUTS_KEPT, hours_kept: int = HOURS_KEPT) -> None:
        self.cuts: dict[CutNumber, CutRecord] = {}
        self.hours: dict[int, HourRecord] = {}
        self.listeners: list[Callable[[CutRecord], None]] = []
        self._coordinator = coordinator
        self._cuts_kept = cuts_kept
        self._hours_kept = hours_kept

    async def load(self, registry: Registry) -> tuple[str, ...]:
        """Read what there is; complaints about what cannot be read. Raises `RegistryError` if nobody answers."""
        complaints: list[str] = []
        for found in await registry.scan(PREFIX):
            try:
                if found.key.startswith(HOURS_PREFIX):
                    hour = decoded(found.key, found.value, HourRecord)
                    self.hours[hour.hour] = hour
                else:
                    record = decoded(found.key, found.value, CutRecord)
                    self.cuts[record.story.cut] = record
            except RegistryError as error:
                complaints.append(str(error))
        self.cuts = dict(sorted(self.cuts.items()))
        self.hours = dict(sorted(self.hours.items()))
        return tuple(complaints)

    def entry(self, story: CutStory) -> Entry:
        """The records of a cut that ends now, and what has to go for them."""
        now = time.time()
        record = CutRecord(
            story=story, began=_moment(now - story.seconds), ended=_moment(now), coordinator=self._coordinator
        )
        number = int(now // HOUR_SECONDS)
        hour = self.hours.get(number, HourRecord(hour=number)).with_story(story)
        old_cuts = [cut for cut in self.cuts if cut != story.cut]
        old_hours = [each for each in self.hours if each != number]
        cuts = old_cuts[: max(0, min(DROPPED_MAX, len(old_cuts) + 1 - self._cuts_kept))]
        hours = old_hours[: max(0, min(DROPPED_MAX, len(old_hours) + 1 - self._hours_kept))]
        return Entry(
            record=record,
            hour=hour,
            puts=(
                (key_of_cut(story.cut), msgspec.json.encode(record)),
                (key_of_hour(number), msgspec.json.encode(hour)),
            ),
            deletes=(*map(key_of_cut, cuts), *map(key_of_hour, hours)),
        )

    def written(self, entry: Entry, *, registry_seconds: float) -> None:
        """The registry has it, ``registry_seconds`` after it was asked."""
        story = entry.record.story
        phases = {**story.phases, "registry": registry_seconds}
        record = msgspec.structs.replace(entry.record, story=msgspec.structs.replace(story, phases=phases))
        for cut in [cut for cut in self.cuts if key_of_cut(cut) in entry.deletes]:
            del self.cuts[cut]
        for hour in [hour for hour in self.hours if key_of_hour(hour) in entry.deletes]:
            del self.hours[hour]
        self.cuts[story.cut] = record
        self.hours[entry.hour.hour] = entry.hour
        for listener in self.listeners:
            listener(record)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
