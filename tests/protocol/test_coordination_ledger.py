from __future__ import annotations

import msgspec
import pytest

from cutpoint.errors import RegistryError
from cutpoint.names import CutNumber, Digest, Incarnation, Life, ProcessName
from cutpoint.protocol.ledger import (
    AbandonedCut,
    CompletedRecovery,
    Computation,
    Ledger,
    Member,
    Members,
    RecoveryPoint,
    encode,
    from_records,
    key_of,
    to_records,
)


def point(cut: int, parent: int, *, damaged: str = "", left: tuple[str, ...] = ()) -> RecoveryPoint:
    return RecoveryPoint(
        cut=CutNumber(cut),
        incarnation=Incarnation(1),
        parent=CutNumber(parent),
        members={ProcessName("a"): Digest("x"), ProcessName("b"): Digest("y")},
        left=tuple(ProcessName(name) for name in left),
        in_flight=0,
        bytes=1,
        duration_seconds=0.1,
        stall_seconds=0.0,
        damaged=damaged,
    )


def full() -> Ledger:
    members = {ProcessName("a"): Member(life=Life("1")), ProcessName("b"): Member(life=Life("2"), state="leaving")}
    return Ledger(computation=Computation(name="test", request="r")).with_records(
        [
            Members(members=members),
            point(1, 0),
            point(3, 1),
            AbandonedCut(cut=CutNumber(2), incarnation=Incarnation(1), reason="no"),
            CompletedRecovery(
                incarnation=Incarnation(2), cut=CutNumber(1), reason="lost", lost=(ProcessName("a"),), seconds=1.0
            ),
        ]
    )


def test_a_ledger_is_what_its_records_say() -> None:
    records = to_records(full())
    assert sorted(records) == ["abandoned/2", "computation", "members", "points/1", "points/3", "recoveries/2"]
    assert from_records(records, computation="another") == full()


def test_keys_of_other_things_are_passed_over() -> None:
    assert from_records({**to_records(full()), "leader": b"?"}, computation="") == full()


def test_a_registry_without_records_begins_with_a_name() -> None:
    ledger = from_records({}, computation="shop")
    assert (ledger.computation.name, ledger.computation.request, ledger.computation.incarnation) == ("shop", "", 1)


@pytest.mark.parametrize("stored", [b"", b"{", b"[]", b'{"cut":"x"}', b"\xff"])
def test_a_damaged_record_is_named(stored: bytes) -> None:
    with pytest.raises(RegistryError, match="the registry's record points/3 is damaged"):
        from_records({**to_records(full()), "points/3": stored}, computation="")


def test_a_record_in_the_wrong_place_is_named() -> None:
    with pytest.raises(RegistryError, match="points/4 is damaged: it is of points/3"):
        from_records({"points/4": encode(point(3, 1))}, computation="")


def test_a_newer_ledger_is_refused_by_its_version() -> None:
    newer = msgspec.structs.replace(full().computation, version=2)
    with pytest.raises(RegistryError, match="newer Cutpoint"):
        from_records({"computation": encode(newer)}, computation="")


def test_what_is_restorable_follows_the_lineage_around_damage() -> None:
    ledger = Ledger(computation=Computation(name="test")).with_records(
        [point(1, 0), point(2, 1), point(3, 2, damaged="torn"), point(4, 1), point(5, 3, damaged="torn")]
    )
    assert [ledger.restorable(CutNumber(cut)) for cut in (1, 2, 3, 4, 5, 9)] == [1, 2, 2, 4, 2, None]


def test_a_recovery_point_demands_everybody_who_had_not_left() -> None:
    assert point(1, 0, left=("b", "z")).demanded == ("a",)


def test_members_are_told_apart() -> None:
    ledger = full()
    assert (ledger.belonging(), ledger.leaving(), ledger.released()) == (("a", "b"), ("b",), ())
    assert key_of(ledger.members) == "members"
