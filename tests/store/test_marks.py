from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from cutpoint.errors import ConfigurationError, Damaged, NotAuthentic, ObjectMissing, UsageError
from cutpoint.names import CutNumber
from cutpoint.store import Backend, DirectoryBackend, MemoryBackend, manifest_name
from cutpoint.store.keys import KeyRing
from cutpoint.store.marks import (
    Event,
    Mark,
    PointMarks,
    add_mark,
    check_label,
    condemn,
    decode_mark,
    mark_name,
    mark_of,
    read_all_marks,
    read_marks,
)

ONE, TWO = CutNumber(1), CutNumber(2)
NOW = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def store(*cuts: CutNumber) -> MemoryBackend:
    """A store with something in the places of manifests; marks never look into them."""
    backend = MemoryBackend()
    for cut in cuts or (ONE, TWO):
        backend.create(manifest_name(cut), b"")
    return backend


def say(
    backend: Backend, event: Event, label: str = "", cut: CutNumber = ONE, keys: KeyRing | None = None
) -> PointMarks:
    return add_mark(backend, cut, event, label=label, by="ada", at=NOW, keys=keys)


def test_what_was_said_last_holds() -> None:
    backend = store()
    for event, label in (("label", "b"), ("label", "a"), ("pin", ""), ("unlabel", "b"), ("label", "c"), ("unpin", "")):
        say(backend, event, label)  # type: ignore[arg-type]
    say(backend, "pin", cut=TWO)
    assert (read_marks(backend, ONE).labels, read_marks(backend, ONE).pinned) == (("a", "c"), False)
    assert (read_marks(backend, TWO).labels, read_marks(backend, TWO).pinned) == ((), True)
    assert read_all_marks(backend) == {ONE: read_marks(backend, ONE), TWO: read_marks(backend, TWO)}
    assert read_marks(backend, CutNumber(3)) == PointMarks(cut=CutNumber(3))


def test_a_mark_says_what_by_whom_and_when() -> None:
    backend = store()
    marks = say(backend, "label", "release-7")
    mark = Mark(cut=ONE, number=1, event="label", label="release-7", by="ada", at="2026-01-01T10:00:00.000Z")
    assert marks.marks == read_marks(backend, ONE).marks == (mark,)
    assert backend.list("marks/") == ("marks/000000000001/000001.json",)
    assert b'  "event": "label",' in backend.read("marks/000000000001/000001.json").splitlines()


def test_what_holds_already_is_not_said_again() -> None:
    backend = store()
    for event, label in (("unpin", ""), ("unlabel", "a"), ("label", "a"), ("label", "a"), ("pin", ""), ("pin", "")):
        say(backend, event, label)  # type: ignore[arg-type]
    assert [mark.event for mark in read_marks(backend, ONE).marks] == ["label", "pin"]


def test_racing_writers_take_the_next_number_and_nobody_is_lost(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path)
    backend.create(manifest_name(ONE), b"")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: say(DirectoryBackend(tmp_path), "label", f"l{number % 12}"), range(24)))
    marks = read_marks(backend, ONE)
    assert sorted(marks.labels) == sorted(f"l{number}" for number in range(12))
    assert [mark.number for mark in marks.marks] == list(range(1, 13))
    assert marks.complaints == ()


def test_there_is_no_mark_on_what_is_not_there() -> None:
    backend = store()
    with pytest.raises(ObjectMissing, match="there is no recovery point 3 in memory:unnamed"):
        say(backend, "pin", cut=CutNumber(3))
    assert backend.list("marks/") == ()


def test_a_pin_comes_before_a_drop_or_is_refused() -> None:
    backend = store()
    seen = read_marks(backend, ONE)
    say(backend, "pin")
    assert not condemn(backend, seen, by="cutpoint collect", at=NOW)
    assert read_marks(backend, ONE).pinned
    assert condemn(backend, read_marks(backend, TWO), by="cutpoint collect", at=NOW)
    assert condemn(backend, read_marks(backend, TWO), by="cutpoint collect", at=NOW)
    with pytest.raises(UsageError, match="recovery point 2 is being dropped by a collection; nothing was marked"):
        say(backend, "pin", cut=TWO)
    assert not say(backend, "spare", cut=TWO).condemned
    assert say(backend, "pin", cut=TWO).pinned


def test_a_drop_whose_answer_was_lost_counts() -> None:
    class Deaf(MemoryBackend):
        """Does what it is told and says that somebody else was faster."""

        def create(self, name: str, data: bytes) -> None:
            if "marks/" in name and self.size(name) is None:
                super().create(name, data)
            super().create(name, data)

    backend = Deaf()
    backend.create(manifest_name(ONE), b"")
    assert condemn(backend, read_marks(backend, ONE), by="cutpoint collect", at=NOW)
    assert [mark.event for mark in read_marks(backend, ONE).marks] == ["drop"]


