"""Manifests where there are keys: every way to tamper with one, and what lets it pass once a safeguard is out.

Whoever tampers can write to the store: every forgery here has a sound digest in its last line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import ConfigurationError, Damaged, NotAuthentic, ObjectExists
from cutpoint.names import CutNumber, Digest, Incarnation, ProcessName
from cutpoint.protocol.messages import PackRef, StateSummary
from cutpoint.store.authentic import authentic_manifest, authentic_part
from cutpoint.store.digests import digest_of
from cutpoint.store.documents import close_document, open_document
from cutpoint.store.keys import KeyRing
from cutpoint.store.manifests import (
    Manifest,
    ManifestPart,
    decode_manifest,
    encode_manifest,
    manifest_name,
    publish_manifest,
    read_manifest,
)
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.signatures import SIGNATURES_MAX, Signature, signature_line, split_signatures

RING = KeyRing.generate()
HMAC = KeyRing.generate(signing="hmac-sha256")
STRANGER = KeyRing.generate()
ORDERS = ProcessName("orders")
TWELVE = CutNumber(12)


def manifest(cut: int = 12, computation: str = "shop", data: bytes = b"state") -> Manifest:
    part = ManifestPart(
        process=ORDERS,
        object=digest_of(data),
        bytes=len(data),
        in_flight_messages=0,
        stall_seconds=0.001,
        states=(StateSummary(name="a", kind="table", version=1, format="pickle", bytes=5, digest=digest_of(data)),),
        packs=(PackRef(era=CutNumber(cut - 1), digest=digest_of(data), bytes=len(data)),),
    )
    return Manifest(
        computation=computation,
        cut=CutNumber(cut),
        incarnation=Incarnation(1),
        parent=CutNumber(cut - 1),
        created="2013-01-01T00:00:00Z",
        duration_seconds=0.25,
        members=(ORDERS,),
        parts=(part,),
        certificate={"channels": []},
    )


def digested(text: bytes) -> bytes:
    """``text`` with the last line that makes it look whole: anybody can write that."""
    return text + digest_of(text).encode() + b"\n"


def torn(data: bytes) -> tuple[bytes, tuple[Signature, ...]]:
    """A document's body and its signatures."""
    return split_signatures(data[: data.rindex(b"sha256:")])


SIGNED = encode_manifest(manifest(), RING)
BODY, SIGNATURES = torn(SIGNED)


def refused(data: bytes, keys: KeyRing = RING) -> str:
    with pytest.raises(NotAuthentic) as caught:
        decode_manifest(data, name="object manifests/x", keys=keys)
    assert str(caught.value).startswith("object manifests/x is not authentic: ")
    assert str(caught.value).isprintable()
    return str(caught.value)


def damaged(data: bytes, keys: KeyRing | None = RING) -> str:
    with pytest.raises(Damaged) as caught:
        decode_manifest(data, name="object manifests/x", keys=keys)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("keys", [RING, HMAC, KeyRing(keys=RING.keys + HMAC.keys)])
def test_a_signed_manifest_comes_back_as_it_was_published(keys: KeyRing) -> None:
    backend = MemoryBackend()
    digest, _ = publish_manifest(backend, manifest(), keys)
    assert read_manifest(backend, TWELVE, keys) == manifest()
    assert backend.read(manifest_name(TWELVE)).endswith(f"\n{digest}\n".encode())


def test_signatures_are_one_line_before_the_last_and_the_body_is_the_unsigned_ones() -> None:
    lines = SIGNED.splitlines(keepends=True)
    assert b"".join(lines[:-2]) == BODY == torn(encode_manifest(manifest()))[0]
    assert lines[-2] == signature_line(SIGNATURES)
    assert lines[-2].startswith(b'{"signatures":[{"key":"')
    assert RING.sign("manifest", BODY) == SIGNATURES


def test_who_has_no_keys_reads_signed_manifests_and_sees_damage_in_every_line() -> None:
    assert decode_manifest(SIGNED) == manifest()
    for at in range(0, len(SIGNED), 7):
        damaged(flipped(SIGNED, at * 8), keys=None)


