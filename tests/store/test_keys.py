from __future__ import annotations

import hmac
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError, NotAuthentic, UsageError
from cutpoint.installing import how_to_install
from cutpoint.store import keys as keys_module
from cutpoint.store import signatures
from cutpoint.store.key import Key, id_of, new_key
from cutpoint.store.keys import KeyRing, loaded_keys
from cutpoint.store.signatures import Signature

RING = KeyRing.generate()
HMAC = KeyRing.generate(signing="hmac-sha256")
BOTH = KeyRing(keys=RING.keys + HMAC.keys)
BODY = b'{"kind": "cutpoint-manifest"}\n'

bodies = st.binary(max_size=100)
purposes = st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True)
rings = st.sampled_from([RING, HMAC, BOTH])


def refused(ring: KeyRing, body: bytes, *given: Signature, purpose: str = "manifest") -> str:
    with pytest.raises(NotAuthentic) as caught:
        ring.verify(purpose, body, given, what="object x")
    assert str(caught.value).startswith("object x is not authentic: ")
    assert str(caught.value).isprintable()
    return str(caught.value)


@given(rings, purposes, bodies)
def test_what_a_ring_has_signed_it_and_its_public_part_accept(ring: KeyRing, purpose: str, body: bytes) -> None:
    made = ring.sign(purpose, body)
    assert [(signature.key, signature.algorithm) for signature in made] == [(k.id, k.algorithm) for k in ring.keys]
    ring.verify(purpose, body, made)
    if ring is not HMAC:
        ring.public().verify(purpose, body, made)


@given(rings, purposes, bodies, purposes, bodies)
def test_a_signature_is_for_one_purpose_and_one_body(
    ring: KeyRing, purpose: str, body: bytes, other_purpose: str, other_body: bytes
) -> None:
    made = ring.sign(purpose, body)
    if (purpose, body) != (other_purpose, other_body):
        assert "is not what key" in refused(ring, other_body, *made, purpose=other_purpose)


@given(rings, st.data())
def test_any_bit_flipped_in_a_signature_or_a_body_is_refused(ring: KeyRing, data: st.DataObject) -> None:
    made = ring.sign("manifest", BODY)
    at = data.draw(st.integers(0, len(made) - 1))
    value = flipped(made[at].value, data.draw(st.integers(0, len(made[at].value) * 8 - 1)))
    altered = msgspec.structs.replace(made[at], value=value)
    refused(ring, BODY, *made[:at], altered, *made[at + 1 :])
    refused(ring, flipped(BODY, data.draw(st.integers(0, len(BODY) * 8 - 1))), *made)


