"""The commands that look into recovery points and carry them, on a store without a coordinator, and beside one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cutpoint.command import main
from cutpoint.store.directory import DirectoryBackend
from cutpoint.store.keys import KeyRing
from tests.catalog.stores import Service, Shop, small_shop
from tests.coordinator.conftest import Serve
from tests.store.samples import ORDERS, PAYMENTS, messages, session

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line: its exit status and what it printed."""

    def command(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        assert err.count("\n") <= 1
        return status, out, err

    return command


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store of three recovery points."""
    small_shop(DirectoryBackend(tmp_path / "store"))
    return str(tmp_path / "store")


def told(run: Run, *arguments: str) -> str:
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    return err


def printed(run: Run, *arguments: str) -> str:
    status, out, err = run(*arguments)
    assert (status, err) == (0, "")
    return out


def answered(run: Run, *arguments: str) -> Any:
    return json.loads(printed(run, *arguments, "--json"))


def test_points_lists_what_each_costs_and_what_people_said(run: Run, store: str) -> None:
    assert printed(run, "label", "3", "release-7", "--store", store, "--by", "ada") == (
        "recovery point 3: release-7, not pinned\n"
    )
    assert answered(run, "pin", "3", "--store", store) == {"cut": 3, "labels": ["release-7"], "pinned": True}
    table = printed(run, "points", "--store", store).rstrip().splitlines()
    assert table[2].split()[-5:] == ["size", "fresh", "took", "stall", "labels"]
    assert table[-1].split()[-2:] == ["release-7", "pinned"]
    one, two, three = answered(run, "points", "--store", store)["points"]
    assert (three["labels"], three["pinned"], one["pinned"]) == (["release-7"], True, False)
    assert 0 < three["fresh_bytes"] < three["bytes"]
    assert (two["parent"], two["damaged"]) == (1, "")
    assert printed(run, "unpin", "3", "--store", store) == "recovery point 3: release-7, not pinned\n"
    assert printed(run, "unlabel", "3", "release-7", "--store", store) == "recovery point 3: no label, not pinned\n"
    assert "there is no recovery point 9" in told(run, "pin", "9", "--store", store)
    assert "is no label; nothing was written" in told(run, "label", "3", "two words", "--store", store)


def test_show_tells_runs_states_packs_and_the_lineage(run: Run, store: str) -> None:
    printed(run, "pin", "2", "--store", store)
    out = printed(run, "show", "2", "--store", store)
    assert "Recovery point 2 of computation shop, after recovery point 1\n" in out
    assert "  descends     from 1\n" in out
    assert "  kept as      pinned\n" in out
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert lines["till/stock"][:9] == ["till/stock", "table", "v1", "msgpack", "13", "base", "10", "+", "3"]
    answer = answered(run, "show", "3", "--store", store)
    assert answer["detail"]["lineage"] == [2, 1]
    assert answer["manifest"]["cut"] == 3
    assert [part["process"] for part in answer["detail"]["parts"]] == ["ledger", "till"]
    assert "take one of the last ones: 1, 2, 3" in told(run, "show", "7", "--store", store)


def test_diff_counts_all_keys_and_names_some(run: Run, store: str) -> None:
    out = printed(run, "diff", "1", "2", "--store", store, "--values", "--limit", "2")
    assert "till      stock   table   changed       1         1         1" in out
    assert "3 states are the same\n" in out
    assert out.endswith(
        'till/stock\n  + "item-10": {"$tuple": [1, 2]}\n  ~ "item-3": 3 -> 33\n'
        "  and 1 more; --limit names more of them\n"
    )
    answer = answered(run, "diff", "2", "3", "--store", store, "--values")
    states = {(s["process"], state["name"]): state for s in answer["services"] for state in s["states"]}
    assert states["ledger", "stock"]["keys"] == [{"key": "total", "change": "added", "after": 7}]
    assert states["till", "rate"]["before"] == {"eur": 1.25}
    assert printed(run, "diff", "3", "3", "--store", store) == "Recovery points 3 and 3 hold the same.\n"


def test_diff_tells_messages_in_flight_and_lives(run: Run, tmp_path: Path) -> None:
    orders, payments = Service(ORDERS), Service(PAYMENTS)
    shop = Shop(DirectoryBackend(tmp_path / "store"), orders, payments)
    shop.take_cut()
    orders.sessions = (session(ORDERS, PAYMENTS, messages(6, "six"), messages(4, "four", "five")),)
    payments.sessions = (session(PAYMENTS, ORDERS, (), messages(4, "four", "five")),)
    shop.take_cut()
    lines = [line.split() for line in printed(run, "diff", "1", "2", "--store", str(tmp_path / "store")).splitlines()]
    assert ["orders->payments:", "0", "3", "0", "6"] in lines


def test_query_prints_the_value_that_a_key_had_then(run: Run, store: str) -> None:
    assert printed(run, "query", "1", "till/stock", "item-3", "--store", store) == "3\n"
    assert printed(run, "query", "2", "till/stock", '"item-3"', "--store", store) == "33\n"
    assert answered(run, "query", "2", "till/stock", "item-10", "--store", store) == {
        "cut": 2,
        "state": "till/stock",
        "key": "item-10",
        "value": {"$tuple": [1, 2]},
    }
    assert printed(run, "query", "3", "till/rate", "--store", store) == '{"eur": 1.5}\n'
    whole = printed(run, "query", "3", "ledger/stock", "--all", "--store", store)
    assert whole == '{"key": "total", "value": 7}\n'
    assert (
        "till/stock of recovery point 2 has no key item-4; nothing was changed; `cutpoint query 2 till/stock"
        in told(run, "query", "2", "till/stock", "item-4", "--store", store)
    )
    assert "is a table; nothing was read; name a key, or say --all" in told(
        run, "query", "2", "till/stock", "--store", store
    )
    assert "write SERVICE/STATE" in told(run, "query", "2", "till", "--store", store)
    status, _, err = run("query", "2", "till/stock", "item-4", "--all", "--store", store)
    assert (status, err) == (
        2,
        "cutpoint: error: --all prints every key: leave KEY out. See: cutpoint query --help\n",
    )


def test_a_recovery_point_travels_as_a_file(run: Run, store: str, tmp_path: Path) -> None:
    file, other = str(tmp_path / "point.cutpoint"), str(tmp_path / "other")
    printed(run, "label", "3", "release-7", "--store", store)
    answer = answered(run, "export", "3", file, "--store", store)
    assert (answer["cut"], answer["computation"], answer["bytes"]) == (3, "shop", Path(file).stat().st_size)
    assert "is there already; nothing was overwritten" in told(run, "export", "3", file, "--store", store)
    answer = answered(run, "import", file, "--store", other)
    assert (answer["cut"], answer["already"], answer["marks"]) == (3, False, "taken")
    assert answer["written"] == answer["packs"]
    assert "recovery point 3 of computation shop was there already" in printed(run, "import", file, "--store", other)
    assert [point["labels"] for point in answered(run, "points", "--store", other)["points"]] == [["release-7"]]
    assert printed(run, "query", "3", "till/stock", "item-3", "--store", other) == "33\n"
    data = bytearray(Path(file).read_bytes())
    data[-2000] ^= 1
    (tmp_path / "bad.cutpoint").write_bytes(data)
    assert "nothing was" in told(run, "import", str(tmp_path / "bad.cutpoint"), "--store", str(tmp_path / "third"))
    assert not (tmp_path / "third").exists()


def test_keys_open_what_is_sealed_and_prove_what_is_signed(run: Run, tmp_path: Path) -> None:
    ring = KeyRing.generate(sealing=True)
    ring.save(tmp_path / "keys.json")
    small_shop(DirectoryBackend(tmp_path / "store"), keys=ring)
    store, keys = ("--store", str(tmp_path / "store")), ("--keys", str(tmp_path / "keys.json"))
    assert printed(run, "query", "2", "till/stock", "item-3", *store, *keys) == "33\n"
    assert printed(run, "pin", "2", *store, *keys).endswith("pinned\n")
    assert answered(run, "points", *store, *keys)["points"][1]["pinned"]
    assert "sealed" in told(run, "query", "2", "till/stock", "item-3", *store)
    printed(run, "diff", "1", "2", *store, *keys)
    KeyRing.generate().save(tmp_path / "other.json")
    assert "trusted are" in told(run, "diff", "1", "2", *store, "--keys", str(tmp_path / "other.json"))


def test_no_store_and_no_coordinator_is_one_line(run: Run, tmp_path: Path) -> None:
    for command in (("diff", "1", "2"), ("query", "1", "a/b"), ("export", "1", "x"), ("pin", "1"), ("points",)):
        assert "there is no store at file://" in told(run, *command, "--store", str(tmp_path / "none"))
        assert "nobody answers at" in told(run, *command, "--coordinator", "http://127.0.0.1:1")
    assert not (tmp_path / "none").exists()


async def test_without_store_the_coordinator_says_where_it_is(run: Run, serve: Serve, store: str) -> None:
    small_shop(DirectoryBackend(store))
    service = await serve(computation="shop")
    where = ("--coordinator", service.url)
    assert await asyncio.to_thread(printed, run, "query", "1", "till/stock", "item-3", *where) == "3\n"
    assert (await asyncio.to_thread(printed, run, "pin", "2", *where)).endswith("pinned\n")
    assert not (await asyncio.to_thread(answered, run, "diff", "1", "2", *where))["same"]
