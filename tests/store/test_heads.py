from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cutpoint.errors import Damaged, UsageError
from cutpoint.protocol.messages import SessionRecord
from cutpoint.store import MemoryBackend
from cutpoint.store.heads import check_record, decode_head, encode_head, needed_bytes
from cutpoint.store.packs import HEAD_RAW_MAX

from .part_samples import SESSION, finish, put_table, small_part, writer

HEAD = small_part(MemoryBackend()).head
PLAIN: dict[str, Any] = msgspec.msgpack.decode(encode_head(HEAD))
DIGEST = "sha256:" + "0" * 64


def damaged(data: bytes) -> str:
    with pytest.raises(Damaged) as caught:
        decode_head(data, where="object packs/x")
    assert str(caught.value).startswith("object packs/x holds no ")
    assert str(caught.value).isprintable()
    return str(caught.value)


def changed(change: Callable[[Any], object]) -> bytes:
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(PLAIN))
    change(plain)
    return msgspec.msgpack.encode(plain)


def test_a_head_comes_back_as_it_was_encoded() -> None:
    assert decode_head(encode_head(HEAD), where="object packs/x") == HEAD


def run_of(plain: Any) -> Any:
    return plain["states"][0]["runs"][0]


def evidence_of(plain: Any) -> Any:
    return plain["sessions"][0]["evidence"]


def with_pack(plain: Any, **fields: object) -> None:
    """Name another pack, before the one that holds the head."""
    plain["packs"].append({"era": 0, "digest": DIGEST, "bytes": 100} | fields)
    for chunk in (*plain["messages"], *(c for state in plain["states"] for run in state["runs"] for c in run[1])):
        chunk[0] += 1


def in_the_pack_before(plain: Any, *chunk: object) -> None:
    with_pack(plain)
    run_of(plain)[1] = [[0, *chunk]]
    run_of(plain)[3] = chunk[2]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda p: p.update(process="../p"), "is not a process name"),
        (lambda p: p.update(cut=-1), "cut -1"),
        (lambda p: p.update(incarnation=2**60), "incarnation"),
        (lambda p: p.update(life="a\nb"), "life holds"),
        (lambda p: p.update(computation="x" * 1001), "computation has 1001 characters"),
        (lambda p: p.update(base=-1), "base -1"),
        (lambda p: p.update(kept=1), "1 packs are said to be kept, 0 are named"),
        (lambda p: p.update(states=p["states"] * 2), "state 'balances' is in it twice"),
        (lambda p: p.update(sessions=p["sessions"] * 2), "is in it twice"),
        (lambda p: p["states"][0].update(version=-1), "version -1"),
        (lambda p: p["states"][0].update(runs=[]), "state 'balances' does not begin with a base run"),
        (lambda p: p["states"][0]["runs"].reverse(), "state 'balances' does not begin with a base run"),
        (lambda p: p["states"][0].update(kind="value"), "or changes and is no table"),
        (lambda p: p["states"][0]["runs"].append(run_of(p)), "state 'balances' has more than one base run"),
        (lambda p: run_of(p).__setitem__(3, 1), "a run of which the length is not that of its chunks"),
        (lambda p: run_of(p).__setitem__(0, "other"), "Invalid enum value 'other'"),
        (lambda p: run_of(p)[1][0].__setitem__(4, b"short"), "length >= 32"),
        (lambda p: run_of(p)[1][0].__setitem__(1, -1), "`int` >= 0"),
        (lambda p: run_of(p)[1][0].__setitem__(0, 1), "a chunk lies at byte 16 of pack 1, where none is"),
        (lambda p: run_of(p)[1][0].__setitem__(1, 2**40), "a chunk lies at byte"),
        (lambda p: run_of(p)[1][0].__setitem__(2, 0), "0 stored"),
        (lambda p: in_the_pack_before(p, 50, 51, 9, bytes(32)), "a chunk lies at byte 50 of pack 0, where none is"),
        (lambda p: in_the_pack_before(p, 50, 50, 2**23, bytes(32)), "a chunk has 8388608 bytes"),
        (with_pack, "pack 0 is named and nothing in it is needed"),
        (lambda p: with_pack(p, digest="sha256:../../etc/passwd"), "is not a sha256 digest"),
        (lambda p: with_pack(p, era=-1), "era -1"),
        (lambda p: with_pack(p, bytes=-1), "bytes -1"),
        (lambda p: p.update(packs=[{"era": 0, "digest": DIGEST, "bytes": 100}] * 2), "a pack is named twice"),
        (lambda p: evidence_of(p)["incoming"].update(received=[[3, 1]]), "the range 3 to 1"),
        (lambda p: evidence_of(p)["outgoing"].update(sent=2**50), "messages are said to be in flight"),
        (lambda p: evidence_of(p)["incoming"].update(in_flight=[[4, 2**50]]), "messages are said to be in flight"),
        (
            lambda p: p.update(messages=[[0, 16, 1, 4 << 20, bytes(32)]] * 17),
            "bytes of messages are said to be in flight",
        ),
        (lambda p: p.pop("states"), "missing required field `states`"),
    ],
)
def test_a_head_that_no_process_can_have_written_is_damaged(change: Callable[[Any], object], complaint: str) -> None:
    assert decode_head(changed(lambda plain: None), where="object packs/x") == HEAD
    assert complaint in damaged(changed(change))