@pytest.mark.parametrize("label", ["", "a b", "-a", "a,b", "ä", "a" * 101, "a\n", "*"])
def test_what_is_no_label_is_refused(label: str) -> None:
    with pytest.raises(ConfigurationError, match="is no label; nothing was written; take 1 to 100 letters"):
        say(store(), "label", label)


@pytest.mark.parametrize("label", ["release-7", "v1.2.3+build_5", "ada@shop", "a" * 100, "2026-01-01"])
def test_what_is_a_label_is_taken(label: str) -> None:
    check_label(label)
    assert say(store(), "label", label).labels == (label,)


def test_names_tell_cut_and_number() -> None:
    assert mark_of(mark_name(CutNumber(12), 3)) == (12, 3)
    for name in ("marks/12/3.json", "marks/000000000000/000001.json", "marks/000000000001/000000.json", "marks/x"):
        assert mark_of(name) is None
    for cut, number in ((0, 1), (10**12, 1), (1, 0), (1, 10**6)):
        with pytest.raises(UsageError, match="marks are numbered from 1"):
            mark_name(CutNumber(cut), number)


def damage(backend: MemoryBackend, name: str, data: bytes) -> None:
    backend.delete(name)
    backend.create(name, data)


def test_what_cannot_be_read_is_named_and_the_rest_holds() -> None:
    backend = store()
    for label in ("a", "b", "c", "d"):
        say(backend, "label", label)
    damage(backend, mark_name(ONE, 1), b"torn")
    backend.delete(mark_name(ONE, 2))
    damage(backend, mark_name(ONE, 3), backend.read(mark_name(ONE, 4)))
    marks = read_marks(backend, ONE)
    assert marks.labels == ("d",)
    torn, missing, moved = marks.complaints
    assert torn.startswith("object marks/000000000001/000001.json in memory:unnamed is cut short or altered")
    assert missing == "mark 2 of cut 1 is missing"
    assert moved.startswith("object marks/000000000001/000003.json in memory:unnamed is mark 4 of cut 1;")
    assert say(backend, "pin").pinned
    assert read_marks(backend, ONE).last == 5


def test_every_altered_byte_shows() -> None:
    backend = store()
    say(backend, "label", "a")
    whole = backend.read(mark_name(ONE, 1))
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 1
        with pytest.raises(Damaged):
            decode_mark(bytes(altered), None, name="object marks/x")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"event": "pin"}, "'a' is no label for pin"),
        ({"label": ""}, "'' is no label for label"),
        ({"label": "a b"}, "'a b' is no label for label"),
        ({"cut": 0}, "cut 0 is not between 1"),
        ({"number": 10**6}, "number 1000000 is beyond 999999"),
        ({"format": 2}, "is of format version 2, this program reads version 1"),
        ({"by": "\n"}, "by holds characters that cannot be printed"),
        ({"event": "burn"}, "Invalid enum value 'burn'"),
    ],
)
def test_a_mark_that_nobody_can_have_made_is_damaged(change: dict[str, object], complaint: str) -> None:
    from cutpoint.store.digests import digest_of

    backend = store()
    say(backend, "label", "a")
    body = backend.read(mark_name(ONE, 1)).rpartition(b"sha256:")[0]
    strange = msgspec.json.encode(msgspec.json.decode(body) | change) + b"\n"
    with pytest.raises(Damaged) as caught:
        decode_mark(strange + digest_of(strange).encode() + b"\n", None, name="object marks/x")
    assert complaint in str(caught.value)


def test_with_keys_a_mark_counts_only_if_a_trusted_key_has_signed_it() -> None:
    keys, backend = KeyRing.generate(), store()
    say(backend, "pin", keys=keys)
    assert read_marks(backend, ONE, keys.public()).pinned
    say(backend, "unpin")
    found = read_marks(backend, ONE, keys)
    assert found.pinned
    (complaint,) = found.complaints
    assert "marks/000000000001/000002.json" in complaint
    with pytest.raises(NotAuthentic):
        decode_mark(backend.read(mark_name(ONE, 1)), KeyRing.generate(), name="object marks/x")
    with pytest.raises(ConfigurationError, match="can only verify"):
        say(backend, "label", "a", keys=keys.public())


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(UsageError, match="needs a zone"):
        add_mark(store(), ONE, "pin", by="ada", at=datetime(2026, 1, 1))  # noqa: DTZ001
    assert NOW.astimezone(UTC).hour == 10
