from __future__ import annotations

import re
import secrets as entropy
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError, Damaged, UsageError
from cutpoint.installing import how_to_install
from cutpoint.store import ciphers, sealing
from cutpoint.store.chunks import Seal, Sealing
from cutpoint.store.keys import KeyRing
from cutpoint.store.sealing import OVERHEAD_BYTES, SALT_BYTES, KeySealing, PackSeal


def keys_of(ring: KeyRing) -> KeySealing:
    assert ring.sealing is not None
    return ring.sealing


KEYS = keys_of(KeyRing.generate(sealing=True))
PLAIN = b"balances: " + bytes(range(100))


def pack(keys: KeySealing = KEYS) -> tuple[PackSeal, PackSeal]:
    """A new pack's seal, as its writer and as a reader has it."""
    key, salt, seal = keys.new_pack()
    return seal, keys.of_pack(key, salt)


def refused(reader: PackSeal, sealed: bytes, counter: int, kind: str = "chunk") -> str:
    with pytest.raises(Damaged) as caught:
        reader.open(sealed, counter, kind=kind, where="object packs/x")
    assert str(caught.value).startswith("object packs/x has ")
    assert str(caught.value).isprintable()
    return str(caught.value)


@given(st.lists(st.tuples(st.binary(max_size=200), st.sampled_from(sealing.KINDS)), max_size=8))
def test_what_was_sealed_opens_where_it_was_sealed(things: list[tuple[bytes, str]]) -> None:
    writer, reader = pack()
    stored, counter = [], 70
    for plain, kind in things:
        sealed = writer.seal(plain, counter, kind=kind)
        assert len(sealed) == len(plain) + OVERHEAD_BYTES
        stored.append((sealed, counter, kind, plain))
        counter += len(sealed)
    assert [reader.open(sealed, at, kind=kind) for sealed, at, kind, _ in reversed(stored)] == [
        plain for *_, plain in reversed(stored)
    ]


def test_the_seals_are_those_that_packs_ask_for() -> None:
    keys: Sealing = KEYS
    key, salt, _ = keys.new_pack()
    seal: Seal = keys.of_pack(key, salt)
    assert seal.open(seal.seal(PLAIN, 3), 3) == PLAIN


@given(st.data())
def test_any_bit_flipped_is_damage(data: st.DataObject) -> None:
    writer, reader = pack()
    sealed = bytearray(writer.seal(PLAIN, 70))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    assert f"at byte 70 no chunk that key {KEYS.current} sealed there" in refused(reader, bytes(sealed), 70)


@given(st.integers(0, len(PLAIN) + OVERHEAD_BYTES - 1))
def test_what_is_cut_short_anywhere_is_damage(length: int) -> None:
    writer, reader = pack()
    refused(reader, writer.seal(PLAIN, 70)[:length], 70)


@given(st.binary(max_size=300), st.integers(0, 2**63 - 1))
def test_noise_is_damage(noise: bytes, counter: int) -> None:
    refused(pack()[1], noise, counter)


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_chunk_in_another_place_is_damage(sealed_at: int, opened_at: int) -> None:
    writer, reader = pack()
    sealed = writer.seal(PLAIN, sealed_at)
    if opened_at != sealed_at:
        refused(reader, sealed, opened_at)


def test_a_chunk_in_another_pack_is_damage() -> None:
    (writer, _), (_, other) = pack(), pack()
    refused(other, writer.seal(PLAIN, 70), 70)


def test_a_chunk_does_not_pass_for_a_trailer() -> None:
    writer, reader = pack()
    assert "no trailer" in refused(reader, writer.seal(PLAIN, 70), 70, kind="trailer")


def test_what_was_sealed_with_another_key_is_damage() -> None:
    other = keys_of(KeyRing.generate(sealing=True))
    key, salt, writer = other.new_pack()
    assert KEYS.current is not None
    refused(PackSeal(key, KEYS.secrets[KEYS.current], salt), writer.seal(PLAIN, 70), 70)


def test_a_pack_whose_header_names_another_key_is_damage() -> None:
    ring = KeyRing.generate(sealing=True).rotated(use="seal")
    old, new = (key.id for key in ring.keys if key.use == "seal")
    keys = keys_of(ring)
    key, salt, writer = keys.new_pack()
    assert key == new
    refused(keys.of_pack(old, salt), writer.seal(PLAIN, 70), 70)


@pytest.mark.parametrize("again", [70, 69, 0])
def test_no_place_of_a_pack_is_sealed_twice(again: int) -> None:
    writer, reader = pack()
    sealed = writer.seal(PLAIN, 70)
    with pytest.raises(UsageError, match="was sealed before"):
        writer.seal(b"something else", again)
    assert reader.open(sealed, 70) == PLAIN


