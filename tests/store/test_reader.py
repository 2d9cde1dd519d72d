from __future__ import annotations

import random

import msgspec
import pytest

from cutpoint.errors import ConfigurationError, Damaged, ObjectMissing, UsageError
from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PackRef, SessionRecord
from cutpoint.store import Backend, MemoryBackend
from cutpoint.store.chunks import ChunkRef, Run, chunk_id
from cutpoint.store.compression import Compressor
from cutpoint.store.heads import KnownPart, PartHead, StoredSession, encode_head
from cutpoint.store.in_flight import encode_messages
from cutpoint.store.keys import KeyRing
from cutpoint.store.packs import PackBuilder, create_pack
from cutpoint.store.reader import PartReader, open_part

from .part_samples import (
    CONTENT,
    SESSION,
    TABLE_BASE,
    TABLE_DELTA,
    contents,
    finish,
    put_table,
    put_value,
    small_part,
    writer,
)

SEALING = KeyRing.generate(sealing=True).sealing


def noise(seed: int, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


class Counting(MemoryBackend):
    """A store that remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[tuple[str, int, int]] = []

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        data = super().read(name, bytes_max=bytes_max)
        self.reads.append((name, 0, len(data)))
        return data

    def read_range(self, name: str, start: int, length: int) -> bytes:
        data = super().read(name)[start : start + length]
        self.reads.append((name, start, length))
        return data


def two_parts(backend: Backend, *, sealed: bool = False) -> tuple[KnownPart, KnownPart]:
    """The second names the only pack of the first."""
    sealing = SEALING if sealed else None
    first = writer(backend, 1, sealing=sealing)
    put_table(first, "t", tuple(noise(seed, 3000) for seed in range(3)))
    finish(first)
    second = writer(backend, 2, base=first.written, sealing=sealing)
    put_table(second, "t", (b"delta",), keep=first.written)
    finish(second)
    return first.written, second.written


def damaged(part: KnownPart, backend: Backend) -> str:
    with pytest.raises(Damaged) as caught:
        contents(open_part(backend, part.pack))
    assert str(caught.value).isprintable()
    return str(caught.value)


def replace(backend: Backend, name: str, data: bytes) -> None:
    backend.delete(name)
    backend.create(name, data)


def test_a_small_part_is_read_in_one_go() -> None:
    backend = Counting()
    part = small_part(backend)
    reader = open_part(backend, part.pack)
    assert contents(reader) == {"balances": [TABLE_BASE, TABLE_DELTA], "rates": [CONTENT], "nothing": [b""]}
    assert reader.sessions() == (SESSION,)
    assert backend.reads == [(part.pack.name(), 0, part.pack.bytes)]


def test_chunks_that_lie_beside_each_other_are_read_in_one_go() -> None:
    backend = Counting()
    first, second = two_parts(backend)
    assert contents(open_part(backend, second.pack)) == {
        "t": [b"".join(noise(seed, 3000) for seed in range(3)), b"delta"]
    }
    assert backend.reads == [(second.pack.name(), 0, second.pack.bytes), (first.pack.name(), 16, 9000)]


def test_chunks_far_apart_are_read_one_by_one() -> None:
    backend = Counting()
    first = writer(backend, 1)
    put_table(first, "near", (noise(1, 100_000),))
    put_table(first, "far", (noise(2, 100_000),))
    put_table(first, "farther", (noise(3, 100_000),))
    finish(first)
    second = writer(backend, 2, base=first.written)
    put_table(second, "both", (noise(1, 100_000), noise(3, 100_000)))
    finish(second)
    backend.reads.clear()
    reader = open_part(backend, second.written.pack)
    assert contents(reader) == {"both": [noise(1, 100_000) + noise(3, 100_000)]}
    name = first.written.pack.name()
    assert backend.reads[1:] == [(name, 16, 100_000), (name, 200_016, 100_000)]


def test_no_more_than_a_pack_s_length_is_read_at_once() -> None:
    backend = Counting()
    one = writer(backend)
    put_table(one, "t", tuple(noise(seed, 3 << 20) for seed in range(6)))
    finish(one)
    backend.reads.clear()
    reader = open_part(backend, one.written.pack)
    assert sum(len(chunk) for chunk in reader.chunks(one.written.head.states[0].runs[0])) == 6 * 3 << 20
    assert max(length for _, _, length in backend.reads) <= 9 << 20


def test_a_content_is_read_whole_if_it_is_not_too_long() -> None:
    backend = MemoryBackend()
    one = writer(backend)
    put_value(one, "v", noise(1, 900_000))
    finish(one)
    reader = open_part(backend, one.written.pack)
    (state,) = reader.head.states
    assert reader.content(state.runs, bytes_max=900_000) == noise(1, 900_000)
    with pytest.raises(UsageError, match="the content has 900000 bytes, 899999 are allowed; it was not read"):
        reader.content(state.runs, bytes_max=899_999)


def test_a_missing_pack_is_named() -> None:
    backend = MemoryBackend()
    first, second = two_parts(backend)
    backend.delete(first.pack.name())
    with pytest.raises(ObjectMissing, match=first.pack.name()):
        contents(open_part(backend, second.pack))
    backend.delete(second.pack.name())
    with pytest.raises(ObjectMissing, match=second.pack.name()):
        open_part(backend, second.pack)


def test_damage_to_a_pack_of_an_earlier_cut_is_named_as_that_pack_s() -> None:
    backend = MemoryBackend()
    first, second = two_parts(backend)
    data = bytearray(backend.read(first.pack.name()))
    for at in (16, 3_100, 9_015):
        data[at] ^= 1
        replace(backend, first.pack.name(), bytes(data))
        assert damaged(second, backend).startswith(f"object {first.pack.name()} in memory:unnamed holds another chunk")
        data[at] ^= 1
    replace(backend, first.pack.name(), bytes(data[:5000]))
    assert damaged(second, backend).startswith(f"object {first.pack.name()} in memory:unnamed ends at byte 5000")


def test_a_pack_without_a_head_is_no_part() -> None:
    backend = MemoryBackend()
    builder = PackBuilder(Compressor(), None)
    builder.add(b"chunk", chunk_id(b"chunk"))
    pack, data = builder.finish(CutNumber(0), head=False)
    create_pack(backend, pack, data)
    with pytest.raises(Damaged, match=f"object {pack.name()} .* ends without the head of a part"):
        open_part(backend, pack)


@pytest.mark.parametrize("last", [True, False])
def test_sealed_parts_are_read_with_the_key_only(last: bool) -> None:
    backend = MemoryBackend()
    _, second = two_parts(backend, sealed=True)
    reader = open_part(backend, second.pack, sealing=SEALING)
    assert contents(reader)["t"][1] == b"delta"
    with pytest.raises(ConfigurationError, match=r"is sealed with key .*; nothing was read"):
        open_part(backend, second.pack)
    other = KeyRing.generate(sealing=True).sealing
    with pytest.raises(ConfigurationError, match="is sealed with key"):
        open_part(backend, second.pack, sealing=other)


def test_an_earlier_pack_that_is_sealed_asks_for_the_key_and_is_not_called_damaged() -> None:
    backend = MemoryBackend()
    first = writer(backend, 1, sealing=SEALING)
    put_table(first, "t", (noise(1, 3000),))
    finish(first)
    second = writer(backend, 2, base=first.written)
    put_table(second, "t", (b"delta",), keep=first.written)
    finish(second)
    with pytest.raises(ConfigurationError, match=f"object {first.written.pack.name()} .* is sealed with key"):
        contents(open_part(backend, second.written.pack))
    assert contents(open_part(backend, second.written.pack, sealing=SEALING)) == {"t": [noise(1, 3000), b"delta"]}


def test_bytes_of_a_sealed_pack_that_were_moved_are_damage() -> None:
    backend = MemoryBackend()
    first, second = two_parts(backend, sealed=True)
    data = bytearray(backend.read(first.pack.name()))
    chunks = first.head.states[0].runs[0].chunks
    one, two = (slice(chunk.offset, chunk.offset + chunk.stored) for chunk in chunks[:2])
    data[one], data[two] = data[two], data[one]
    replace(backend, first.pack.name(), bytes(data))
    with pytest.raises(Damaged, match=f"object {first.pack.name()} .* it was altered or moved"):
        contents(open_part(backend, second.pack, sealing=SEALING))


def forged(backend: Backend, head: PartHead, *chunks: bytes) -> PackRef:
    """A pack of these chunks and this head, which no writer has checked."""
    builder = PackBuilder(Compressor(), None)
    for chunk in (*chunks, msgspec.msgpack.encode(head)):
        builder.add(chunk, chunk_id(chunk))
    pack, data = builder.finish(CutNumber(0), head=True)
    create_pack(backend, pack, data)
    return pack


HEAD = small_part(MemoryBackend()).head


def with_messages(record: SessionRecord, recorded: SessionRecord) -> tuple[PartHead, bytes]:
    """A head whose evidence is ``record``'s and whose messages are ``recorded``'s, and the chunk of these."""
    stream = b"".join(encode_messages([recorded]))
    stored = min(len(Compressor().compress(stream)), len(stream))
    head = msgspec.structs.replace(
        HEAD,
        states=(),
        sessions=(StoredSession(evidence=record.evidence),),
        messages=(ChunkRef(0, 16, stored, len(stream), chunk_id(stream)),),
    )
    return head, stream


def test_messages_that_the_evidence_does_not_count_are_damage() -> None:
    backend = MemoryBackend()
    head, stream = with_messages(SESSION, SESSION)
    assert open_part(backend, forged(backend, head, stream)).sessions() == (SESSION,)
    out = SESSION.outgoing_in_flight
    fewer = msgspec.structs.replace(SESSION, outgoing_in_flight=out[:-1])
    others = msgspec.structs.replace(SESSION, outgoing_in_flight=(out[1], out[0], out[2]))
    for recorded, complaint in ((fewer, "messages are missing"), (others, "recorded by the sender are not 6 to 8")):
        head, stream = with_messages(SESSION, recorded)
        pack = forged(backend, head, stream)
        with pytest.raises(Damaged, match=f"object {pack.name()} .* in-flight messages that are none: .*{complaint}"):
            open_part(backend, pack).sessions()


@pytest.mark.parametrize(
    "chunk",
    [
        ChunkRef(0, 17, 5, 5, chunk_id(b"chunk")),
        ChunkRef(0, 16, 4, 5, chunk_id(b"chunk")),
        ChunkRef(0, 16, 5, 6, chunk_id(b"chunk")),
        ChunkRef(0, 16, 5, 5, chunk_id(b"other")),
        ChunkRef(0, 2**24, 5, 5, chunk_id(b"chunk")),
    ],
)
def test_a_chunk_that_the_last_pack_does_not_list_is_damage(chunk: ChunkRef) -> None:
    backend = MemoryBackend()
    state = msgspec.structs.replace(HEAD.states[0], runs=(Run("base", (chunk,), 1, chunk.raw),))
    pack = forged(backend, msgspec.structs.replace(HEAD, sessions=(), messages=(), states=(state,)), b"chunk")
    with pytest.raises(Damaged, match=f"object {pack.name()} .* is not in the pack's index"):
        open_part(backend, pack)


def test_a_head_that_no_process_can_have_written_is_damage_that_names_its_pack() -> None:
    backend = MemoryBackend()
    pack = forged(backend, msgspec.structs.replace(HEAD, sessions=(), messages=(), states=(), cut=CutNumber(-1)))
    with pytest.raises(Damaged, match=f"object {pack.name()} .* holds no sound head of a part: cut -1"):
        open_part(backend, pack)


def test_readers_of_one_part_can_share_it() -> None:
    backend = MemoryBackend()
    _, second = two_parts(backend)
    reader = open_part(backend, second.pack)
    assert isinstance(reader, PartReader)
    (state,) = reader.head.states
    iterators = [reader.chunks(state.runs[0]) for _ in range(3)]
    together = list(zip(*iterators, strict=True))
    assert together == [(noise(seed, 3000),) * 3 for seed in range(3)]
    assert len(encode_head(reader.head)) < 2000
