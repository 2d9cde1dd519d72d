from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.errors import Damaged, ObjectMissing, StoreError, UsageError
from cutpoint.names import Digest, ProcessName, Sequence
from cutpoint.protocol.messages import Close, InFlight
from cutpoint.store import (
    MemoryBackend,
    Part,
    decode_part,
    digest_of,
    encode_part,
    part_name,
    read_part,
    summarise,
    write_part,
)

from .samples import drawn_parts, messages, part

HEADER = b"cutpoint-part 1\n"


def damaged(data: bytes) -> str:
    with pytest.raises(Damaged) as caught:
        decode_part(data, name="object parts/x")
    assert str(caught.value).startswith("object parts/x ")
    assert str(caught.value).isprintable()
    return str(caught.value)


@given(drawn_parts())
def test_a_part_comes_back_as_it_was_written(written: Part) -> None:
    backend = MemoryBackend()
    digest, size = write_part(backend, written)
    assert read_part(backend, digest) == written
    assert backend.list("") == (part_name(digest),)
    assert backend.size(part_name(digest)) == size


def test_a_part_is_named_by_the_digest_of_its_bytes() -> None:
    backend = MemoryBackend()
    digest, _ = write_part(backend, part(1))
    assert digest == digest_of(encode_part(part(1)))
    digits = digest.removeprefix("sha256:")
    assert backend.list("parts/") == (f"parts/{digits[:2]}/{digits}",)


def test_a_part_may_be_written_again() -> None:
    backend = MemoryBackend()
    assert write_part(backend, part(1)) == write_part(backend, part(1))
    assert len(backend.list("")) == 1


@pytest.mark.parametrize("leftover", [b"", b"x", encode_part(part(1))[:-1] + b"\x00"])
def test_a_damaged_object_in_the_place_of_a_part_is_reported_and_kept(leftover: bytes) -> None:
    backend = MemoryBackend()
    name = part_name(digest_of(encode_part(part(1))))
    backend.create(name, leftover)
    with pytest.raises(Damaged, match=f"object {name} in memory:unnamed is there already"):
        write_part(backend, part(1))
    assert backend.read(name) == leftover


def test_altered_bytes_are_found_before_they_are_decoded() -> None:
    backend = MemoryBackend()
    digest = digest_of(b"what was written")
    backend.create(part_name(digest), b"what is there now")
    with pytest.raises(Damaged, match=f"object {part_name(digest)} .* are not those that were written"):
        read_part(backend, digest)


def test_a_missing_part_is_named() -> None:
    digest = digest_of(b"")
    with pytest.raises(ObjectMissing, match=part_name(digest)):
        read_part(MemoryBackend(), digest)


def test_a_part_longer_than_allowed_is_not_read() -> None:
    backend = MemoryBackend()
    digest, size = write_part(backend, part(1))
    assert read_part(backend, digest, bytes_max=size) == part(1)
    with pytest.raises(StoreError, match=f"{size - 1} are allowed"):
        read_part(backend, digest, bytes_max=size - 1)


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../etc", "md5:" + "0" * 64, "sha256:" + "A" * 64])
def test_a_name_is_made_of_a_digest_only(digest: str) -> None:
    with pytest.raises(UsageError, match="is not a sha256 digest"):
        part_name(Digest(digest))


@given(drawn_parts(), st.data())
def test_a_part_cut_short_is_damaged(written: Part, draw: st.DataObject) -> None:
    data = encode_part(written)
    damaged(data[: draw.draw(st.integers(0, len(data) - 1))])


@given(drawn_parts(), st.data())
def test_an_altered_part_is_read_or_damaged_and_never_worse(written: Part, draw: st.DataObject) -> None:
    data = bytearray(encode_part(written))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    with contextlib.suppress(Damaged):
        decode_part(bytes(data))


@given(st.binary(max_size=200), st.booleans())
def test_noise_is_damaged(data: bytes, with_header: bool) -> None:
    damaged(HEADER + data if with_header else data)


def test_bottomless_nesting_is_damaged() -> None:
    damaged(HEADER + b"\x91" * 1_000_000)


def test_a_part_of_another_format_version_is_refused_by_its_version() -> None:
    assert "is of format version 7, this program reads version 1" in damaged(b"cutpoint-part 7\n" + b"\x80")
    assert "is not a part" in damaged(b"cutpoint-part x\n")