def test_packs_can_only_be_kept_of_an_earlier_cut() -> None:
    def keep(plain: Any, base: int) -> None:
        in_the_pack_before(plain, 50, 50, 9, bytes(32))
        plain.update(kept=1, base=base, cut=5)

    assert decode_head(changed(lambda p: keep(p, 4)), where="object packs/x").kept == 1
    assert "packs are kept of cut 0, which is not before it" in damaged(changed(lambda p: keep(p, 0)))
    assert "packs are kept of cut 5, which is not before it" in damaged(changed(lambda p: keep(p, 5)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\xc1",
        b"\x91" * 1_000_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_what_is_no_head_is_damaged(data: bytes) -> None:
    assert "holds no head of a part" in damaged(data)


def test_a_head_that_is_too_long_is_refused_with_what_to_do() -> None:
    head = msgspec.structs.replace(HEAD, boundary=tuple("x" * 1000 for _ in range(HEAD_RAW_MAX // 1000)))
    with pytest.raises(UsageError, match=r"has a head of \d+ bytes, 4194304 are allowed; it was given up"):
        encode_head(head)


def test_of_each_pack_the_bytes_are_counted_that_its_states_need() -> None:
    backend = MemoryBackend()
    one = writer(backend, 1)
    put_table(one, "t", (b"x" * 50, b"y" * 50))
    finish(one, SESSION)
    (run,) = one.written.head.states[0].runs
    assert needed_bytes(one.written) == [sum(chunk.stored for chunk in run.chunks)]


def with_numbers(*, sent: tuple[int, ...] = (6, 7, 8), got: tuple[int, ...] = (4,)) -> SessionRecord:
    def renumbered(numbers: tuple[int, ...]) -> Any:
        return tuple(msgspec.structs.replace(SESSION.incoming_in_flight[0], number=number) for number in numbers)

    return msgspec.structs.replace(SESSION, outgoing_in_flight=renumbered(sent), incoming_in_flight=renumbered(got))


def test_recorded_messages_are_those_that_the_evidence_counts() -> None:
    assert check_record(SESSION) == check_record(with_numbers()) == ""
    for sent in ((6, 7), (6, 7, 9), (8, 7, 6), (5, 6, 7, 8)):
        assert "recorded by the sender are not 6 to 8" in check_record(with_numbers(sent=sent))
    for got in ((), (5,), (4, 4), (4, 5)):
        assert "recorded by the receiver are not those" in check_record(with_numbers(got=got))


def test_messages_that_overtook_each_other_keep_the_order_of_their_delivery() -> None:
    incoming = msgspec.structs.replace(SESSION.evidence.incoming, in_flight=((4, 5), (9, 9)))
    evidence = msgspec.structs.replace(SESSION.evidence, incoming=incoming)
    assert check_record(msgspec.structs.replace(with_numbers(got=(9, 4, 5)), evidence=evidence)) == ""
