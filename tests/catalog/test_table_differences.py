from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cutpoint.catalog.reading import PointReader
from cutpoint.catalog.table_differences import ABSENT, compare_tables
from cutpoint.catalog.tables import TableReader
from cutpoint.names import CutNumber, ProcessName
from cutpoint.state.plain import encode_plain
from cutpoint.store.memory import MemoryBackend
from tests.catalog.stores import GONE, Service, Shop
from tests.catalog.test_queries import histories, shop_of
from tests.state.test_plain import same

TILL = ProcessName("till")


def table(shop: Shop, cut: int) -> TableReader:
    point = PointReader(shop.backend, CutNumber(cut))
    return TableReader(point.part(TILL), point.state(TILL, "stock"), "till/stock")


def changes_of(before: dict[Any, Any], after: dict[Any, Any]) -> dict[Any, tuple[str, Any, Any]]:
    """The difference of two dicts, worked out without looking at how they are stored."""
    found: dict[Any, tuple[str, Any, Any]] = {}
    for key in {**before, **after}:
        if key not in before:
            found[key] = ("added", ABSENT, after[key])
        elif key not in after:
            found[key] = ("removed", before[key], ABSENT)
        elif encode_plain(before[key]) != encode_plain(after[key]):
            found[key] = ("changed", before[key], after[key])
    return found


@settings(max_examples=150)
@given(histories, st.data(), st.sampled_from([1, 20, 10**9]))
def test_any_two_recovery_points_differ_as_the_two_dicts_do(history: Any, data: st.DataObject, pass_bytes: int) -> None:
    shop = shop_of(history)
    one, other = (data.draw(st.integers(1, shop.cut)) for _ in range(2))
    found = compare_tables(table(shop, one), table(shop, other), limit=1000, pass_raw_bytes=pass_bytes)
    expected = changes_of(shop.tables[one]["till"], shop.tables[other]["till"])
    assert same({change.key: (change.change, change.before, change.after) for change in found.keys}, expected) or (
        {change.key: change.change for change in found.keys} == {key: said[0] for key, said in expected.items()}
    )
    counts = [said[0] for said in expected.values()]
    assert (found.added, found.removed, found.changed) == tuple(map(counts.count, ("added", "removed", "changed")))


def test_the_first_keys_are_named_in_their_order_however_many_passes_it_takes() -> None:
    till = Service("till")
    shop = Shop(MemoryBackend(), till)
    shop.take_cut()
    till.change(*((number, number) for number in range(3000)), ("b", 1), ("a", 1), ((1,), 1), (2.5, 1))
    shop.take_cut()
    for pass_bytes in (500, 10**9):
        found = compare_tables(table(shop, 1), table(shop, 2), limit=5, pass_raw_bytes=pass_bytes)
        assert [change.key for change in found.keys] == [0, 1, 2, 2.5, 3]
        assert found.added == 3004
    everything = compare_tables(table(shop, 1), table(shop, 2), limit=10_000)
    assert [change.key for change in everything.keys][-4:] == [2999, "a", "b", (1,)]


class Counting(MemoryBackend):
    """A store that counts how many bytes are asked of packs."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def read_range(self, name: str, start: int, length: int) -> bytes:
        self.asked += length
        return super().read_range(name, start, length)


def test_a_run_that_both_have_is_read_for_old_values_only_and_once() -> None:
    backend = Counting()
    till = Service("till", entries_in_batch=1000)
    shop = Shop(backend, till)
    till.change(*((f"key-{number * 7919 % 20011}", number * 104729) for number in range(20_000)))
    shop.take_cut("base")
    base_bytes = sum(backend.size(name) or 0 for name in backend.list("packs/"))
    till.change(("key-7", 0))
    shop.take_cut()
    till.change(("key-7", 1))
    shop.take_cut()
    backend.asked = 0
    found = compare_tables(table(shop, 2), table(shop, 3), limit=9)
    assert [(change.key, change.before, change.after) for change in found.keys] == [("key-7", 0, 1)]
    assert backend.asked < 1000 < base_bytes / 10, "what changed last is known from the deltas alone"
    found = compare_tables(table(shop, 1), table(shop, 3), limit=9)
    assert found.changed == 1
    assert backend.asked < 1.1 * base_bytes


def test_one_and_true_differ_and_nan_is_itself() -> None:
    till = Service("till")
    shop = Shop(MemoryBackend(), till)
    till.change(("a", 1), ("b", float("nan")), ("c", 0.0), ("d", {"x": 1, "y": 2}))
    shop.take_cut("base")
    till.change(("a", True), ("b", float("nan")), ("c", -0.0), ("d", {"x": 1, "y": 2}), ("e", GONE))
    shop.take_cut("base")
    found = compare_tables(table(shop, 1), table(shop, 2), limit=9)
    assert [change.key for change in found.keys] == ["a", "c"]
