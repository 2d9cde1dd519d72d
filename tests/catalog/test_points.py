from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cutpoint.catalog.details import detail_point
from cutpoint.catalog.points import describe_point, lineage, list_points
from cutpoint.errors import ObjectMissing
from cutpoint.names import CutNumber
from cutpoint.store.manifests import manifest_name
from cutpoint.store.marks import add_mark
from cutpoint.store.memory import MemoryBackend
from tests.catalog.stores import Service, Shop, small_shop

AT = datetime(2026, 1, 1, tzinfo=UTC)


def overwrite(backend: MemoryBackend, name: str, data: bytes) -> None:
    backend.delete(name)
    backend.create(name, data)


def test_points_tell_what_they_cost_and_what_people_said_of_them() -> None:
    backend = MemoryBackend()
    small_shop(backend)
    add_mark(backend, CutNumber(2), "label", label="release-7", by="ada", at=AT)
    add_mark(backend, CutNumber(2), "pin", by="ada", at=AT)
    one, two, three = list_points(backend)
    assert (one.cut, one.parent, one.labels, one.pinned) == (1, 0, (), False)
    assert (two.parent, two.labels, two.pinned, two.members) == (1, ("release-7",), True, ("ledger", "till"))
    assert one.bytes == one.fresh_bytes + (backend.size(manifest_name(CutNumber(1))) or 0)
    assert 0 < three.fresh_bytes < three.bytes, "it needs what was written before, and wrote less"
    assert describe_point(backend, CutNumber(2)) == two


def test_a_damaged_manifest_is_listed_with_the_reason_and_its_marks() -> None:
    backend = MemoryBackend()
    small_shop(backend)
    add_mark(backend, CutNumber(2), "pin", by="ada", at=AT)
    overwrite(backend, manifest_name(CutNumber(2)), b"{}")
    one, two, three = list_points(backend)
    assert "object manifests/000000000002.json in memory:unnamed is cut short or altered" in two.damaged
    assert (two.pinned, one.damaged, three.damaged) == (True, "", "")


def test_the_lineage_goes_back_as_far_as_the_store_does() -> None:
    backend = MemoryBackend()
    shop = Shop(backend, Service("till"))
    for _ in range(4):
        shop.take_cut()
    assert lineage(backend, CutNumber(4)) == (3, 2, 1)
    overwrite(backend, manifest_name(CutNumber(2)), b"")
    assert lineage(backend, CutNumber(4)) == (3, 2), "what 2 descends from cannot be read"
    backend.delete(manifest_name(CutNumber(2)))
    assert lineage(backend, CutNumber(4)) == (3,)
    with pytest.raises(
        ObjectMissing, match=r"no recovery point 2 in memory:unnamed; .* take one of the last ones: 1, 3, 4"
    ):
        lineage(backend, CutNumber(2))


def test_the_details_count_runs_entries_and_bytes_of_each_state() -> None:
    backend = MemoryBackend()
    small_shop(backend)
    detail = detail_point(backend, CutNumber(2))
    ledger, till = detail.parts
    assert detail.lineage == (1,)
    assert (ledger.process, till.process, till.base, till.life, till.complaint) == ("ledger", "till", 1, "a1", "")
    stock, _rate = till.states
    assert [(run.kind, run.entries) for run in stock.runs] == [("base", 10), ("delta", 3)]
    assert (stock.entries, stock.kind, stock.format, stock.packs) == (13, "table", "msgpack", 2)
    assert stock.fresh_bytes == stock.runs[1].stored_bytes == stock.stored_bytes - stock.runs[0].stored_bytes
    assert [pack.fresh for pack in till.packs] == [False, True]
    assert sum(pack.bytes for pack in till.packs) == till.bytes


def test_a_part_that_cannot_be_read_is_told_with_the_reason() -> None:
    backend = MemoryBackend()
    small_shop(backend)
    pack = detail_point(backend, CutNumber(3)).parts[1].packs[-1].name
    backend.delete(pack)
    ledger, till = detail_point(backend, CutNumber(3)).parts
    assert ledger.complaint == ""
    assert f"object {pack} is not in memory:unnamed" in till.complaint
    assert till.states == ()


def test_manifests_that_were_listed_before_are_not_read_again_and_marks_are() -> None:
    backend = MemoryBackend()
    small_shop(backend)
    before = {point.cut: point for point in list_points(backend)}
    overwrite(backend, manifest_name(CutNumber(2)), b"")
    add_mark(backend, CutNumber(2), "pin", by="ada", at=AT)
    add_mark(backend, CutNumber(3), "pin", by="ada", at=AT)
    backend.delete(manifest_name(CutNumber(3)))
    one, two = list_points(backend, known=before)
    assert one == before[CutNumber(1)]
    assert (two.damaged, two.pinned, two.bytes) == ("", True, before[CutNumber(2)].bytes)
