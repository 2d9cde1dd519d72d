from __future__ import annotations

import hashlib
import secrets

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError, Damaged, ObjectMissing, StoreError
from cutpoint.names import CutNumber, Digest
from cutpoint.protocol.messages import PackRef
from cutpoint.store import Backend, MemoryBackend, digest_of
from cutpoint.store.chunks import CHUNK_RAW_MAX, Sealing, chunk_id
from cutpoint.store.compression import Compressor
from cutpoint.store.keys import KeyRing
from cutpoint.store.packs import (
    PACK_BYTES,
    PACK_BYTES_MAX,
    PackBuilder,
    create_pack,
    open_chunk,
    read_index,
    read_pack,
)

ERA = CutNumber(7)
SEALING = KeyRing.generate(sealing=True).sealing
CHUNKS = (b"one", b"two " * 500, secrets.token_bytes(300), b"\0")


def built(
    chunks: tuple[bytes, ...] = CHUNKS, *, head: bool = False, sealing: Sealing | None = None
) -> tuple[PackRef, bytes]:
    builder = PackBuilder(Compressor(), sealing)
    for chunk in chunks:
        builder.add(chunk, chunk_id(chunk))
    return builder.finish(ERA, head=head)


def opened(data: bytes, sealing: Sealing | None = None) -> list[bytes]:
    index, seal = read_index(data, sealing, "object packs/x")
    return [
        open_chunk(data[offset : offset + entry.stored], offset, entry, seal, "object packs/x")
        for offset, entry in index.entries.items()
    ]


def damaged(data: bytes, sealing: Sealing | None = None) -> str:
    with pytest.raises(Damaged) as caught:
        opened(data, sealing)
    assert str(caught.value).startswith("object packs/x ")
    assert str(caught.value).isprintable()
    return str(caught.value)


def with_index(index: object, *, body: bytes = b"one") -> bytes:
    """A pack with this for an index, whatever it says."""
    frame = Compressor().compress(index if isinstance(index, bytes) else msgspec.msgpack.encode(index))
    return b"cutpoint-pack 1\n" + body + frame + len(frame).to_bytes(8, "big") + b"\nend\n"


@pytest.mark.parametrize("sealing", [None, SEALING])
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=6).map(tuple))
def test_a_pack_holds_its_chunks_in_order(sealing: Sealing | None, chunks: tuple[bytes, ...]) -> None:
    assert opened(built(chunks, sealing=sealing)[1], sealing) == list(chunks)


def test_a_pack_is_named_by_its_era_and_the_digest_of_its_bytes() -> None:
    pack, data = built()
    assert (pack.era, pack.bytes, pack.digest) == (ERA, len(data), digest_of(data))
    assert pack.name() == f"packs/000000000007/{hashlib.sha256(data).hexdigest()}"


def test_what_does_not_get_shorter_is_stored_as_it_is() -> None:
    noise = secrets.token_bytes(300)
    _, data = built((noise,))
    assert noise in data


def test_a_sealed_pack_shows_nothing_of_what_is_in_it() -> None:
    noise = secrets.token_bytes(300)
    _, data = built((noise, b"secret " * 9), sealing=SEALING)
    assert noise not in data
    assert hashlib.sha256(noise).digest() not in data
    assert b"secret" not in data


def test_a_sealed_pack_is_not_read_without_its_key() -> None:
    _, data = built(sealing=SEALING)
    with pytest.raises(ConfigurationError, match=r"object packs/x is sealed with key .* name the file with that key"):
        opened(data)
    with pytest.raises(ConfigurationError, match="object packs/x is sealed with key"):
        opened(data, KeyRing.generate(sealing=True).sealing)


def test_a_builder_is_full_when_its_pack_is_long_enough() -> None:
    builder = PackBuilder(Compressor(), None)
    for _ in range(2):
        noise = secrets.token_bytes(CHUNK_RAW_MAX)
        assert not builder.full
        builder.add(noise, chunk_id(noise))
    assert builder.full
    pack, _ = builder.finish(ERA, head=False)
    assert PACK_BYTES <= pack.bytes <= PACK_BYTES_MAX


def test_a_pack_may_be_created_again_and_nothing_happens() -> None:
    backend = MemoryBackend()
    pack, data = built()
    create_pack(backend, pack, data)
    create_pack(backend, pack, data)
    assert read_pack(backend, pack) == data
    assert backend.list("") == (pack.name(),)


@pytest.mark.parametrize("leftover", [b"", b"x", built()[1][:-1] + b"\0"])
def test_other_bytes_in_the_place_of_a_pack_are_reported_and_kept(leftover: bytes) -> None:
    backend = MemoryBackend()
    pack, data = built(CHUNKS)
    leftover = leftover[:-1] + b"\0" if len(leftover) == len(data) else leftover
    backend.create(pack.name(), leftover)
    with pytest.raises(Damaged, match=f"object {pack.name()} in memory:unnamed is there already"):
        create_pack(backend, pack, data)
    assert backend.read(pack.name()) == leftover


