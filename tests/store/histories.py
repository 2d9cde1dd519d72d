"""A computation that lives: services with tables that change, cuts that are published or abandoned, recoveries.

What each recovery point holds is kept beside the store as plain dicts, so that a test can say whether what is read
back is what was there. Writes real parts with the real writer, base and delta runs, merges between cuts.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from cutpoint.errors import StoreError
from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PartSummary
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import Run
from cutpoint.store.collection_plan import ERA_SPAN
from cutpoint.store.heads import KnownPart
from cutpoint.store.identity import identify
from cutpoint.store.keys import KeyRing
from cutpoint.store.manifests import (
    Manifest,
    ManifestPart,
    manifest_name,
    manifest_part,
    publish_manifest,
    read_manifest,
)
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.reader import PartReader, open_part
from cutpoint.store.tiers import merge_due
from cutpoint.store.writer import LooseRun, PartWriter, RunWriter

START = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK_ENTRIES = 500

Table = dict[str, bytes]
Content = dict[str, Table]


@dataclass
class Service:
    """One process with one table. ``dirty``: keys changed since the base that the next cut builds on."""

    table: Table = field(default_factory=dict)
    dirty: dict[str, None] = field(default_factory=dict)
    known: KnownPart | None = None
    merged: LooseRun | None = None
    merged_runs: tuple[int, int] = (0, 0)


class History:
    """The computation ``shop`` with a few services; ``contents`` says of every published cut what it holds."""

    def __init__(
        self, backend: Backend, *, seed: int = 0, entries: int = 30, services: int = 2, keys: KeyRing | None = None
    ) -> None:
        self.backend = backend
        self.keys = keys
        self.random = random.Random(seed)
        self.services = {f"service-{number}": Service() for number in range(services)}
        self.last = BEGINNING
        self.base = BEGINNING
        self.incarnation = 1
        self.contents: dict[CutNumber, Content] = {}
        identify(backend, created=START.isoformat(), keys=keys)
        self.change(entries)

    def now(self) -> datetime:
        """Cuts are ten minutes apart."""
        return START + timedelta(minutes=10 * self.last)

    def change(self, entries: int) -> None:
        """Set and remove keys of every service."""
        for service in self.services.values():
            for _ in range(entries):
                key = f"key-{self.random.randrange(100_000)}"
                if service.table and self.random.random() < 0.7:
                    key = self.random.choice(list(service.table))
                if key in service.table and self.random.random() < 0.3:
                    del service.table[key]
                else:
                    service.table[key] = self.random.randbytes(self.random.randrange(60, 120))
                service.dirty[key] = None

    def write(self) -> tuple[CutNumber, list[PartSummary], dict[str, KnownPart]]:
        """Begin a cut and write every part."""
        era, self.last = self.last, CutNumber(self.last + 1)
        summaries, written = [], {}
        for name, service in self.services.items():
            writer = PartWriter(
                self.backend,
                process=ProcessName(name),
                life=Life("a1"),
                incarnation=Incarnation(self.incarnation),
                cut=self.last,
                computation="shop",
                era=era,
                base=service.known,
            )
            if service.merged and any(pack.era < self.last - ERA_SPAN for pack in service.merged.packs):
                service.merged = None  # too old to be named
            writer.begin_state("stock", "table", 1, "msgpack")
            _write_runs(writer, service)
            writer.end_state()
            summaries.append(writer.finish((), (), 0.001))
            written[name] = writer.written
        return self.last, summaries, written

    def cut(self) -> CutNumber:
        """Take a cut and publish it."""
        cut, summaries, written = self.write()
        publish_manifest(self.backend, self.manifest(cut, summaries), self.keys)
        self.contents[cut] = {name: dict(service.table) for name, service in self.services.items()}
        self.base = cut
        for name, service in self.services.items():
            service.known, service.dirty, service.merged = written[name], {}, None
        return cut

    def abandon(self) -> CutNumber:
        """Take a cut that is not published."""
        return self.write()[0]

    def merge(self) -> None:
        """Between two cuts, merge the runs that are worth it; the next cut names the result."""
        for service in self.services.values():
            if service.known is None or service.merged is not None:
                continue
            runs = service.known.head.states[0].runs
            if (due := merge_due(runs)) is None:
                continue
            reader = open_part(self.backend, service.known.pack)
            merged: dict[str, bytes | None] = {}
            for run in runs[due.first : due.last]:
                for gone, table in _batches(reader, run):
                    merged.update(dict.fromkeys(gone))
                    merged.update(table)
            if due.first == 0:
                merged = {key: value for key, value in merged.items() if value is not None}
            writer = RunWriter(self.backend, era=self.last)
            for chunk in _chunks(merged):
                writer.add(chunk, 1)
            service.merged = writer.finish("base" if due.first == 0 else "delta")
            service.merged_runs = (due.first, due.last)

    def recover(self, cut: CutNumber) -> None:
        """Go back to a published cut: everybody has what it holds, and the next cut builds on it."""
        self.incarnation += 1
        self.base = cut
        manifest = read_manifest(self.backend, cut, self.keys)
        content = restored(self.backend, manifest)
        for part in manifest.parts:
            service = self.services[part.process]
            service.table, service.dirty, service.merged = content[part.process], {}, None
            service.known = open_part(self.backend, part.packs[-1]).part

    def manifest(self, cut: CutNumber, summaries: Iterable[PartSummary]) -> Manifest:
        parts: tuple[ManifestPart, ...] = tuple(manifest_part(summary) for summary in summaries)
        return Manifest(
            computation="shop",
            cut=cut,
            incarnation=Incarnation(self.incarnation),
            parent=self.base,
            created=self.now().isoformat(),
            duration_seconds=0.25,
            members=tuple(part.process for part in parts),
            parts=parts,
            certificate={"channels": []},
        )

    def complaints(self, backend: Backend | None = None) -> list[str]:
        """What is not restored as it was, of everything that has a manifest."""
        backend = backend or self.backend
        wrong = []
        for cut, content in self.contents.items():
            if backend.size(manifest_name(cut)) is None:
                continue
            try:
                if restored(backend, read_manifest(backend, cut, self.keys)) != content:
                    wrong.append(f"cut {cut} holds something else")
            except StoreError as error:
                wrong.append(f"cut {cut}: {error}")
        return wrong


def copy_of(backend: Backend) -> MemoryBackend:
    """Another store with the same objects."""
    copy = MemoryBackend("copy")
    for name in backend.list(""):
        copy.create(name, backend.read(name))
    return copy


def objects_of(backend: Backend) -> dict[str, bytes]:
    """Everything that is in a store."""
    return {name: backend.read(name) for name in backend.list("")}


def restored(backend: Backend, manifest: Manifest) -> Content:
    """What a recovery point holds, read back run by run."""
    content: Content = {}
    for part in manifest.parts:
        reader = open_part(backend, part.packs[-1])
        table: Table = {}
        for run in reader.head.states[0].runs:
            for gone, changed in _batches(reader, run):
                for key in gone:
                    table.pop(key, None)
                table.update(changed)
        content[part.process] = table
    return content


def _write_runs(writer: PartWriter, service: Service) -> None:
    runs: tuple[Run, ...] = service.known.head.states[0].runs if service.known else ()
    if service.merged is not None:
        first, last = service.merged_runs
        writer.keep_runs(runs[:first])
        writer.keep_runs((service.merged.run,), service.merged.packs)
        writer.keep_runs(runs[last:])
    else:
        writer.keep_runs(runs)
    writer.begin_run("delta" if runs else "base")
    for chunk in _chunks({key: service.table.get(key) for key in service.dirty}):
        writer.add(chunk, 1)
    writer.end_run()


def _chunks(changes: dict[str, bytes | None]) -> Iterable[bytes]:
    items = list(changes.items())
    for start in range(0, len(items), CHUNK_ENTRIES):
        some = items[start : start + CHUNK_ENTRIES]
        gone = [key for key, value in some if value is None]
        keys = [key for key, value in some if value is not None]
        values = [value for _, value in some if value is not None]
        batch = msgspec.msgpack.encode([gone, keys, values])
        yield len(batch).to_bytes(4, "big") + batch


def _batches(reader: PartReader, run: Run) -> Iterable[tuple[list[str], Table]]:
    for chunk in reader.chunks(run):
        gone, keys, values = msgspec.msgpack.decode(chunk[4:])
        yield gone, dict(zip(keys, values, strict=True))