def changed(change: Any) -> bytes:
    """The bytes of the sample part after ``change`` to its plain form, past all checks of ours."""
    plain = msgspec.msgpack.decode(encode_part(part(1)).removeprefix(HEADER))
    change(plain)
    return HEADER + msgspec.msgpack.encode(plain)


def session_of(plain: Any) -> Any:
    return plain["sessions"][0]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda p: p.update(process="../p"), "is not a process name"),
        (lambda p: p.update(cut=-1), "cut -1"),
        (lambda p: p.update(life="a\nb"), "life holds"),
        (lambda p: p.update(states=p["states"] * 2), "state 'balances' is in it twice"),
        (lambda p: p.update(sessions=p["sessions"] * 2), "is in it twice"),
        (lambda p: p["states"][0].update(version=-1), "version -1"),
        (lambda p: session_of(p)["outgoing_in_flight"].pop(), "recorded by the sender are not 6 to 8"),
        (lambda p: session_of(p)["outgoing_in_flight"].reverse(), "recorded by the sender are not 6 to 8"),
        (lambda p: session_of(p)["incoming_in_flight"].pop(), "recorded by the receiver are not"),
        (lambda p: session_of(p)["incoming_in_flight"].append([4, "four"]), "recorded by the receiver are not"),
        (lambda p: session_of(p)["incoming_in_flight"].append([-4, "four"]), "recorded by the receiver are not"),
        (lambda p: session_of(p).update(incoming_in_flight=[[4, 7]]), "message 4 is neither text"),
        (lambda p: session_of(p).update(incoming_in_flight=[[4, [101]]]), "message 4 is neither text"),
        (lambda p: session_of(p)["evidence"]["incoming"].update(received=[[3, 1]]), "the range 3 to 1"),
        (lambda p: session_of(p)["evidence"]["outgoing"].update(sent=2**50), "recorded by the sender are not"),
        (lambda p: session_of(p)["evidence"]["incoming"].update(in_flight=[[4, 2**50]]), "recorded by the receiver"),
    ],
)
def test_a_part_that_no_process_can_have_recorded_is_damaged(change: Any, complaint: str) -> None:
    assert decode_part(changed(lambda plain: None)) == part(1)
    assert complaint in damaged(changed(change))


def test_a_part_that_could_not_be_read_back_is_not_written() -> None:
    backend = MemoryBackend()
    record = msgspec.structs.replace(part(1).sessions[0], outgoing_in_flight=())
    with pytest.raises(UsageError, match="nothing was written"):
        write_part(backend, msgspec.structs.replace(part(1), sessions=(record,)))
    record = msgspec.structs.replace(part(1).sessions[0], incoming_in_flight=messages(4, "\ud800"))
    with pytest.raises(UsageError, match="nothing was written"):
        write_part(backend, msgspec.structs.replace(part(1), sessions=(record,)))
    with pytest.raises(UsageError, match="nothing was written"):
        write_part(backend, msgspec.structs.replace(part(1), process=ProcessName("a/b")))
    assert backend.list("") == ()


def test_messages_that_overtook_each_other_keep_the_order_of_their_delivery() -> None:
    record = part(1).sessions[0]
    incoming = msgspec.structs.replace(record.evidence.incoming, in_flight=((4, 5), (9, 9)))
    evidence = msgspec.structs.replace(record.evidence, incoming=incoming)
    got = tuple(InFlight(number=Sequence(n), payload=str(n)) for n in (9, 4, 5))
    record = msgspec.structs.replace(record, evidence=evidence, incoming_in_flight=got)
    written = msgspec.structs.replace(part(1), sessions=(record,))
    assert decode_part(encode_part(written)).sessions[0].incoming_in_flight == got


def test_a_summary_is_what_the_bytes_say() -> None:
    digest, size = write_part(MemoryBackend(), part(1, data=b"12345"))
    summary = summarise(part(1, data=b"12345"), digest, size, 0.25)
    assert (summary.object, summary.bytes, summary.stall_seconds) == (digest, size, 0.25)
    assert summary.in_flight_messages == 4
    assert [(s.name, s.bytes, s.digest) for s in summary.states] == [("balances", 5, digest_of(b"12345"))]
    assert summary.sessions == tuple(record.evidence for record in part(1).sessions)
    assert summary.boundary == ("browser",)


def test_a_close_that_was_in_flight_is_a_close_again() -> None:
    last = decode_part(encode_part(part(1))).sessions[0].outgoing_in_flight[-1]
    assert last == InFlight(number=Sequence(8), payload=Close())