def test_a_pack_that_is_not_there_is_named() -> None:
    pack, _ = built()
    with pytest.raises(ObjectMissing, match=f"object {pack.name()} "):
        read_pack(MemoryBackend(), pack)


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: b"", lambda d: b"\0" + d[1:]])
def test_a_pack_whose_bytes_are_not_those_of_its_name_is_not_read(change: object) -> None:
    backend = MemoryBackend()
    pack, data = built()
    assert callable(change)
    backend.create(pack.name(), change(data))
    with pytest.raises(Damaged, match=f"object {pack.name()} in memory:unnamed "):
        read_pack(backend, pack)


def test_a_pack_that_is_said_to_be_endless_is_not_read() -> None:
    pack = PackRef(era=ERA, digest=Digest("sha256:" + "0" * 64), bytes=PACK_BYTES_MAX + 1)
    with pytest.raises(Damaged, match="no pack is longer than"):
        read_pack(MemoryBackend(), pack)


def test_a_store_that_cannot_be_asked_is_not_a_damaged_pack() -> None:
    class Unreachable(MemoryBackend):
        def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
            raise StoreError(f"object {name} was not read: the disk reports errors")

    pack, data = built()
    backend: Backend = Unreachable()
    backend.create(pack.name(), data)
    with pytest.raises(StoreError, match="the disk reports errors") as caught:
        read_pack(backend, pack)
    assert not isinstance(caught.value, Damaged)


@pytest.mark.parametrize("sealing", [None, SEALING])
def test_every_flipped_bit_and_every_truncation_of_a_pack_is_damage_or_the_same_chunks(sealing: Sealing | None) -> None:
    """What `read_pack` finds by the digest is found here without it, except in bytes that mean nothing."""
    chunks = [b"one", b"two " * 90]
    _, data = built(tuple(chunks), sealing=sealing)
    outcomes: list[object] = []
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            outcomes.append(opened(bytes(flipped), sealing))
        except (Damaged, ConfigurationError) as error:
            outcomes.append(str(error).startswith("object packs/x "))
    assert all(outcome in (True, chunks) for outcome in outcomes)
    assert outcomes.count(chunks) <= 8
    for length in range(len(data)):
        damaged(data[:length], sealing)


@pytest.mark.parametrize(
    ("index", "complaint"),
    [
        ([False, [[3, 3, chunk_id(b"one")]]], ""),
        ([False, [[3, 3, chunk_id(b"two")]]], "holds another chunk at byte 16 than was written there"),
        ([False, [[3, 4, chunk_id(b"one")]]], "holds a damaged chunk at byte 16"),
        ([False, [[2, 2, chunk_id(b"on")]]], "does not account for all of its bytes"),
        ([False, [[4, 3, chunk_id(b"one")]]], "does not account for all of its bytes"),
        ([False, [[3, 2**60, chunk_id(b"one")]]], "has no sound index"),
        ([False, [[-3, 3, chunk_id(b"one")]]], "has no sound index"),
        ([False, [[0, 0, chunk_id(b"")]]], "has no sound index"),
        ([False, [[3, 3, b"short"]]], "has no sound index"),
        ([False, [[1, 1, bytes(32)]] * 65_537], "has no sound index"),
        ([False], "has no sound index"),
        ({"head": True}, "has no sound index"),
        (b"\x91" * 1_000_000, "has no sound index"),
        (b"\xdd\xff\xff\xff\xff", "has no sound index"),
        (bytes(CHUNK_RAW_MAX + 1), "it expands to more than"),
    ],
)
def test_an_index_that_no_writer_has_written_is_damage(index: object, complaint: str) -> None:
    if not complaint:
        assert opened(with_index(index)) == [b"one"]
    else:
        assert complaint in damaged(with_index(index))


def test_a_head_that_is_not_there_is_damage() -> None:
    assert "says that its last chunk is a head and holds no chunk" in damaged(with_index([True, []], body=b""))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is not a pack"),
        (b"cutpoint-pack 1", "is not a pack"),
        (b"cutpoint-pack 1\n", "does not end as a pack does"),
        (b"cutpoint-pack 1\n" + b"\xff" * 8 + b"\nend\n", "does not end as a pack does"),
        (b"cutpoint-pack 1\n" + bytes(8) + b"\nend\n", "has no sound index"),
        (b"cutpoint-pack 1 sealed k \n" + bytes(8) + b"\nend\n", "is not a pack"),
        (b"cutpoint-pack 1 sealed ../k 00\n" + bytes(8) + b"\nend\n", "is not a pack"),
        (b"cutpoint-pack 7\nx", "is of format version 7, this program reads version 1; start the newer program"),
        (b"cutpoint-pack 7 sealed k 00\n", "is of format version 7, this program reads version 1"),
    ],
)
def test_what_is_no_pack_is_told_so(data: bytes, complaint: str) -> None:
    assert complaint in damaged(data)