@pytest.mark.parametrize("counter", [-1, 2**63])
def test_a_place_that_no_pack_has_is_refused(counter: int) -> None:
    writer, _ = pack()
    with pytest.raises(UsageError, match="place"):
        writer.seal(PLAIN, counter)
    with pytest.raises(UsageError, match="is nothing that a pack stores"):
        writer.seal(PLAIN, 1, kind="manifest")
    writer.seal(PLAIN, 0)


def test_every_pack_has_a_salt_of_its_own() -> None:
    salts = {KEYS.new_pack()[1] for _ in range(50)}
    assert len(salts) == 50
    assert {len(salt) for salt in salts} == {SALT_BYTES}


def test_the_same_text_is_sealed_differently_in_every_pack() -> None:
    assert len({pack()[0].seal(PLAIN, 70) for _ in range(20)}) == 20


def test_a_retired_key_opens_and_the_new_one_seals() -> None:
    ring = KeyRing.generate(sealing=True)
    key, salt, writer = keys_of(ring).new_pack()
    sealed = writer.seal(PLAIN, 70)
    rotated = keys_of(ring.rotated(use="seal"))
    assert rotated.of_pack(key, salt).open(sealed, 70) == PLAIN
    assert rotated.new_pack()[0] != key


def test_a_pack_without_its_key_waits_for_the_key_and_is_not_called_damaged() -> None:
    ring = KeyRing.generate(sealing=True).rotated(use="seal")
    old, new = (key.id for key in ring.keys if key.use == "seal")
    keys = keys_of(ring.without(old, keep_for_reading=False))
    with pytest.raises(
        ConfigurationError, match=rf"^object packs/x is sealed with key {old}, and the keys .* are {new}; nothing"
    ):
        keys.of_pack(old, b"\0" * SALT_BYTES, where="object packs/x")


def test_a_salt_of_another_length_is_damage() -> None:
    assert KEYS.current is not None
    with pytest.raises(Damaged, match="a salt of 3 bytes, 16 are needed"):
        KEYS.of_pack(KEYS.current, b"abc")


def test_where_all_keys_are_retired_nothing_is_written_unsealed() -> None:
    with pytest.raises(ConfigurationError, match="none of the keys that were given seals new packs"):
        KeySealing(secrets=KEYS.secrets, current=None).new_pack()


def test_secrets_are_in_no_repr_of_a_seal() -> None:
    writer, _ = pack()
    assert (
        f"{writer!r} {KEYS!r}"
        == f"PackSeal(key={KEYS.current!r}) KeySealing(keys={[KEYS.current]}, current={KEYS.current!r})"
    )


def test_where_the_extra_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.kdf.hkdf", None)
    with pytest.raises(ConfigurationError, match=f"sealed packs need an extra; .*{re.escape(how_to_install('keys'))}"):
        pack()


def test_sealing_is_aes_256_gcm_with_a_key_by_hkdf_as_documented() -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key, salt, writer = KEYS.new_pack()
    derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"cutpoint pack v1 " + key.encode())
    by_hand = AESGCM(derived.derive(KEYS.secrets[key])).encrypt((70).to_bytes(12, "big"), PLAIN, b"chunk")
    assert writer.seal(PLAIN, 70) == by_hand


def test_without_the_place_in_the_nonce_chunks_can_be_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_nonce", lambda counter: b"\0" * ciphers.NONCE_BYTES)
    writer, reader = pack()
    assert reader.open(writer.seal(PLAIN, 70), 200) == PLAIN


def test_without_a_salt_chunks_can_be_swapped_between_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsalted(_count: int) -> bytes:
        return b"\0" * SALT_BYTES

    monkeypatch.setattr(entropy, "token_bytes", unsalted)
    (writer, _), (_, other) = pack(), pack()
    assert other.open(writer.seal(PLAIN, 70), 70) == PLAIN


def test_without_the_kind_a_chunk_passes_for_a_trailer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "_associated", lambda kind: b"")
    writer, reader = pack()
    assert reader.open(writer.seal(PLAIN, 70), 70, kind="trailer") == PLAIN


def test_a_place_that_is_sealed_twice_gives_the_texts_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why `PackSeal.seal` refuses it: under one nonce, the sealed texts differ exactly where the plain ones do."""
    writer, _ = pack()
    first = writer.seal(b"one text", 70)
    writer._sealed_up_to = -1
    second = writer.seal(b"the other"[:8], 70)
    difference: Any = bytes(a ^ b for a, b in zip(first[:8], second[:8], strict=True))
    assert difference == bytes(a ^ b for a, b in zip(b"one text", b"the othe", strict=True))
