"""Sealed parts in a store: nothing to read without the key, and every tampering with their bytes shows.

Two who tamper: one leaves names as they are, so digests show it; the other could have the digests fit as well (as
if he had signed the manifest), and then still has to get past the seal.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError, Damaged
from cutpoint.names import CutNumber
from cutpoint.store.chunks import Seal, chunk_id
from cutpoint.store.compression import Compressor
from cutpoint.store.heads import KnownPart
from cutpoint.store.keys import KeyRing
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.packs import IndexEntry, PackBuilder, open_chunk, read_index
from cutpoint.store.reader import open_part
from cutpoint.store.sealing import KeySealing

from .part_samples import CONTENT, TABLE_BASE, TABLE_DELTA, contents, finish, put_table, put_value, small_part, writer


def sealing_of(ring: KeyRing) -> KeySealing:
    assert ring.sealing is not None
    return ring.sealing


RING = KeyRing.generate(sealing=True)
SEALING = sealing_of(RING)
CHUNKS = (b"first chunk, of some length", b"and the second one, of another", b"third")


def two_cuts(sealing: KeySealing | None = SEALING) -> tuple[MemoryBackend, KnownPart]:
    """A part whose table is half in the pack of the cut before."""
    backend = MemoryBackend()
    base = small_part(backend, sealing=sealing)
    one = writer(backend, 2, base=base, sealing=sealing)
    put_table(one, "balances", (b"\x00\x00\x00\x03new",), keep=base)
    put_value(one, "rates", CONTENT)
    finish(one)
    return backend, one.written


def test_a_sealed_part_comes_back_and_only_with_its_key() -> None:
    backend, part = two_cuts()
    opened = contents(open_part(backend, part.pack, sealing=SEALING))
    assert opened["balances"] == [TABLE_BASE, TABLE_DELTA, b"\x00\x00\x00\x03new"]
    assert len(part.head.packs) == 1
    with pytest.raises(ConfigurationError, match=f"is sealed with key {SEALING.current}"):
        open_part(backend, part.pack)
    with pytest.raises(ConfigurationError, match=f"is sealed with key {SEALING.current}"):
        open_part(backend, part.pack, sealing=sealing_of(KeyRing.generate(sealing=True)))


def test_nothing_of_what_is_stored_can_be_read_in_a_sealed_store() -> None:
    words = (b"balances", b"rates", b"orders", b"payments", b"browser", b"one value", b"base base", b"seven")
    plain, _ = two_cuts(sealing=None)
    sealed, _ = two_cuts()
    together = [b"".join(backend.read(name) for name in backend.list("packs/")) for backend in (plain, sealed)]
    assert [word for word in words if word in together[0]] != []
    assert [word for word in words if word in together[1]] == []


def test_a_pack_from_before_the_keys_is_still_read() -> None:
    backend = MemoryBackend()
    base = small_part(backend)
    one = writer(backend, 2, base=base, sealing=SEALING)
    put_table(one, "balances", (TABLE_DELTA,), keep=base)
    finish(one)
    assert contents(open_part(backend, one.written.pack, sealing=SEALING))["balances"][0] == TABLE_BASE


def test_a_part_is_read_whose_packs_were_sealed_with_different_keys() -> None:
    backend = MemoryBackend()
    base = small_part(backend, sealing=SEALING)
    rotated = sealing_of(RING.rotated(use="seal"))
    one = writer(backend, 2, base=base, sealing=rotated)
    put_table(one, "balances", (TABLE_DELTA,), keep=base)
    finish(one)
    assert contents(open_part(backend, one.written.pack, sealing=rotated))["balances"][0] == TABLE_BASE


def test_any_byte_changed_in_any_pack_is_damage_or_read_past(record_count: Callable[[str, object], None]) -> None:
    backend, part = two_cuts()
    expected = contents(open_part(backend, part.pack, sealing=SEALING))
    tried = 0
    for name in backend.list("packs/"):
        whole = backend.read(name)
        for at in range(len(whole)):
            altered = bytearray(whole)
            altered[at] ^= 1 << at % 8
            put(backend, name, bytes(altered))
            tried += 1
            try:
                found = contents(open_part(backend, part.pack, sealing=SEALING))
            except Damaged:
                continue
            assert found == expected, f"byte {at} of {name} was believed"
        put(backend, name, whole)
    record_count("bytes of sealed packs that were changed", tried)


def test_a_damaged_name_of_a_key_is_not_taken_for_a_missing_key() -> None:
    backend, part = two_cuts()
    name = part.head.packs[0].name()
    whole = backend.read(name)
    other = b"0" * 16
    put(backend, name, whole.replace((SEALING.current or "").encode(), other, 1))
    with pytest.raises(Damaged, match="not those that were written"):
        contents(open_part(backend, part.pack, sealing=SEALING))


def put(backend: MemoryBackend, name: str, data: bytes) -> None:
    backend.delete(name)
    backend.create(name, data)


class Pack:
    """A sealed pack as one has it who can make its digest fit: a whole with places that can be moved."""

    def __init__(self) -> None:
        builder = PackBuilder(Compressor(), SEALING)
        self.places = [builder.add(raw, chunk_id(raw)) for raw in CHUNKS]
        _, self.data = builder.finish(CutNumber(0), head=False)
        self.entries = [
            IndexEntry(stored=stored, raw=len(raw), id=chunk_id(raw))
            for (_, stored), raw in zip(self.places, CHUNKS, strict=True)
        ]

    def open(self, number: int, stored: bytes | None = None) -> bytes:
        """Chunk ``number``, or ``stored`` in its place."""
        offset, length = self.places[number]
        given = self.data[offset : offset + length] if stored is None else stored
        return open_chunk(given, offset, self.entries[number], self.seal(), "x")

    def seal(self) -> Seal:
        seal = read_index(self.data, SEALING, "x")[1]
        assert seal is not None
        return seal

    def stored(self, number: int) -> bytes:
        offset, length = self.places[number]
        return self.data[offset : offset + length]


def test_a_pack_is_opened_chunk_by_chunk() -> None:
    pack = Pack()
    assert [pack.open(number) for number in range(3)] == list(CHUNKS)


@pytest.mark.parametrize(("place", "taken"), [(0, 1), (1, 0), (2, 0), (0, 2)])
def test_a_chunk_in_the_place_of_another_does_not_open(place: int, taken: int) -> None:
    pack = Pack()
    with pytest.raises(Damaged, match=r"sealed there: it was altered or moved"):
        pack.open(place, pack.stored(taken))


def test_the_same_chunk_of_another_pack_does_not_open() -> None:
    one, other = Pack(), Pack()
    assert one.places == other.places
    for number in range(3):
        with pytest.raises(Damaged, match=r"sealed there: it was altered or moved"):
            one.open(number, other.stored(number))


def test_the_index_of_another_pack_does_not_open() -> None:
    one, other = Pack(), Pack()
    end = one.places[-1][0] + one.places[-1][1]
    with pytest.raises(Damaged, match="no trailer that key"):
        read_index(one.data[:end] + other.data[end:], SEALING, "x")


def test_a_chunk_does_not_pass_for_the_index() -> None:
    """A pack that was cut after its last chunk, and says that this chunk is its index."""
    pack = Pack()
    start, length = pack.places[-1]
    short = pack.data[: start + length] + length.to_bytes(8, "big") + b"\nend\n"
    with pytest.raises(Damaged, match="no trailer that key"):
        read_index(short, SEALING, "x")


@given(st.data())
def test_a_pack_cut_short_or_altered_does_not_open_even_if_its_digest_fits(data: st.DataObject) -> None:
    pack = Pack()
    if data.draw(st.booleans()):
        pack.data = pack.data[: data.draw(st.integers(0, len(pack.data) - 1))]
    else:
        altered = bytearray(pack.data)
        altered[data.draw(st.integers(0, len(altered) - 1))] ^= data.draw(st.integers(1, 255))
        pack.data = bytes(altered)
    with pytest.raises((Damaged, ConfigurationError)):  # the second: its header names a key that is not there
        [pack.open(number) for number in range(3)]
