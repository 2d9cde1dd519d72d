from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest

from cutpoint.errors import CutAbandoned, StoreError, UsageError
from cutpoint.names import CutNumber, Life, ProcessName, Sequence
from cutpoint.protocol.messages import Close, InFlight, PackRef
from cutpoint.store import Backend, MemoryBackend
from cutpoint.store.chunks import CHUNK_RAW_MAX, Run
from cutpoint.store.heads import KnownPart, summarise
from cutpoint.store.keys import KeyRing
from cutpoint.store.packs import PACK_BYTES_MAX, read_index, read_pack
from cutpoint.store.reader import open_part
from cutpoint.store.writer import PartWriter, RunWriter

from .part_samples import (
    CONTENT,
    SESSION,
    STALL_SECONDS,
    TABLE_BASE,
    TABLE_DELTA,
    contents,
    finish,
    put_table,
    put_value,
    small_part,
    writer,
)
from .samples import ORDERS, PAYMENTS, messages, session

SEALING = KeyRing.generate(sealing=True).sealing


def noise(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


def read(backend: Backend, part: KnownPart) -> dict[str, list[bytes]]:
    return contents(open_part(backend, part.pack))


def table_of(backend: Backend, *chunks: bytes, cut: int = 1) -> KnownPart:
    one = writer(backend, cut)
    put_table(one, "t", chunks)
    finish(one)
    return one.written


@pytest.mark.parametrize("sealing", [None, SEALING])
def test_a_part_comes_back_as_it_was_written(sealing: object) -> None:
    backend = MemoryBackend()
    part = small_part(backend, sealing=SEALING if sealing else None)
    reader = open_part(backend, part.pack, sealing=SEALING)
    assert reader.part == part
    assert contents(reader) == {"balances": [TABLE_BASE, TABLE_DELTA], "rates": [CONTENT], "nothing": [b""]}
    assert reader.sessions() == (SESSION,)
    assert reader.head.boundary == ("browser",)
    assert backend.list("") == tuple(pack.name() for pack in part.packs)


def test_a_small_part_is_one_object() -> None:
    backend = MemoryBackend()
    part = small_part(backend)
    assert part.packs == (part.pack,)
    assert part.head.packs == ()


def test_equal_parts_are_equal_bytes() -> None:
    assert small_part(MemoryBackend()).pack == small_part(MemoryBackend()).pack


def test_a_part_may_be_written_again() -> None:
    backend = MemoryBackend()
    assert small_part(backend) == small_part(backend)
    assert len(backend.list("")) == 1


def test_a_summary_is_what_the_stored_bytes_say() -> None:
    backend = MemoryBackend()
    one = writer(backend, 3)
    put_table(one, "t", (b"12345", b"67"), (b"8",))
    summary = finish(one, SESSION)
    assert summary == summarise(open_part(backend, one.written.pack).part, STALL_SECONDS)
    assert (summary.object, summary.packs) == (one.written.pack.digest, one.written.packs)
    assert summary.bytes == summary.fresh_bytes == sum(backend.size(name) or 0 for name in backend.list("packs/"))
    assert summary.in_flight_messages == 4
    assert [(s.name, s.kind, s.version, s.format, s.bytes) for s in summary.states] == [("t", "table", 1, "msgpack", 8)]
    assert summary.sessions == (SESSION.evidence,)
    assert summary.base == 0


def test_a_state_has_another_digest_when_a_byte_of_it_changes() -> None:
    digests = {
        summarise(table_of(MemoryBackend(), *chunks), 0.0).states[0].digest
        for chunks in ((b"a", b"b"), (b"a", b"c"), (b"ab",), (b"b", b"a"))
    }
    assert len(digests) == 4


def test_what_the_base_has_is_named_again_and_not_written_again() -> None:
    backend = MemoryBackend()
    first = writer(backend, 1)
    put_table(first, "t", (noise(1, 2000),), (b"delta",))
    put_value(first, "v", noise(2, 2000))
    finish(first)
    base = first.written
    one = writer(backend, 2, base=base)
    put_table(one, "t", (b"new",), keep=base)
    put_value(one, "v", noise(2, 2000))
    summary = finish(one)
    assert read(backend, one.written) == {"t": [noise(1, 2000), b"delta", b"new"], "v": [noise(2, 2000)]}
    assert one.written.head.packs == (base.pack,)
    assert one.written.head.kept == 1
    assert summary.base == 1
    assert summary.bytes == summary.fresh_bytes + base.pack.bytes
    index, _ = read_index(read_pack(backend, one.written.pack), None, "it")
    assert len(index.entries) == 2  # the new delta, and the head


def test_packs_of_which_nothing_is_needed_are_named_no_more() -> None:
    backend = MemoryBackend()
    parts: list[KnownPart] = []
    for cut in range(1, 5):
        one = writer(backend, cut, base=parts[-1] if parts else None)
        for name in range(1, cut + 1):
            put_value(one, f"v{name}", noise(name, 500))
        finish(one)
        parts.append(one.written)
    one = writer(backend, 5, base=parts[-1])
    for name in (2, 4):  # of the second pack and of the last
        one.begin_state(f"v{name}", "value", 1, "msgpack")
        one.keep_runs(next(state.runs for state in parts[-1].head.states if state.name == f"v{name}"))
        one.end_state()
    finish(one)
    assert one.written.head.packs == (parts[1].pack, parts[3].pack)
    assert read(backend, one.written) == {"v2": [noise(2, 500)], "v4": [noise(4, 500)]}


def test_a_chunk_is_written_once_however_often_it_is_added() -> None:
    backend = MemoryBackend()
    one = writer(backend)
    put_table(one, "a", (noise(1, 1000), noise(2, 1000), noise(1, 1000)))
    put_table(one, "b", (noise(2, 1000),), (noise(1, 1000),))
    finish(one)
    index, _ = read_index(read_pack(backend, one.written.pack), None, "it")
    assert len(index.entries) == 3  # two chunks, and the head
    assert read(backend, one.written) == {
        "a": [noise(1, 1000) + noise(2, 1000) + noise(1, 1000)],
        "b": [noise(2, 1000), noise(1, 1000)],
    }


def test_a_small_change_in_a_long_value_writes_little() -> None:
    backend = MemoryBackend()
    long = noise(1, 6_000_000)
    one = writer(backend, 1)
    put_value(one, "picture", long)
    finish(one)
    two = writer(backend, 2, base=one.written)
    put_value(two, "picture", long[:3_000_000] + b"!" + long[3_000_000:])
    summary = finish(two)
    assert summary.fresh_bytes < 2_000_000
    assert read(backend, two.written) == {"picture": [long[:3_000_000] + b"!" + long[3_000_000:]]}


def test_full_packs_are_created_before_the_part_is_finished() -> None:
    backend = MemoryBackend()
    one = writer(backend)
    one.begin_state("t", "table", 1, "msgpack")
    one.begin_run("base")
    chunks = [noise(seed, 1 << 20) for seed in range(20)]
    for chunk in chunks:
        one.add(chunk, 1)
    assert len(backend.list("packs/")) == 2
    one.end_run()
    one.end_state()
    finish(one)
    assert len(one.written.packs) == 3
    assert list(open_part(backend, one.written.pack).chunks(one.written.head.states[0].runs[0])) == chunks
    assert all(pack.bytes <= PACK_BYTES_MAX for pack in one.written.packs)


def test_a_chunk_longer_than_allowed_becomes_several() -> None:
    backend = MemoryBackend()
    long = noise(1, CHUNK_RAW_MAX + 1)
    part = table_of(backend, long)
    (run,) = part.head.states[0].runs
    assert len(run.chunks) > 1
    assert run.entries == 1
    assert read(backend, part) == {"t": [long]}


def test_an_empty_table_has_a_run_without_chunks() -> None:
    backend = MemoryBackend()
    part = table_of(backend, b"")
    assert part.head.states[0].runs == (Run("base", (), 1, 0),)
    assert read(backend, part) == {"t": [b""]}


def test_a_chunk_of_a_pack_that_is_hardly_needed_any_more_is_written_again() -> None:
    backend = MemoryBackend()
    one = writer(backend, 1)
    put_value(one, "stays", noise(1, 1000))
    put_value(one, "goes", noise(2, 5000))
    finish(one)
    two = writer(backend, 2, base=one.written)
    put_value(two, "stays", noise(1, 1000))
    finish(two)
    assert two.written.head.packs == (one.written.pack,)  # all of it was needed when it was looked at
    three = writer(backend, 3, base=two.written)
    put_value(three, "stays", noise(1, 1000))
    finish(three)
    assert three.written.head.packs == ()
    assert read(backend, three.written) == {"stays": [noise(1, 1000)]}


def test_packs_carry_the_era_of_their_writer() -> None:
    part = small_part(MemoryBackend(), cut=12)
    assert part.pack.era == 11
    assert part.pack.name().startswith("packs/000000000011/")


def test_a_run_that_was_merged_beside_any_part_is_taken_into_the_next_one() -> None:
    backend = MemoryBackend()
    first = writer(backend, 1)
    put_value(first, "rates", noise(99, 2000))
    put_table(first, "balances", (b"old",))
    finish(first)
    base = first.written
    beside = RunWriter(backend, era=CutNumber(1))
    chunks = [noise(seed, 1 << 20) for seed in range(9)]
    for chunk in chunks:
        beside.add(chunk, 2)
    loose = beside.finish()
    assert (loose.run.kind, loose.run.entries, len(loose.packs)) == ("base", 18, 2)
    one = writer(backend, 2, base=base)
    put_value(one, "rates", noise(99, 2000))
    one.begin_state("balances", "table", 1, "msgpack")
    one.keep_runs([loose.run], loose.packs)
    one.begin_run("delta")
    one.add(b"after", 1)
    one.end_run()
    one.end_state()
    summary = finish(one)
    assert one.written.head.packs == (base.pack, *loose.packs)
    assert one.written.head.kept == 1
    assert summary.fresh_bytes == summary.bytes - base.pack.bytes
    assert read(backend, one.written) == {"rates": [noise(99, 2000)], "balances": [b"".join(chunks), b"after"]}
    two = writer(backend, 3, base=one.written)
    put_table(two, "balances", (b"more",), keep=one.written)
    finish(two)
    assert two.written.head.packs == (*loose.packs, one.written.pack)
    assert two.written.head.kept == 3
    assert read(backend, two.written) == {"balances": [b"".join(chunks), b"after", b"more"]}


def test_a_loose_run_of_nothing_needs_no_pack() -> None:
    backend = MemoryBackend()
    loose = RunWriter(backend, era=CutNumber(0)).finish("delta")
    assert (loose.run, loose.packs) == (Run("delta", (), 0, 0), ())
    assert backend.list("") == ()


def test_packs_of_merged_runs_that_are_the_base_s_own_are_named_once() -> None:
    backend = MemoryBackend()
    base = small_part(backend)
    one = writer(backend, 2, base=base)
    one.begin_state("balances", "table", 1, "msgpack")
    one.keep_runs(base.head.states[0].runs, base.packs)
    one.end_state()
    finish(one)
    assert one.written.head.packs == (base.pack,)
    assert one.written.head.kept == 1


def given_up(call: Callable[[], object]) -> None:
    with pytest.raises(CutAbandoned, match="given up"):
        call()


def test_after_it_was_given_up_nothing_is_written() -> None:
    backend = MemoryBackend()
    one = writer(backend)
    put_value(one, "rates", CONTENT)
    one.begin_state("t", "table", 1, "msgpack")
    one.begin_run("base")
    one.add(b"chunk", 1)
    one.give_up()
    one.give_up()
    given_up(lambda: one.add(b"another", 1))
    given_up(lambda: one.add_content(b"another"))
    given_up(lambda: one.begin_run("delta"))
    given_up(lambda: one.keep_runs(()))
    given_up(one.end_run)
    given_up(one.end_state)
    given_up(lambda: one.begin_state("u", "table", 1, "msgpack"))
    given_up(lambda: finish(one))
    assert backend.list("") == ()


def test_a_run_beside_can_be_given_up_too() -> None:
    backend = MemoryBackend()
    beside = RunWriter(backend, era=CutNumber(0))
    beside.add(b"chunk", 1)
    beside.give_up()
    given_up(lambda: beside.add(b"another", 1))
    given_up(beside.finish)
    assert backend.list("") == ()


class Full(MemoryBackend):
    """A store that takes nothing more."""

    def create(self, name: str, data: bytes) -> None:
        raise StoreError(f"object {name} was not written: the disk is full")


def test_a_writer_whose_store_failed_writes_nothing_more() -> None:
    one = writer(Full())
    put_value(one, "rates", CONTENT)
    with pytest.raises(StoreError, match="the disk is full"):
        finish(one)
    given_up(lambda: finish(one))
    with pytest.raises(UsageError, match="the part is not written before"):
        _ = one.written


@pytest.mark.parametrize(
    "calls",
    [
        lambda one: one.add(b"x"),
        lambda one: one.end_run(),
        lambda one: one.end_state(),
        lambda one: one.begin_run("base"),
        lambda one: one.keep_runs(()),
        lambda one: one.add_content(b"x"),
        lambda one: (one.begin_state("a", "table", 1, "f"), one.begin_state("b", "table", 1, "f")),
        lambda one: (one.begin_state("a", "table", 1, "f"), one.begin_run("base"), one.begin_run("base")),
        lambda one: (one.begin_state("a", "table", 1, "f"), one.begin_run("base"), one.end_state()),
        lambda one: (one.begin_state("a", "table", 1, "f"), one.begin_run("base"), one.keep_runs(())),
        lambda one: (one.begin_state("a", "table", 1, "f"), finish(one)),
        lambda one: (finish(one), finish(one)),
        lambda one: (finish(one), one.begin_state("a", "table", 1, "f")),
    ],
)
def test_a_call_out_of_turn_is_refused(calls: Callable[[PartWriter], object]) -> None:
    with pytest.raises(UsageError, match=r"out of turn|was begun|was called"):
        calls(writer(MemoryBackend()))


def refused(one: PartWriter, complaint: str, *sessions: object) -> None:
    with pytest.raises(UsageError, match=complaint):
        finish(one, *sessions)  # type: ignore[arg-type]
    given_up(lambda: finish(one))


def test_a_part_that_could_not_be_read_back_is_not_written() -> None:
    backend = MemoryBackend()
    refused(writer(backend), "recorded by the sender are not", msgspec.structs.replace(SESSION, outgoing_in_flight=()))
    wrong = session(ORDERS, PAYMENTS, (), messages(4, "\ud800"))
    refused(writer(backend), "message 4 is neither text, bytes nor a Close", wrong)
    wrong = session(ORDERS, PAYMENTS, messages(6, Close(code=70_000)), ())
    refused(writer(backend), "message 6 is neither text, bytes nor a Close", wrong)
    refused(writer(backend), "is in it twice", SESSION, SESSION)
    refused(writer(backend, process=ProcessName("a/b")), "is not a process name")
    for name in ("a\nb", "\ud800"):
        one = writer(backend)
        put_value(one, name, b"")
        refused(one, "cannot be stored")
    one = writer(backend)
    put_value(one, "same", b"")
    put_value(one, "same", b"")
    refused(one, "state 'same' is in it twice")
    assert backend.list("") == ()


def test_more_messages_than_fit_are_refused() -> None:
    one = writer(MemoryBackend())
    payload = "x" * (1 << 20)
    sent = tuple(InFlight(number=Sequence(6 + n), payload=payload) for n in range(65))
    refused(one, "bytes of messages are in flight", session(ORDERS, PAYMENTS, sent, ()))


def test_runs_in_an_order_that_no_table_has_are_refused() -> None:
    one = writer(MemoryBackend())
    one.begin_state("t", "table", 1, "msgpack")
    one.begin_run("delta")
    one.end_run()
    one.end_state()
    refused(one, "state 't' does not begin with a base run")
    one = writer(MemoryBackend())
    one.begin_state("v", "value", 1, "msgpack")
    one.end_state()
    refused(one, "state 'v' does not begin with a base run")
    one = writer(MemoryBackend())
    one.begin_state("v", "value", 1, "msgpack")
    one.add_content(b"1")
    one.add_content(b"2")
    one.end_state()
    refused(one, "state 'v' has more than one base run")


def test_a_run_can_only_be_kept_where_its_packs_are_known() -> None:
    base = small_part(MemoryBackend())
    one = writer(MemoryBackend())
    one.begin_state("balances", "table", 1, "msgpack")
    with pytest.raises(UsageError, match="runs can only be kept of a base, or with their packs"):
        one.keep_runs(base.head.states[0].runs)


def test_a_run_that_names_a_pack_that_nobody_gave_is_refused() -> None:
    backend = MemoryBackend()
    base = small_part(backend)
    run = base.head.states[0].runs[0]
    chunks = tuple(msgspec.structs.replace(chunk, pack=7) for chunk in run.chunks)
    one = writer(backend, 2, base=base)
    one.begin_state("balances", "table", 1, "msgpack")
    one.keep_runs([msgspec.structs.replace(run, chunks=chunks)])
    one.end_state()
    refused(one, "a run names pack 7, and there is none")


def test_a_part_builds_on_its_own_process_s_only() -> None:
    backend = MemoryBackend()
    base = small_part(backend, process=PAYMENTS)
    with pytest.raises(UsageError, match="a part of orders cannot build on one of payments"):
        writer(backend, 2, base=base)


def test_a_part_can_build_on_one_that_another_life_wrote() -> None:
    backend = MemoryBackend()
    base = small_part(backend)
    stored = open_part(backend, base.pack).part
    stored = msgspec.structs.replace(stored, head=msgspec.structs.replace(stored.head, life=Life("z9")))
    one = writer(backend, 2, base=stored)
    put_table(one, "balances", keep=stored)
    finish(one)
    assert read(backend, one.written) == {"balances": [TABLE_BASE, TABLE_DELTA]}


def test_a_chunk_cannot_change_less_than_no_keys() -> None:
    one = writer(MemoryBackend())
    one.begin_state("t", "table", 1, "msgpack")
    one.begin_run("base")
    with pytest.raises(UsageError, match="cannot set or remove -1 keys"):
        one.add(b"x", -1)


def test_a_sealed_part_builds_on_one_that_is_not() -> None:
    backend = MemoryBackend()
    base = small_part(backend)
    one = writer(backend, 2, base=base, sealing=SEALING)
    put_table(one, "balances", (b"secret",), keep=base)
    finish(one)
    reader = open_part(backend, one.written.pack, sealing=SEALING)
    assert contents(reader) == {"balances": [TABLE_BASE, TABLE_DELTA, b"secret"]}


def names_of(packs: tuple[PackRef, ...]) -> tuple[str, ...]:
    return tuple(pack.name() for pack in packs)


def test_packs_are_all_in_the_store_when_the_writer_returns() -> None:
    backend = MemoryBackend()
    part = table_of(backend, *(noise(seed, 1 << 20) for seed in range(10)))
    assert sorted(names_of(part.packs)) == sorted(backend.list(""))
    assert [backend.size(pack.name()) for pack in part.packs] == [pack.bytes for pack in part.packs]
