"""From a recovery point's number to the parts of its processes, opened for reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutpoint.catalog.points import manifest_of
from cutpoint.errors import Damaged, UsageError
from cutpoint.names import CutNumber, ProcessName
from cutpoint.store.backend import Backend
from cutpoint.store.heads import StoredState
from cutpoint.store.manifests import Manifest, ManifestPart
from cutpoint.store.reader import PartReader, open_part

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


class PointReader:
    """One recovery point: its manifest, and its parts as they are asked for. All calls block."""

    def __init__(self, backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> None:
        """Raises `ObjectMissing` if there is no such recovery point, `Damaged`; with keys `NotAuthentic`."""
        self.cut = cut
        self.manifest: Manifest = manifest_of(backend, cut, keys)
        self.entries: dict[ProcessName, ManifestPart] = {
            entry.process: entry for entry in sorted(self.manifest.parts, key=lambda entry: entry.process)
        }
        self._backend = backend
        self._sealing = keys.sealing if keys else None
        self._parts: dict[ProcessName, PartReader] = {}

    def part(self, process: ProcessName) -> PartReader:
        """The part of one process; opened once. Raises `UsageError` if it has none, `Damaged`, `ObjectMissing`."""
        if process not in self._parts:
            if process not in self.entries:
                known = ", ".join(self.entries)
                raise UsageError(
                    f"recovery point {self.cut} has no part of {process}; nothing was read; it has {known}"
                )
            packs = self.entries[process].packs
            if not packs:
                raise Damaged(
                    f"the manifest of recovery point {self.cut} names no pack of {process}; nothing was read; "
                    "take another recovery point"
                )
            self._parts[process] = open_part(self._backend, packs[-1], sealing=self._sealing)
        return self._parts[process]

    def state(self, process: ProcessName, name: str) -> StoredState:
        """What one process's part says of one state. Raises as `part`, `UsageError` if it has no such state."""
        states = {state.name: state for state in self.part(process).head.states}
        if name not in states:
            raise UsageError(
                f"the part of {process} in recovery point {self.cut} has no state {name}; nothing was read; "
                f"it has {', '.join(sorted(states)) or 'none'}"
            )
        return states[name]

    def where(self, process: ProcessName, name: str) -> str:
        """How errors call one state."""
        return f"{process}/{name} of recovery point {self.cut}"