def flipped(data: bytes, bit: int) -> bytes:
    """``data`` with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_signing_is_repeatable_so_that_publishing_is() -> None:
    assert BOTH.sign("manifest", BODY) == BOTH.sign("manifest", BODY)


def test_a_purpose_that_could_be_taken_for_another_is_refused() -> None:
    for purpose in ("", "mark v1\nx", "Manifest", "key id", "-"):
        with pytest.raises(UsageError, match="cannot name what is signed"):
            RING.sign(purpose, BODY)


def test_what_nobody_has_signed_is_refused_and_the_trusted_keys_are_named() -> None:
    assert f"it is not signed; trusted are {RING.keys[0].id} (ed25519)" in refused(RING.public(), BODY)


def test_what_a_stranger_has_signed_is_refused_and_both_are_named() -> None:
    stranger = KeyRing.generate()
    complaint = refused(RING, BODY, *stranger.sign("manifest", BODY))
    assert f"it is signed by {stranger.keys[0].id} (ed25519); trusted are {RING.keys[0].id} (ed25519)" in complaint
    assert "if its signer is yours, add that key's public part to the key file" in complaint


def test_a_signature_in_the_name_of_a_trusted_key_is_refused() -> None:
    (strange,) = KeyRing.generate().sign("manifest", BODY)
    assert "is not what key" in refused(RING, BODY, msgspec.structs.replace(strange, key=RING.keys[0].id))


def test_a_wrong_signature_is_not_made_good_by_a_right_one_beside_it() -> None:
    good, other = BOTH.sign("manifest", BODY)
    refused(BOTH, BODY, good, msgspec.structs.replace(other, value=b"\0" * len(other.value)))
    BOTH.verify("manifest", BODY, (good,))


def forged_with_the_public_key(ring: KeyRing) -> Signature:
    """What anybody can make who knows a public key: an HMAC with it as the secret."""
    key = ring.keys[0]
    value = hmac.digest(key.public, signatures.signed_message("manifest", BODY), "sha256")
    return Signature(key=key.id, algorithm="hmac-sha256", value=value)


def test_a_public_key_is_nobodys_hmac_secret() -> None:
    refused(RING.public(), BODY, forged_with_the_public_key(RING))


def test_without_the_keys_own_algorithm_a_public_key_is_a_secret_that_everybody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def holds(key: Key, signature: Signature, message: bytes) -> bool:
        return signatures.holds(signature.algorithm, key.verifying, message, signature.value)

    monkeypatch.setattr(keys_module, "holds", holds)
    RING.public().verify("manifest", BODY, [forged_with_the_public_key(RING)])


def test_without_the_purpose_a_mark_passes_for_a_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    refused(RING, BODY, *RING.sign("mark", BODY))
    monkeypatch.setattr(signatures, "signed_message", lambda purpose, body: body)
    RING.verify("manifest", BODY, RING.sign("mark", BODY))


def test_hmacs_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    (made,) = HMAC.sign("manifest", BODY)
    refused(HMAC, BODY, made)
    assert compared == [(made.value, made.value)]


def test_while_keys_are_rotated_both_sign_and_readers_of_either_are_content() -> None:
    rotated = RING.rotated()
    made = rotated.sign("manifest", BODY)
    assert [signature.key for signature in made] == [key.id for key in rotated.keys]
    RING.public().verify("manifest", BODY, made)
    KeyRing(keys=rotated.public().keys[1:]).verify("manifest", BODY, made)
    rotated.public().verify("manifest", BODY, RING.sign("manifest", BODY))


def test_a_retired_key_signs_no_more_and_still_verifies() -> None:
    rotated = RING.rotated()
    retired = rotated.without(RING.keys[0].id, keep_for_reading=True)
    assert [signature.key for signature in retired.sign("manifest", BODY)] == [rotated.keys[1].id]
    retired.verify("manifest", BODY, RING.sign("manifest", BODY))
    retired.public().verify("manifest", BODY, RING.sign("manifest", BODY))


def test_what_only_a_removed_key_has_signed_is_refused() -> None:
    removed = RING.rotated().without(RING.keys[0].id, keep_for_reading=False)
    assert "it is signed by" in refused(removed, BODY, *RING.sign("manifest", BODY))
    removed.verify("manifest", BODY, RING.sign("manifest", BODY) + removed.sign("manifest", BODY))


def test_the_algorithm_stays_when_a_key_is_rotated() -> None:
    assert [key.algorithm for key in HMAC.rotated().keys] == ["hmac-sha256", "hmac-sha256"]
    assert [key.use for key in RING.rotated(use="seal").keys] == ["sign", "seal"]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("use", ["sign", "seal"])
def test_the_last_key_that_signs_or_seals_is_kept(use: str, keep: bool) -> None:
    ring = KeyRing.generate(sealing=True)
    (key_id,) = (key.id for key in ring.keys if key.use == use)
    with pytest.raises(ConfigurationError, match=rf"the only one that {use}s; .*cutpoint keys rotate --use {use}"):
        ring.without(key_id, keep_for_reading=keep)


def test_an_unknown_key_is_told_beside_those_that_are_there() -> None:
    with pytest.raises(ConfigurationError, match=rf"no key 'x\\n'; nothing was changed; there are: {RING.keys[0].id}"):
        RING.without("x\n", keep_for_reading=True)


def test_a_ring_that_can_only_verify_does_not_write_what_it_would_refuse() -> None:
    with pytest.raises(ConfigurationError, match=r"a manifest cannot be signed: .*nothing was written"):
        RING.public().sign("manifest", BODY)
    with pytest.raises(ConfigurationError, match="can only verify"):
        RING.public().rotated()


def test_a_ring_that_only_seals_signs_nothing_and_trusts_nobody() -> None:
    ring = KeyRing.generate(signing=None, sealing=True)
    assert (ring.sign("manifest", BODY), ring.trusted, ring.signing) == ((), (), ())


def test_the_public_part_holds_no_secret() -> None:
    ring = KeyRing.generate(sealing=True).rotated()
    part = ring.public()
    assert not part.secret
    assert [(key.use, key.secret) for key in part.keys] == [("verify", b""), ("verify", b"")]
    assert not any(secret in part.encode() for secret in secrets_of(ring))


def test_the_part_for_agents_that_write_sealed_packs_cannot_sign() -> None:
    part = KeyRing.generate(sealing=True).public(sealing=True)
    assert [key.use for key in part.keys] == ["verify", "seal"]
    assert part.secret
    assert part.signing == ()


@pytest.mark.parametrize("ring", [HMAC, KeyRing.generate(signing=None, sealing=True)])
def test_what_has_no_public_part_is_not_handed_out(ring: KeyRing) -> None:
    with pytest.raises(ConfigurationError, match="have no public part"):
        ring.public(sealing=True)


def secrets_of(ring: KeyRing) -> list[bytes]:
    """The secrets as they stand in a file."""
    return [line.split(b'"')[3] for line in ring.encode().splitlines() if b'"secret"' in line]


def test_secrets_are_in_no_repr() -> None:
    ring = KeyRing.generate(sealing=True)
    shown = f"{ring!r} {ring} {ring.keys!r} {ring.keys[0]} {ring.sealing!r} {ring.sealing}"
    assert len(secrets_of(ring)) == 2
    assert not any(text in shown for key in ring.keys for text in (repr(key.secret), key.secret.hex()))
    assert not any(secret.decode() in shown for secret in secrets_of(ring))


def test_ids_follow_from_the_keys_and_say_nothing_of_secrets() -> None:
    (key,) = RING.keys
    assert key.id == id_of("ed25519", key.public) == RING.public().keys[0].id
    assert len({new_key("sign", "hmac-sha256").id for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"id": "0" * 16}, "is not the key that its id names"),
        ({"secret": b""}, "has a secret of 0 bytes and a public part of 32, 32 and 32 are needed"),
        ({"secret": b"x" * 32}, "has a public part that does not belong to its secret"),
        ({"public": b""}, "a public part of 0, 32 and 32 are needed"),
        ({"public": b"x" * 32}, "has a public part that does not belong to its secret"),
        ({"use": "verify"}, "0 and 32 are needed"),
        ({"use": "seal"}, "is of ed25519, which cannot seal"),
        ({"algorithm": "hmac-sha256"}, "32 and 0 are needed"),
        ({"algorithm": "aes-256-gcm"}, "is of aes-256-gcm, which cannot sign"),
        ({"created": "\n"}, "does not say properly when it was created"),
    ],
)
def test_keys_that_cannot_be_what_they_say_are_no_ring(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        KeyRing(keys=(msgspec.structs.replace(RING.keys[0], **change),))


def test_a_ring_has_limits() -> None:
    with pytest.raises(ConfigurationError, match="there are 0"):
        KeyRing(keys=())
    with pytest.raises(ConfigurationError, match="one is there twice"):
        KeyRing(keys=RING.keys + RING.public().keys)
    many = tuple(new_key("sign", "hmac-sha256") for _ in range(17))
    with pytest.raises(ConfigurationError, match="more than 16 sign"):
        KeyRing(keys=many)


def test_keys_are_given_as_a_ring_or_as_a_path(tmp_path: Any) -> None:
    RING.save(tmp_path / "keys.json")
    assert (loaded_keys(None), loaded_keys(RING), loaded_keys(str(tmp_path / "keys.json"))) == (None, RING, RING)


def test_where_the_extra_is_missing_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.asymmetric.ed25519", None)
    with pytest.raises(ConfigurationError, match=re.escape(how_to_install("keys"))):
        KeyRing.generate()
    KeyRing.generate(signing="hmac-sha256").sign("manifest", BODY)
