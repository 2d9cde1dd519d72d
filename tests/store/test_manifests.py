from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import Damaged, ObjectExists, ObjectMissing, StoreError, UsageError
from cutpoint.names import CutNumber
from cutpoint.store import (
    MANIFEST_BYTES_MAX,
    DirectoryBackend,
    Manifest,
    MemoryBackend,
    decode_manifest,
    digest_of,
    encode_manifest,
    list_manifests,
    manifest_name,
    publish_manifest,
    read_manifest,
)

from .samples import PAYMENTS, manifest, part

TWELVE = CutNumber(12)


def sample(**fields: Any) -> Manifest:
    return manifest(12, (part(12), part(12, PAYMENTS)), MemoryBackend(), **fields)


def sealed(body: bytes) -> bytes:
    """``body`` with the last line that makes it look whole."""
    return body + digest_of(body).encode() + b"\n"


def damaged(data: bytes) -> str:
    with pytest.raises(Damaged) as caught:
        decode_manifest(data, name="object manifests/x")
    assert str(caught.value).startswith("object manifests/x ")
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_manifest_comes_back_as_it_was_published() -> None:
    backend = MemoryBackend()
    digest, length = publish_manifest(backend, sample())
    assert read_manifest(backend, TWELVE) == sample()
    assert backend.size(manifest_name(TWELVE)) == length
    assert backend.read(manifest_name(TWELVE)).endswith(digest.encode() + b"\n")


def test_a_manifest_is_json_to_be_read_by_people_with_its_digest_in_the_last_line() -> None:
    lines = encode_manifest(sample()).decode().splitlines()
    body = "\n".join(lines[:-1]) + "\n"
    assert lines[-1] == digest_of(body.encode())
    plain = json.loads(body)
    assert plain["kind"] == "cutpoint-manifest"
    assert (plain["format"], plain["cut"], plain["members"]) == (1, 12, ["orders", "payments"])
    assert '  "cut": 12,' in lines


def test_manifests_are_named_by_cut_so_that_they_list_in_order() -> None:
    backend = MemoryBackend()
    for cut in (100, 9, 10):
        publish_manifest(backend, msgspec.structs.replace(sample(), cut=CutNumber(cut), parent=CutNumber(0)))
    backend.create("manifests/readme.txt", b"")
    backend.create("manifests/000000000000.json", b"")
    assert manifest_name(TWELVE) == "manifests/000000000012.json"
    assert list_manifests(backend) == (9, 10, 100)


def test_the_same_manifest_may_be_published_again_and_another_one_may_not() -> None:
    backend = MemoryBackend()
    assert publish_manifest(backend, sample()) == publish_manifest(backend, sample())
    with pytest.raises(ObjectExists, match=r"manifests/000000000012\.json.*is another manifest"):
        publish_manifest(backend, sample(created="2013-01-01T00:00:01Z"))
    assert read_manifest(backend, TWELVE) == sample()


def test_a_missing_manifest_is_named() -> None:
    with pytest.raises(ObjectMissing, match="manifests/000000000012"):
        read_manifest(MemoryBackend(), TWELVE)


@pytest.mark.parametrize("cut", [0, -1, 10**12])
def test_a_number_that_no_cut_has_names_nothing(cut: int) -> None:
    with pytest.raises(UsageError, match="numbered from 1"):
        manifest_name(CutNumber(cut))


def test_a_manifest_under_another_cuts_name_is_damaged() -> None:
    backend = MemoryBackend()
    backend.create(manifest_name(CutNumber(13)), encode_manifest(sample()))
    with pytest.raises(Damaged, match="is the manifest of cut 12"):
        read_manifest(backend, CutNumber(13))


WHOLE = encode_manifest(sample())


@given(st.integers(0, len(WHOLE) - 1))
def test_a_manifest_cut_short_anywhere_is_damaged(length: int) -> None:
    damaged(WHOLE[:length])


@given(st.integers(0, len(WHOLE) * 8 - 1))
def test_a_manifest_with_any_bit_flipped_is_damaged(bit: int) -> None:
    data = bytearray(WHOLE)
    data[bit // 8] ^= 1 << bit % 8
    damaged(bytes(data))


@given(st.binary(max_size=200))
def test_noise_is_damaged_even_with_a_sound_last_line(data: bytes) -> None:
    damaged(data)
    damaged(sealed(data))


def test_more_after_the_last_line_is_damaged() -> None:
    damaged(WHOLE + b"\n")


def test_bottomless_nesting_is_damaged() -> None:
    damaged(sealed(b'{"kind":"cutpoint-manifest","format":1,"certificate":' + b"[" * 1_000_000))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format": 2}, "is of format version 2, this program reads version 1"),
        ({"kind": "shopping-list"}, "'shopping-list'"),
        ({"cut": 0}, "cut 0"),
        ({"cut": "12"}, "Expected `int`"),
        ({"incarnation": 0}, "incarnation 0"),
        ({"parent": 12}, "its parent 12 is not before it"),
        ({"parent": -1}, "parent -1"),
        ({"duration_seconds": -0.5}, "duration_seconds -0.5"),
        ({"members": ["orders"]}, "not one for each member"),
        ({"members": ["a/b", "orders"]}, "is not a process name"),
        ({"parts": []}, "not one for each member"),
        ({"certificate": []}, "Expected `object`"),
        ({"created": "x" * 2000}, "created has 2000 characters"),
    ],
)
def test_a_manifest_that_no_coordinator_can_have_published_is_damaged(change: dict[str, Any], complaint: str) -> None:
    plain = json.loads(WHOLE[: WHOLE.rindex(b"sha256:")])
    assert decode_manifest(sealed(json.dumps(plain).encode())) == sample()
    assert complaint in damaged(sealed(json.dumps(plain | change).encode()))


def test_a_part_that_is_named_by_something_else_than_a_digest_is_damaged() -> None:
    plain = json.loads(WHOLE[: WHOLE.rindex(b"sha256:")])
    plain["parts"][0]["object"] = "sha256:../../../etc/passwd"
    assert "is not a sha256 digest" in damaged(sealed(json.dumps(plain).encode()))


@pytest.mark.parametrize(
    "fields", [{"parent": TWELVE}, {"members": ()}, {"created": "\ud800"}, {"certificate": {"a": "\ud800"}}]
)
def test_a_manifest_that_could_not_be_read_back_is_not_published(fields: dict[str, Any]) -> None:
    backend = MemoryBackend()
    with pytest.raises(UsageError, match="nothing was written"):
        publish_manifest(backend, sample(**fields))
    assert backend.list("manifests/") == ()


def test_a_manifest_has_a_limit_when_written_and_when_read(tmp_path: Any) -> None:
    with pytest.raises(UsageError, match="nothing was written"):
        encode_manifest(sample(certificate={"long": "x" * MANIFEST_BYTES_MAX}))
    backend = DirectoryBackend(tmp_path)
    backend.create(manifest_name(TWELVE), b"")
    with (tmp_path / manifest_name(TWELVE)).open("r+b") as file:
        file.truncate(MANIFEST_BYTES_MAX + 1)
    with pytest.raises(StoreError, match=f"{MANIFEST_BYTES_MAX} are allowed"):
        read_manifest(backend, TWELVE)
