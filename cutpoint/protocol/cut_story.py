"""The story of one cut: how long each phase took, and each process in it, how it ended, and who held it up.

It is told when the cut ends, for the history that the registry keeps; nothing is decided from it. It is bounded,
however many processes there are: the slowest are told one by one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol.holdups import Culprit, HeldUp, culprits, silent
from cutpoint.protocol.messages import PartSummary

Cause = Literal[
    "",
    "deadline",
    "process_lost",
    "refused",
    "store",
    "damaged_part",
    "inconsistent",
    "manifest",
    "leader_lost",
    "recovery",
    "release",
]
"""Why a cut was abandoned, in one word; empty for a published one."""

WANTED: tuple[Cause, ...] = ("recovery", "release")
"""Causes that somebody wanted: such a cut is no failure."""

PHASES = ("numbering", "recording", "storing", "checking", "manifest", "registry")
"""The phases of a cut in their order.

The registry takes its number; every process records and its channels close; the parts are written; they are proved and
read back; the manifest is written; the registry takes its end.
"""

_PHASE_OF = {
    "numbering": "numbering",
    "gathering": "recording",
    "captured": "storing",
    "checking": "checking",
    "writing": "manifest",
    "recording": "registry",
}

PROCESSES_MAX = 16
"""How many processes a story tells of one by one."""

REASON_CHARACTERS_MAX = 2000


class ProcessStory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process in a cut. Seconds count from Begin to when the coordinator heard; None: it never did.

    ``waited_seconds``: for open turns to end, before it recorded; ``stall_seconds``: the longest time for which its
    event loop was held. As the process itself measured them.
    """

    process: ProcessName
    captured_seconds: float | None = None
    stored_seconds: float | None = None
    waited_seconds: float = 0.0
    stall_seconds: float = 0.0
    in_flight: int = 0
    bytes: int = 0
    fresh_bytes: int = 0


class CutStory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one cut went. ``seconds``: from its opening to the moment when its end was handed to the registry.

    ``found``: another coordinator opened it and went; what happened before is not known. ``processes``: the slowest.
    ``in_flight`` counts messages, ``in_flight_bytes`` is how long they are.
    """

    cut: CutNumber
    incarnation: Incarnation
    published: bool
    cause: Cause = ""
    reason: str = ""
    found: bool = False
    seconds: float = 0.0
    phases: dict[str, float] = {}
    members: int = 0
    in_flight: int = 0
    bytes: int = 0
    fresh_bytes: int = 0
    stall_seconds: float = 0.0
    processes: tuple[ProcessStory, ...] = ()
    held_by: tuple[Culprit, ...] = ()
    in_flight_bytes: int = 0


class Timeline:
    """When what happened in one cut, on the driver's clock."""

    def __init__(self, now: float) -> None:
        self.opened_at = self._since = self._begun = now
        self._phases: dict[str, float] = {}
        self._captured: dict[ProcessName, float] = {}
        self._stored: dict[ProcessName, float] = {}
        self._held: dict[ProcessName, HeldUp] = {}

    def left(self, phase: str, now: float) -> None:
        """The phase ``phase`` of the table CUT is over."""
        if (name := _PHASE_OF.get(phase)) is not None:
            self._phases[name] = self._phases.get(name, 0.0) + now - self._since
        if phase == "numbering":
            self._begun = now
        self._since = now

    def captured(self, name: ProcessName, now: float) -> None:
        """A process has its part in memory."""
        self._captured.setdefault(name, now - self._begun)

    def stored(self, name: ProcessName, now: float) -> None:
        """A process has its part durable."""
        self._captured.setdefault(name, now - self._begun)
        self._stored.setdefault(name, now - self._begun)

    def held_up(self, name: ProcessName, said: HeldUp) -> None:
        """A process says what it waits for."""
        self._held[name] = said

    def phases(self, phase: str, now: float) -> dict[str, float]:
        """How long each phase took, and the present one so far."""
        name = _PHASE_OF.get(phase)
        if name is None:
            return dict(self._phases)
        return {**self._phases, name: self._phases.get(name, 0.0) + now - self._since}

    def held_by(self, missing: tuple[ProcessName, ...]) -> tuple[Culprit, ...]:
        """Who holds the cut up: those of ``missing`` who said why, then those of whom nothing was heard."""
        told = culprits({name: self._held[name] for name in missing if name in self._held})
        return told or silent(name for name in missing if name not in self._captured)

    def held_so_far(self) -> tuple[Culprit, ...]:
        """All that was ever said."""
        return culprits(self._held)

    def processes(self, members: tuple[ProcessName, ...], parts: dict[ProcessName, PartSummary]) -> list[ProcessStory]:
        """The slowest processes, the slowest first."""

        def slowness(name: ProcessName) -> tuple[float, float]:
            endless = float("inf")
            return -self._stored.get(name, endless), -self._captured.get(name, endless)

        return [self._process(name, parts.get(name)) for name in sorted(members, key=slowness)[:PROCESSES_MAX]]

    def _process(self, name: ProcessName, part: PartSummary | None) -> ProcessStory:
        story = ProcessStory(
            process=name, captured_seconds=self._captured.get(name), stored_seconds=self._stored.get(name)
        )
        if part is None:
            return story
        return msgspec.structs.replace(
            story,
            waited_seconds=part.waited_seconds,
            stall_seconds=part.stall_seconds,
            in_flight=part.in_flight_messages,
            bytes=part.bytes,
            fresh_bytes=part.fresh_bytes,
        )
