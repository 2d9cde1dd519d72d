from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutpoint.catalog.queries import Query, StateName
from cutpoint.errors import Damaged, ObjectMissing, UsageError
from cutpoint.names import CutNumber
from cutpoint.store.memory import MemoryBackend
from tests.catalog.stores import GONE, Service, Shop, small_shop
from tests.state.test_plain import same

STOCK = StateName.parse("till/stock")

keys = st.integers(-3, 9) | st.sampled_from(["", "a", "b", "ab", b"a", None, (1, "x"), 1.5, True])
values = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(0, 3), max_size=2) | st.just(GONE)
histories = st.lists(
    st.tuples(
        st.sampled_from(["delta", "delta", "delta", "base", "merged"]),
        st.lists(st.tuples(keys, values), max_size=12),
    ),
    min_size=1,
    max_size=7,
)


def shop_of(history: Any) -> Shop:
    till = Service("till", entries_in_batch=2)
    shop = Shop(MemoryBackend(), till)
    for how, changes in history:
        till.change(*changes)
        shop.take_cut(how)
    return shop


def query(shop: Shop, cut: int, name: StateName = STOCK) -> Query:
    return Query(shop.backend, CutNumber(cut), name, shop.keys)


@settings(max_examples=150)
@given(histories, st.lists(keys, min_size=1, max_size=8))
def test_every_key_has_at_every_recovery_point_the_value_that_the_dict_had_then(history: Any, others: Any) -> None:
    shop = shop_of(history)
    for cut, tables in shop.tables.items():
        for key in dict.fromkeys((*tables["till"], *others)):
            entry = query(shop, cut).find((key,))
            assert same(GONE if entry is None else entry.value, tables["till"].get(key, GONE))


@settings(max_examples=150)
@given(histories)
def test_the_whole_table_is_the_dict_as_it_was_then_in_its_order(history: Any) -> None:
    shop = shop_of(history)
    for cut, tables in shop.tables.items():
        found = [(entry.key, entry.value) for entry in query(shop, cut).entries()]
        assert same(found, list(tables["till"].items()))


def test_the_first_of_several_candidates_that_is_there_is_found() -> None:
    till = Service("till")
    shop = Shop(MemoryBackend(), till)
    till.change(("17", "text"))
    shop.take_cut()
    till.change((17, "number"))
    shop.take_cut()
    till.change((17, GONE))
    shop.take_cut()
    found = [query(shop, cut).find((17, "17")) for cut in (1, 2, 3)]
    assert [entry.value for entry in found if entry] == ["text", "number", "text"]


def test_a_value_is_decoded_whole_and_has_no_keys() -> None:
    shop = small_shop(MemoryBackend())
    rate = query(shop, 1, StateName.parse("till/rate"))
    assert rate.value() == {"eur": 1.25}
    assert not rate.is_table
    with pytest.raises(UsageError, match="till/rate of recovery point 1 is no table but a value; nothing was read"):
        rate.find(("eur",))
    with pytest.raises(UsageError, match="is a table; nothing was read; name a key, or say --all"):
        query(shop, 1).value()


@pytest.mark.parametrize("text", ["till", "till/", "/stock", "till/a/b", "till/../x", "", "till/@"])
def test_what_names_no_state_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write SERVICE/STATE"):
        StateName.parse(text)


def test_what_is_not_there_is_told_with_what_there_is() -> None:
    shop = small_shop(MemoryBackend())
    with pytest.raises(ObjectMissing, match=r"no recovery point 9 .* take one of the last ones: 1, 2, 3"):
        query(shop, 9)
    with pytest.raises(UsageError, match="no part of shelf; nothing was read; it has ledger, till"):
        query(shop, 1, StateName.parse("shelf/stock"))
    with pytest.raises(UsageError, match="no state shock; nothing was read; it has rate, stock"):
        query(shop, 1, StateName.parse("till/shock"))


def test_nothing_is_unpickled_to_answer_a_question() -> None:
    till = Service("till")
    till.format = "pickle"
    shop = Shop(MemoryBackend(), till)
    shop.take_cut()
    for ask in (lambda q: q.find(("x",)), lambda q: list(q.entries())):
        with pytest.raises(UsageError, match="is kept as pickle, and reading that would run the code"):
            ask(query(shop, 1))


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\0",
        b"\0\0\0\x05ab",
        b"\0\0\0\x01\xc1",
        b"\0\0\0\x01\x90",
        b"\0\0\0\x05\x93\x90\x91\x01\x90",
        b"\0\0\0\x05\x93\x91\x90\x90\x90",
    ],
)
def test_what_is_no_batch_is_damage_that_is_named(content: bytes) -> None:
    till = Service("till")
    till.raw_batches = content
    shop = Shop(MemoryBackend(), till)
    shop.take_cut()
    with pytest.raises(Damaged, match="till/stock of recovery point 1"):
        list(query(shop, 1).entries())
