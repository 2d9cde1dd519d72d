"""Claim: what a process holds when it records a cut is what the recovery point holds, and what a restore puts in place.

Tables and values are looked at as a whole in the moment of the record, whatever the agent captures of them, and again
when a restore is complete. Through slices, deltas, merged runs and changes in the midst of the writing, the stored
content has to be the same, its order too. States whose format is not safe to read are not compared; nor is
what a program with hooks holds after a restore, for they may change it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from cutpoint.state import CapturedState, format_named
from cutpoint.store import Part
from cutpoint_simulations.oracles.case import Case, Published, contents
from cutpoint_simulations.oracles.oracle import Oracle, Violations

TOLD_MOST = 5
"""So many keys that differ are told."""


class Capture(Oracle):
    """Judges each part when it is published, and each restore once, at the next recovery point or at the end."""

    name: ClassVar[str] = "capture"

    def __init__(self) -> None:
        self._judged = 0

    def published(self, point: Published, case: Case) -> Violations:
        """What was recorded is stored."""
        found = list(self._restores(case))
        for process, part in sorted(point.parts.items()) if point.complete else ():
            record = case.chronicle.records.get((process, point.cut))
            if record is not None and record.held:
                found += self._compared(case, point.cut, process, record.held, _encoded(part), "its part holds")
        return tuple(found)

    def ended(self, case: Case, *, quiet: bool) -> Violations:
        """What was stored is put in place."""
        return tuple(self._restores(case))

    def _restores(self, case: Case) -> Iterator[Any]:
        chronicle = case.chronicle
        for refilled in chronicle.refilled[self._judged :]:
            record = chronicle.records.get((refilled.process, refilled.cut))
            if record is not None:
                held = {state.name: state for state in refilled.held}
                found = self._compared(case, refilled.cut, refilled.process, record.held, held, "it was restored with")
                yield from found
        self._judged = len(chronicle.refilled)

    def _compared(
        self,
        case: Case,
        cut: int,
        process: str,
        recorded: tuple[CapturedState, ...],
        others: Mapping[str, CapturedState],
        told: str,
    ) -> Iterator[Any]:
        for state in recorded:
            other = others.get(state.name)
            if other == state:
                continue
            what = f"state {state.name!r} of {process} was recorded"
            if other is None or other.kind != state.kind:
                complaint = f"{what} as a {state.kind}, {told} {'none' if other is None else f'a {other.kind}'}"
                yield self.violation(case, complaint, cut=cut, process=process)
                continue
            evidence = tuple(_differences(_decoded(state), _decoded(other)))
            violation = self.violation(case, f"{what}, {told} something else: {evidence[0]}", cut=cut, process=process)
            yield msgspec.structs.replace(violation, evidence=evidence)


def _encoded(part: Part) -> dict[str, CapturedState]:
    """The states of a part, whole; those that are safe to read."""
    content, found = contents(part), {}
    for state in part.states:
        format_ = format_named(state.format)
        if format_.safe:
            found[state.name] = CapturedState(
                name=state.name,
                kind=state.kind,
                version=state.version,
                format=state.format,
                data=format_.encode(content[state.name], state.name),
            )
    return found


def _decoded(state: CapturedState) -> Any:
    return format_named(state.format).decode(state.data, state.name)


def _differences(held: Any, stored: Any) -> Iterator[str]:
    """Where they differ, key by key if they are tables; never empty."""
    if not isinstance(held, dict) or not isinstance(stored, dict):
        yield f"{reprlib.repr(stored)} in the place of {reprlib.repr(held)}"
        return
    wrong = [key for key in {**held, **stored} if key not in held or key not in stored or held[key] != stored[key]]
    for key in wrong[:TOLD_MOST]:
        ours, theirs = (reprlib.repr(each[key]) if key in each else "nothing" for each in (held, stored))
        yield f"key {key!r} has {theirs} in the place of {ours}"
    if len(wrong) > TOLD_MOST:
        yield f"{len(wrong) - TOLD_MOST} keys more"
    if not wrong:
        yield f"its {len(held)} keys are in another order, or of other types"
