from __future__ import annotations

import pickle
from typing import Any

import msgspec

from cutpoint.catalog.differences import ChannelDifference, KeyDifference, compare_points
from cutpoint.names import CutNumber, Life
from cutpoint.store.memory import MemoryBackend
from tests.catalog.stores import Service, Shop, small_shop
from tests.store.samples import ORDERS, PAYMENTS, messages, session


def compare(shop: Shop, before: int, after: int, **more: Any) -> Any:
    return compare_points(shop.backend, CutNumber(before), CutNumber(after), keys=shop.keys, **more)


def test_what_changed_is_told_by_service_state_and_key() -> None:
    shop = small_shop(MemoryBackend())
    found = compare(shop, 1, 2, values=True)
    ledger, till = found.services
    assert (found.same, ledger.change, [state.change for state in ledger.states]) == (False, "same", ["same", "same"])
    stock, rate = till.states
    assert (till.change, stock.change, rate.change) == ("changed", "changed", "same")
    assert (stock.added, stock.removed, stock.changed) == (1, 1, 1)
    assert stock.keys == (
        KeyDifference(key="item-10", change="added", after={"$tuple": [1, 2]}),
        KeyDifference(key="item-3", change="changed", before=3, after=33),
        KeyDifference(key="item-4", change="removed", before=4),
    )
    backwards = compare(shop, 2, 1).services[1].states[0]
    assert [(key.key, key.change) for key in backwards.keys] == [
        ("item-10", "removed"),
        ("item-3", "changed"),
        ("item-4", "added"),
    ]


def test_values_are_told_only_when_they_are_asked_for() -> None:
    shop = small_shop(MemoryBackend())
    rate = compare(shop, 2, 3).services[1].states[1]
    assert (rate.name, rate.change, rate.before, rate.after) == ("rate", "changed", msgspec.UNSET, msgspec.UNSET)
    rate = compare(shop, 2, 3, values=True).services[1].states[1]
    assert (rate.before, rate.after) == ({"eur": 1.25}, {"eur": 1.5})


def test_a_recovery_point_does_not_differ_from_itself() -> None:
    shop = small_shop(MemoryBackend())
    found = compare(shop, 3, 3)
    assert (found.same, {service.change for service in found.services}, found.channels) == (True, {"same"}, ())


def test_no_more_keys_are_named_than_asked_for_and_all_are_counted() -> None:
    till = Service("till")
    shop = Shop(MemoryBackend(), till)
    shop.take_cut()
    till.change(*((number, number) for number in range(50)))
    shop.take_cut()
    state = compare(shop, 1, 2, limit=3).services[0].states[0]
    assert ([key.key for key in state.keys], state.added) == ([0, 1, 2], 50)
    assert compare(shop, 1, 2, limit=0).services[0].states[0].keys == ()


class Bomb:
    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('it was run')",)


def test_what_would_run_code_is_compared_by_its_digest_and_told_why() -> None:
    till = Service("till")
    till.format = "pickle"
    till.raw_batches = pickle.dumps(Bomb())
    shop = Shop(MemoryBackend(), till)
    shop.take_cut()
    shop.take_cut()
    till.raw_batches = pickle.dumps([Bomb()])
    shop.take_cut("base")
    assert compare(shop, 1, 1).services[0].states[0].change == "same"
    state = compare(shop, 1, 3, values=True).services[0].states[0]
    assert (state.change, state.read, state.keys) == ("changed", False, ())
    assert state.why == "compared by digest only: it is kept as pickle, and reading that would run code"


def test_another_schema_version_is_told_and_compared_as_it_is_stored() -> None:
    till = Service("till")
    shop = Shop(MemoryBackend(), till)
    till.change(("a", 1))
    shop.take_cut("base")
    till.version = 2
    till.change(("a", {"amount": 1}))
    shop.take_cut("base")
    state = compare(shop, 1, 2).services[0].states[0]
    assert (state.change, state.read, state.changed, state.why) == ("changed", True, 1, "version 1 became 2")


def test_a_table_that_was_stored_anew_has_the_same_content() -> None:
    till = Service("till")
    shop = Shop(MemoryBackend(), till)
    till.change(("a", 1), ("b", 2))
    shop.take_cut("base")
    till.change(("a", 3), ("a", 1))
    shop.take_cut()
    found = compare(shop, 1, 2)
    state = found.services[0].states[0]
    assert (found.same, state.change, state.why) == (True, "same", "stored anew with the same content")


def test_services_that_come_go_or_lose_their_memory_are_told() -> None:
    till, ledger, shelf = Service("till"), Service("ledger"), Service("shelf")
    shop = Shop(MemoryBackend(), till, ledger)
    shop.take_cut()
    shop.services = [till, shelf]
    till.life = Life("a2")
    shop.take_cut()
    found = {service.process: service for service in compare(shop, 1, 2).services}
    assert {name: service.change for name, service in found.items()} == {
        "ledger": "removed",
        "shelf": "added",
        "till": "changed",
    }
    assert found["till"].restarted
    assert not found["ledger"].restarted
    assert [state.change for state in found["shelf"].states] == ["added", "added"]


def test_messages_in_flight_are_counted_by_channel() -> None:
    orders, payments = Service(ORDERS), Service(PAYMENTS)
    shop = Shop(MemoryBackend(), orders, payments)
    shop.take_cut()
    orders.sessions = (session(ORDERS, PAYMENTS, messages(6, "six", "seven"), messages(4, "four", "five")),)
    payments.sessions = (session(PAYMENTS, ORDERS, (), messages(4, "four", "five")),)
    shop.take_cut()
    assert compare(shop, 1, 2).channels == (
        ChannelDifference(
            channel="orders->payments:", in_flight_before=0, in_flight_after=4, sent_before=0, sent_after=7
        ),
        ChannelDifference(
            channel="payments->orders:", in_flight_before=0, in_flight_after=2, sent_before=0, sent_after=5
        ),
    )
