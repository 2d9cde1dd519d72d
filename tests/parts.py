"""Parts as agents write them, for tests that are about something else; and what is in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cutpoint.names import BEGINNING, FIRST_INCARNATION, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PartSummary, SessionRecord
from cutpoint.store import Backend, Part, PartWriter, manifest_part, read_part
from cutpoint_simulations.oracles.case import contents

LIFE = Life("x")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draft:
    """What a part is to hold; ``values`` are encoded as msgpack already."""

    process: ProcessName
    cut: CutNumber
    computation: str
    values: Mapping[str, bytes]
    life: Life = LIFE
    incarnation: Incarnation = FIRST_INCARNATION
    sessions: tuple[SessionRecord, ...] = ()
    boundary: tuple[str, ...] = ()

    def write(self, backend: Backend, stall_seconds: float = 0.0) -> PartSummary:
        """Store it; what its process would report."""
        writer = PartWriter(
            backend,
            process=self.process,
            life=self.life,
            incarnation=self.incarnation,
            cut=self.cut,
            computation=self.computation,
            era=CutNumber(max(BEGINNING, self.cut - 1)),
            base=None,
        )
        for name, data in self.values.items():
            writer.begin_state(name, "value", 1, "msgpack")
            writer.add_content(data)
            writer.end_state()
        return writer.finish(self.sessions, self.boundary, stall_seconds)


def stored(backend: Backend, summary: PartSummary) -> Part:
    """The part that was reported."""
    return read_part(backend, manifest_part(summary))


def states_of(part: Part) -> dict[str, Any]:
    """Every state, decoded."""
    return contents(part)
