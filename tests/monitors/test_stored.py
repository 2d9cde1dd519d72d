from __future__ import annotations

import pickle

import pytest

from cutpoint.errors import Damaged, ObjectMissing, UsageError
from cutpoint.monitors.stored import SINGLE_READS_MAX, StoredTable, stored_point
from cutpoint.names import CutNumber
from cutpoint.store import KeyRing
from cutpoint.store.memory import MemoryBackend
from tests.catalog.stores import Service, Shop, small_shop
from tests.store.samples import ORDERS, PAYMENTS, messages, session


class Counting(MemoryBackend):
    """Counts what is read of packs."""

    reads = 0

    def read_range(self, name: str, start: int, length: int) -> bytes:
        self.reads += 1
        return super().read_range(name, start, length)

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        self.reads += name.startswith("packs/")
        return super().read(name, bytes_max=bytes_max)


def test_a_table_is_the_mapping_that_the_service_had() -> None:
    shop = small_shop(MemoryBackend())
    for cut, tables in shop.tables.items():
        for process, table in tables.items():
            stock = stored_point(shop.backend, CutNumber(cut)).states[process]["stock"]
            assert dict(stock.items()) == table
            assert list(stock) == list(table)
            assert list(stock.values()) == list(table.values())
            assert len(stock) == len(table)
            assert all(stock[key] == value for key, value in table.items())
            assert "item-999" not in stock


def test_what_the_manifest_says_of_the_cut_comes_with_it() -> None:
    shop = small_shop(MemoryBackend())
    point = stored_point(shop.backend, CutNumber(2))
    assert (point.cut, point.created, point.incarnation) == (2, "2026-01-01T00:02:00.000+00:00", 1)
    assert point.certificate is not None
    assert point.certificate.members == ("ledger", "till")
    assert point.states["till"]["rate"] == {"eur": 1.25}
    assert (sorted(point.states), len(point.states), "bank" in point.states) == (["ledger", "till"], 2, False)


def test_nothing_is_read_of_a_process_that_is_not_asked_for() -> None:
    backend = Counting()
    shop = small_shop(backend)
    backend.reads = 0
    point = stored_point(backend, CutNumber(3))
    assert len(point.in_flight) == 0
    assert backend.reads == 0
    assert point.states["till"]["rate"] == {"eur": 1.5}
    first = backend.reads
    assert point.states["till"]["rate"] == {"eur": 1.5}
    assert backend.reads == first
    assert shop.cut == 3


def test_who_looks_up_many_keys_reads_the_table_once() -> None:
    backend = Counting()
    till = Service("till")
    till.change(*((number, number) for number in range(1000)))
    Shop(backend, till).take_cut("base")
    stock = stored_point(backend, CutNumber(1)).states["till"]["stock"]
    assert isinstance(stock, StoredTable)
    for number in range(SINGLE_READS_MAX + 1):
        assert stock[number] == number
    backend.reads = 0
    assert sum(stock[number] for number in range(1000)) == 499500
    assert backend.reads == 0


def test_messages_in_flight_are_told_with_their_channel_and_direction() -> None:
    orders, payments = Service(ORDERS), Service(PAYMENTS)
    orders.sessions = (session(ORDERS, PAYMENTS, messages(6, "six", b"7"), messages(4, "four", "five")),)
    payments.sessions = (session(PAYMENTS, ORDERS, (), messages(4, "four", "five")),)
    shop = Shop(MemoryBackend(), orders, payments)
    found = stored_point(shop.backend, shop.take_cut("base")).in_flight
    assert [(message.sender, message.receiver, message.payload) for message in found] == [
        ("payments", "orders", "four"),
        ("payments", "orders", "five"),
        ("orders", "payments", "six"),
        ("orders", "payments", b"7"),
        ("orders", "payments", "four"),
        ("orders", "payments", "five"),
    ]
    assert found[3].json() == 7
    assert dict.fromkeys(message.channel for message in found) == {str(orders.sessions[0].evidence.session): None}


def test_a_point_that_is_not_there_is_named() -> None:
    shop = small_shop(MemoryBackend())
    with pytest.raises(ObjectMissing, match="there is no recovery point 9"):
        stored_point(shop.backend, CutNumber(9))


def test_a_state_that_runs_code_is_read_only_where_keys_have_vouched() -> None:
    keys = KeyRing.generate(signing="hmac-sha256")
    for ring, vouched in ((None, False), (keys, True)):
        backend = MemoryBackend()
        till = Service("till")
        till.format, till.raw_batches = "pickle", _pickled()
        Shop(backend, till, keys=ring).take_cut("base")
        stock = None
        if vouched:
            stock = stored_point(backend, CutNumber(1), ring).states["till"]["stock"]
            assert dict(stock.items()) == {"a": {1}}
        else:
            with pytest.raises(UsageError, match="kept as pickle"):
                stored_point(backend, CutNumber(1), ring).states["till"]["stock"]
    with pytest.raises(Damaged, match="not signed"):
        stored_point(small_shop(MemoryBackend()).backend, CutNumber(1), keys)


def _pickled() -> bytes:
    data = pickle.dumps([[], ["a"], [{1}]], protocol=5)
    return len(data).to_bytes(4, "big") + data
