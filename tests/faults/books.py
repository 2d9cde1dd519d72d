"""What registry and store hold, looked at after every fault and compared with what they held before."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import FAMILIES, Ledger, from_records
from cutpoint.registry import Registry
from cutpoint.store import list_manifests, manifest_name, open_backend
from cutpoint.store.digests import digest_of
from cutpoint_coordinator.checking import verify_points
from cutpoint_coordinator.registry import open_registry


class Books:
    """Keeps what was seen, and says what is wrong."""

    def __init__(self, registry_url: str, store: Path) -> None:
        self._url = registry_url
        self._backend = open_backend(str(store))
        self._ends: dict[CutNumber, str] = {}
        self._manifests: dict[CutNumber, str] = {}
        self._verified: dict[CutNumber, None] = {}
        self._last = CutNumber(0)

    async def compare(self) -> list[str]:
        """Everything that must not be, in words."""
        registry = await open_registry(self._url, patience_seconds=20.0)
        try:
            ledger = await _read(registry)
        finally:
            await registry.close()
        return [*self._of_ledger(ledger), *await asyncio.to_thread(self._of_store, ledger)]

    def _of_ledger(self, ledger: Ledger) -> list[str]:
        wrong = []
        if ledger.computation.last_cut < self._last:
            wrong.append(f"the last number was {self._last} and is {ledger.computation.last_cut}: one is used twice")
        self._last = ledger.computation.last_cut
        ends = {cut: f"published as {point.manifest}" for cut, point in ledger.points.items()}
        for cut in ledger.abandoned:
            if cut in ends:
                wrong.append(f"cut {cut} is published and abandoned")
            ends[cut] = "abandoned"
        for cut, end in self._ends.items():
            if ends.get(cut, end) != end:
                wrong.append(f"cut {cut} was {end} and is {ends[cut]}")
        self._ends |= ends
        unended = [number for number in range(1, self._last) if number not in self._ends]
        if unended:
            wrong.append(f"cuts {unended} have numbers and no end")
        return wrong

    def _of_store(self, ledger: Ledger) -> list[str]:
        wrong = []
        for cut in list_manifests(self._backend):
            found = digest_of(self._backend.read(manifest_name(cut)))
            if self._manifests.setdefault(cut, found) != found:
                wrong.append(f"the manifest of cut {cut} is another one than before")
        fresh = [cut for cut in sorted(ledger.points) if cut not in self._verified]
        for point in verify_points(self._backend, fresh).points:
            if not point.sound:
                wrong.append(f"recovery point {point.cut} is not sound: {point.complaints}")
            self._verified[CutNumber(point.cut)] = None
        return wrong


async def _read(registry: Registry) -> Ledger:
    families = await asyncio.gather(*(registry.scan(family) for family in FAMILIES))
    records = {record.key: record.value for family in families for record in family}
    return from_records(records, computation="default")
