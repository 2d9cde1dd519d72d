"""A store of recovery points whose tables are known as plain dicts, written in every way in which tables are stored."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.consistency import certify, recheck
from cutpoint.protocol.messages import PartSummary, SessionRecord
from cutpoint.state import Batch, encode_batch, format_named
from cutpoint.state.plain import encode_plain
from cutpoint.store.backend import Backend
from cutpoint.store.heads import TABLE, KnownPart
from cutpoint.store.keys import KeyRing
from cutpoint.store.manifests import Manifest, manifest_part, publish_manifest
from cutpoint.store.writer import PartWriter

How = Literal["delta", "base", "merged"]
Changes = Sequence[tuple[Any, Any]]
"""Keys with their new values, in order; `GONE` removes one."""

GONE = object()


def apply(model: dict[Any, Any], changes: Changes) -> None:
    """What the service does with its dict."""
    for key, value in changes:
        if value is GONE:
            model.pop(key, None)
        else:
            model[key] = value


def encoded(gone: Sequence[Any], pairs: Sequence[tuple[Any, Any]]) -> bytes:
    """One batch, as an agent writes it."""
    batch = Batch(list(gone), [key for key, _ in pairs], [value for _, value in pairs])
    return encode_batch(format_named("msgpack"), batch, "stock")


def recheck_certificate(manifest: Manifest, summaries: tuple[PartSummary, ...]) -> tuple[str, ...]:
    """As the coordinator does it."""
    certificate = msgspec.convert(manifest.certificate, Certificate)
    return tuple(violation.complaint for violation in recheck(certificate, summaries))


class Service:
    """One process with the table ``stock`` and the value ``rate``, and what each cut recorded of them."""

    def __init__(self, name: str, entries_in_batch: int = 3) -> None:
        self.name = ProcessName(name)
        self.life = Life("a1")
        self.stock: dict[Any, Any] = {}
        self.rate: Any = None
        self.format = "msgpack"
        self.version = 1
        self.sessions: tuple[SessionRecord, ...] = ()
        self.part: KnownPart | None = None
        self.raw_batches: bytes | None = None
        self._entries = entries_in_batch
        self._since_cut: dict[Any, bool] = {}
        self._since_base: dict[Any, bool] = {}

    def change(self, *changes: tuple[Any, Any]) -> None:
        """Change the table. What was removed at any time has to be said, so that the order survives."""
        apply(self.stock, changes)
        for key, value in changes:
            for noted in (self._since_cut, self._since_base):
                noted[key] = noted.get(key, False) or value is GONE

    def write(self, shop: Shop, cut: int, how: How) -> PartSummary:
        """Write the part of ``cut``: the table in full, as a delta, or with all deltas merged into one."""
        writer = PartWriter(
            shop.backend,
            process=self.name,
            life=self.life,
            incarnation=Incarnation(1),
            cut=CutNumber(cut),
            computation=shop.computation,
            era=CutNumber(cut - 1),
            base=self.part,
            sealing=shop.keys.sealing if shop.keys else None,
        )
        writer.begin_state("stock", TABLE, self.version, self.format)
        stored = next((s for s in self.part.head.states if s.name == "stock"), None) if self.part else None
        if how == "base" or stored is None:
            self._write_run(writer, "base", [], list(self.stock.items()))
            self._since_base = {}
        else:
            writer.keep_runs(stored.runs if how == "delta" else stored.runs[:1])
            noted = self._since_cut if how == "delta" else self._since_base
            gone = [key for key, removed in noted.items() if removed]
            self._write_run(writer, "delta", gone, [pair for pair in self.stock.items() if pair[0] in noted])
        writer.end_state()
        writer.begin_state("rate", "value", 1, "msgpack")
        writer.add_content(encode_plain(self.rate))
        writer.end_state()
        summary = writer.finish(self.sessions, (), 0.001)
        self.part = writer.written
        self._since_cut = {}
        return summary

    def _write_run(
        self, writer: PartWriter, kind: Literal["base", "delta"], gone: list[Any], pairs: list[tuple[Any, Any]]
    ) -> None:
        writer.begin_run(kind)
        if self.raw_batches is not None:
            writer.add(self.raw_batches, 1)
        if gone:
            writer.add(encoded(gone, []), len(gone))
        for first in range(0, len(pairs), self._entries):
            batch = pairs[first : first + self._entries]
            writer.add(encoded([], batch), len(batch))
        writer.end_run()


class Shop:
    """Services whose cuts are published one after another. ``tables`` has every table at every cut, by service."""

    def __init__(
        self, backend: Backend, *services: Service, keys: KeyRing | None = None, computation: str = "shop"
    ) -> None:
        self.computation = computation
        self.backend = backend
        self.services = list(services)
        self.keys = keys
        self.cut = 0
        self.tables: dict[int, dict[str, dict[Any, Any]]] = {}

    def take_cut(self, how: How = "delta") -> CutNumber:
        """Publish the next recovery point."""
        parent, self.cut = self.cut, self.cut + 1
        summaries = tuple(service.write(self, self.cut, how) for service in self.services)
        names = [service.name for service in self.services]
        certificate = certify(
            cut=CutNumber(self.cut),
            incarnation=Incarnation(1),
            members=names,
            summaries=summaries,
            computation=self.computation,
        )
        assert isinstance(certificate, Certificate), certificate
        manifest = Manifest(
            computation=self.computation,
            cut=CutNumber(self.cut),
            incarnation=Incarnation(1),
            parent=CutNumber(parent),
            created=f"2026-01-01T00:{self.cut % 60:02d}:00.000+00:00",
            duration_seconds=0.25,
            members=tuple(names),
            parts=tuple(manifest_part(summary) for summary in summaries),
            certificate=msgspec.to_builtins(certificate),
        )
        publish_manifest(self.backend, manifest, self.keys)
        self.tables[self.cut] = {service.name: copy.deepcopy(service.stock) for service in self.services}
        return CutNumber(self.cut)


def small_shop(backend: Backend, *, keys: KeyRing | None = None) -> Shop:
    """Two services, three recovery points."""
    till, ledger = Service("till"), Service("ledger")
    shop = Shop(backend, till, ledger, keys=keys)
    till.change(*((f"item-{number}", number) for number in range(10)))
    till.rate = {"eur": 1.25}
    shop.take_cut("base")
    till.change(("item-3", 33), ("item-4", GONE), ("item-10", (1, 2)))
    shop.take_cut("delta")
    till.rate = {"eur": 1.5}
    ledger.change(("total", 7))
    shop.take_cut("delta")
    return shop