def flipped(data: bytes, bit: int) -> bytes:
    """``data`` with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_with_any_byte_changed_it_is_damaged_and_with_a_new_digest_it_is_not_authentic(
    record_count: Callable[[str, object], None],
) -> None:
    before_digest = SIGNED[: SIGNED.rindex(b"sha256:")]
    for at in range(len(SIGNED)):
        damaged(flipped(SIGNED, at * 8 + at % 8))
    for at in range(len(BODY)):
        refused(digested(flipped(BODY, at * 8 + at % 8) + before_digest[len(BODY) :]))
    for at in range(len(BODY), len(before_digest)):
        damaged(digested(flipped(before_digest, at * 8 + at % 8)))
    record_count("bytes of a signed manifest that were changed", len(SIGNED) + len(before_digest))


@given(st.integers(0, len(SIGNED) - 1))
def test_cut_short_anywhere_it_is_damaged(length: int) -> None:
    damaged(SIGNED[:length])


def forgeries() -> Iterator[tuple[str, bytes, str]]:
    """What somebody can do who may write to the store and has no key of ours; and what is said of it."""
    other_cut = torn(encode_manifest(manifest(cut=11), RING))[1]
    other_computation = torn(encode_manifest(manifest(computation="bank"), RING))[1]
    other_parts, _ = torn(encode_manifest(manifest(data=b"cos\nsystem\n(S'...'\ntR."), RING))
    (strange,) = STRANGER.sign("manifest", BODY)
    (mark,) = RING.sign("mark", BODY)
    name = RING.keys[0].id
    yield "unsigned", digested(BODY), "it is not signed"
    yield "stripped, with other parts", digested(other_parts), "it is not signed"
    yield "other parts under the signature", digested(other_parts + signature_line(SIGNATURES)), "is not what key"
    yield "the signature of another cut", digested(BODY + signature_line(other_cut)), "is not what key"
    yield "that of another computation", digested(BODY + signature_line(other_computation)), "is not what key"
    yield "signed by a stranger", digested(BODY + signature_line((strange,))), f"by {strange.key} (ed25519); trusted"
    yield (
        "a stranger who says that he is trusted",
        digested(BODY + signature_line((msgspec.structs.replace(strange, key=name),))),
        "is not what key",
    )
    yield "signed as something else", digested(BODY + signature_line((mark,))), "is not what key"
    zeros = Signature(key=name, algorithm="hmac-sha256", value=b"\0" * 32)
    yield "another algorithm", digested(BODY + signature_line((zeros,))), "though it claims its hmac-sha256"
    beside = (strange, *(msgspec.structs.replace(each, value=b"\0" * 64) for each in SIGNATURES))
    yield "a wrong one beside a stranger's", digested(BODY + signature_line(beside)), "is not what key"


@pytest.mark.parametrize(("data", "said"), [pytest.param(*case[1:], id=case[0]) for case in forgeries()])
def test_a_forgery_is_not_authentic(data: bytes, said: str) -> None:
    assert decode_manifest(data) is not None, "it would pass without keys"
    assert said in refused(data)
    assert said in refused(data, RING.public())
    assert f"{RING.keys[0].id} (ed25519)" in refused(data)


@pytest.mark.parametrize("data", [pytest.param(case[1], id=case[0]) for case in forgeries()])
def test_without_the_verification_every_forgery_passes(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "verify", lambda *_, **__: None)
    decode_manifest(data, keys=RING)


def lines_that_are_none() -> Iterator[tuple[str, bytes]]:
    """Lines of signatures that no key ring writes."""
    (good,) = SIGNATURES
    yield "none", b'{"signatures":[]}\n'
    yield "twice", signature_line((good, good))
    yield "too many", signature_line(tuple(msgspec.structs.replace(good, key=f"{n:016x}") for n in range(17)))
    yield "no key", signature_line((msgspec.structs.replace(good, key="../../etc"),))
    yield "no algorithm", signature_line((msgspec.structs.replace(good, algorithm="none"),))
    yield "no value", signature_line((msgspec.structs.replace(good, value=b""),))
    yield "another length", signature_line((msgspec.structs.replace(good, value=good.value + b"\0"),))
    yield "more fields", signature_line((good,)).replace(b'"key"', b'"x":1,"key"')
    yield "no JSON", b'{"signatures":[\n'
    yield "deep", b'{"signatures":' + b"[" * 100_000 + b"\n"
    yield "spaces", signature_line((good,)).replace(b'"key":', b'"key": ')
    yield "no line feed", signature_line((good,)).rstrip()
    yield "two objects", signature_line((good,)).rstrip() + signature_line((good,))


@pytest.mark.parametrize("line", [pytest.param(line, id=name) for name, line in lines_that_are_none()])
def test_a_line_of_signatures_in_any_other_way_is_damaged_with_keys_and_without(line: bytes) -> None:
    assert "does not hold its signatures properly" in damaged(digested(BODY + line))
    assert "does not hold its signatures properly" in damaged(digested(BODY + line), keys=None)


def test_two_lines_of_signatures_are_damaged() -> None:
    line = signature_line(SIGNATURES)
    damaged(digested(BODY + line + line))
    damaged(digested(BODY + line + line), keys=None)


def test_as_many_keys_may_sign_as_are_allowed() -> None:
    ring = KeyRing.generate(signing="hmac-sha256")
    while len(ring.keys) < SIGNATURES_MAX:
        ring = ring.rotated()
    assert decode_manifest(encode_manifest(manifest(), ring), keys=ring) == manifest()
    with pytest.raises(ConfigurationError, match="retire some"):
        ring.rotated()


def test_a_ring_that_only_seals_reads_and_writes_unsigned_manifests() -> None:
    ring = KeyRing.generate(signing=None, sealing=True)
    assert encode_manifest(manifest(), ring) == encode_manifest(manifest())
    assert decode_manifest(digested(BODY), keys=ring) == manifest()


def test_a_coordinator_that_can_only_verify_publishes_nothing() -> None:
    backend = MemoryBackend()
    with pytest.raises(ConfigurationError, match=r"can only verify .*nothing was written"):
        publish_manifest(backend, manifest(), RING.public())
    assert backend.list("") == ()


def test_the_same_manifest_may_be_published_again_by_who_has_rotated_keys() -> None:
    backend = MemoryBackend()
    first = publish_manifest(backend, manifest(), RING)
    rotated = RING.rotated()
    assert publish_manifest(backend, manifest(), rotated) == first
    retired = rotated.without(RING.keys[0].id, keep_for_reading=True)
    assert publish_manifest(backend, manifest(), retired) == first
    with pytest.raises(ObjectExists, match="is another manifest"):
        publish_manifest(backend, manifest(data=b"other"), rotated)


@pytest.mark.parametrize("planted", [encode_manifest(manifest()), encode_manifest(manifest(), STRANGER), b"garbage"])
def test_a_planted_manifest_does_not_pass_for_the_published_one(planted: bytes) -> None:
    backend = MemoryBackend()
    backend.create(manifest_name(TWELVE), planted)
    with pytest.raises(ObjectExists, match="is another manifest"):
        publish_manifest(backend, manifest(), RING)


def stored(made: Manifest, cut: CutNumber = TWELVE) -> MemoryBackend:
    """A store in which somebody has put ``made`` in the place of the manifest of ``cut``."""
    backend = MemoryBackend()
    backend.create(manifest_name(cut), encode_manifest(made, RING))
    return backend


def test_a_manifest_is_authentic_for_its_cut_and_computation() -> None:
    found = authentic_manifest(stored(manifest()), TWELVE, RING.public(), computation="shop")
    assert found == manifest()
    assert authentic_part(found, ORDERS, digest_of(b"state")) == manifest().parts[0]


def test_a_signed_manifest_of_another_computation_is_not_authentic() -> None:
    backend = stored(manifest(computation="bank"))
    with pytest.raises(NotAuthentic, match=r"manifests/000000000012\.json .* of computation 'bank', this is 'shop'"):
        authentic_manifest(backend, TWELVE, RING, computation="shop")
    assert read_manifest(backend, TWELVE, RING).computation == "bank", (
        "only the name of the computation tells them apart"
    )


def test_a_signed_manifest_of_another_cut_is_damaged() -> None:
    with pytest.raises(Damaged, match="is the manifest of cut 11"):
        authentic_manifest(stored(manifest(cut=11)), TWELVE, RING, computation="shop")


def test_an_unsigned_manifest_is_not_authentic() -> None:
    backend = MemoryBackend()
    publish_manifest(backend, manifest())
    with pytest.raises(NotAuthentic, match="it is not signed"):
        authentic_manifest(backend, TWELVE, RING, computation="shop")


def test_without_a_key_that_verifies_nothing_is_called_authentic() -> None:
    with pytest.raises(ConfigurationError, match="none of the keys that were given verifies"):
        authentic_manifest(stored(manifest()), TWELVE, KeyRing.generate(signing=None, sealing=True), computation="shop")


@pytest.mark.parametrize(
    ("process", "digest"),
    [(ORDERS, digest_of(b"hostile")), (ProcessName("payments"), digest_of(b"state")), (ORDERS, Digest(""))],
)
def test_a_part_that_the_signed_manifest_does_not_name_is_not_authentic(process: ProcessName, digest: Digest) -> None:
    with pytest.raises(NotAuthentic, match=rf"the part of {process} in cut 12 is not authentic: .*the coordinator"):
        authentic_part(manifest(), process, digest)


def test_a_retired_key_still_vouches_and_a_removed_one_no_longer() -> None:
    rotated = RING.rotated()
    old = RING.keys[0].id
    assert decode_manifest(SIGNED, keys=rotated.without(old, keep_for_reading=True).public()) == manifest()
    assert f"it is signed by {old} (ed25519); trusted are {rotated.keys[1].id}" in refused(
        SIGNED, rotated.without(old, keep_for_reading=False)
    )


@given(st.binary(max_size=200), st.sampled_from(["manifest", "mark"]))
def test_any_body_comes_back_from_its_document(text: bytes, purpose: str) -> None:
    body = b"{}" + text.replace(b"\n", b"") + b"\n"
    data = close_document(body, purpose, RING)
    assert open_document(data, purpose, RING, name="x") == body
    assert open_document(data, purpose, None, name="x") == body
    with pytest.raises(NotAuthentic, match=r"^x is not authentic"):
        open_document(data, "other", RING, name="x")
