"""What people say of a recovery point after it was published: labels and pins, kept beside it and never overwritten.

::

    marks/000000000012/000001.json    {"event": "label", "label": "release-7", "by": "ada", ...}
    marks/000000000012/000002.json    {"event": "pin", ...}

Each mark is one create-only object, numbered from 1; what holds is what they say together, in order. Of two who write
the same number one loses, reads what is there now, and takes the next number if its mark still says something new.

A collection that is about to delete a recovery point says so with the mark ``drop``, in the same line of numbers. So a
pin comes before it, and the collection sees it and leaves the point alone, or after it, and is refused: nobody is told
that a point is kept while it goes. ``spare`` takes a ``drop`` back. Nothing here deletes a recovery point.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from cutpoint.errors import ConfigurationError, Damaged, ObjectExists, ObjectMissing, StoreError, UsageError
from cutpoint.names import CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.documents import close_document, open_document, write_body
from cutpoint.store.manifests import manifest_name
from cutpoint.wire.checks import check_numbers, check_texts, one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

MARK_VERSION = 1
MARK_BYTES_MAX = 64 * 1024
"""The longest mark that is read, in bytes."""

MARKS_MAX = 999_999
"""How many marks one recovery point can have."""

PREFIX: Final = "marks/"
_NAME = re.compile(r"marks/(\d{12})/(\d{6})\.json")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")
_PURPOSE = "mark"

Event = Literal["label", "unlabel", "pin", "unpin", "drop", "spare"]


class Mark(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cutpoint-mark"):
    """One thing that was said of recovery point ``cut``, by whom and when (RFC 3339, UTC); labels have a ``label``."""

    format: int = MARK_VERSION
    cut: CutNumber
    number: int
    event: Event
    label: str = ""
    by: str
    at: str


@dataclass(frozen=True, kw_only=True)
class PointMarks:
    """All marks of one recovery point, in order. ``complaints``: one for each that cannot be read or is missing."""

    cut: CutNumber
    marks: tuple[Mark, ...] = ()
    complaints: tuple[str, ...] = ()
    last: int = 0
    labels: tuple[str, ...] = field(init=False)
    pinned: bool = field(init=False)
    condemned: bool = field(init=False)

    def __post_init__(self) -> None:
        """Put together what the marks say."""
        labels: dict[str, None] = {}
        pinned = condemned = False
        for mark in self.marks:
            match mark.event:
                case "label":
                    labels[mark.label] = None
                case "unlabel":
                    labels.pop(mark.label, None)
                case "pin" | "unpin":
                    pinned = mark.event == "pin"
                case "drop" | "spare":
                    condemned = mark.event == "drop"
        object.__setattr__(self, "labels", tuple(labels))
        object.__setattr__(self, "pinned", pinned)
        object.__setattr__(self, "condemned", condemned)

    def says(self, event: Event, label: str = "") -> bool:
        """Whether this holds already, so that saying it again would change nothing."""
        match event:
            case "label":
                return label in self.labels
            case "unlabel":
                return label not in self.labels
            case "pin" | "unpin":
                return self.pinned == (event == "pin")
            case "drop" | "spare":
                return self.condemned == (event == "drop")


def mark_name(cut: CutNumber, number: int) -> str:
    """The object that holds mark ``number`` of ``cut``."""
    if not 1 <= cut < 10**12 or not 1 <= number <= MARKS_MAX:
        raise UsageError(f"recovery point {cut} has no mark {number}: marks are numbered from 1 to {MARKS_MAX}")
    return f"{PREFIX}{cut:012}/{number:06}.json"


def mark_of(name: str) -> tuple[CutNumber, int] | None:
    """The cut and the number of the mark that an object's name tells; ``None`` if it names no mark."""
    found = _NAME.fullmatch(name)
    if not found or not int(found[1]) or not int(found[2]):
        return None
    return CutNumber(int(found[1])), int(found[2])


def check_label(label: str) -> None:
    """Raise `ConfigurationError` unless ``label`` is 1 to 100 letters, digits, ``.``, ``_``, ``-``, ``+`` and ``@``."""
    if not _LABEL.fullmatch(label):
        raise ConfigurationError(
            f"{one_line(repr(label))} is no label; nothing was written; take 1 to 100 letters, digits and . _ - + @, "
            "a letter or digit first"
        )


def add_mark(
    backend: Backend,
    cut: CutNumber,
    event: Event,
    *,
    by: str,
    at: datetime,
    label: str = "",
    keys: KeyRing | None = None,
) -> PointMarks:
    """Say ``event`` of recovery point ``cut``, durably; what holds then. What holds already is not said again.

    ``at`` is the time, ``by`` who says it. Raises `ObjectMissing` if there is no such recovery point, `UsageError` if a
    collection is dropping it, `ConfigurationError` for a text that is no label. For ``drop`` see `condemn`.
    """
    if event in ("label", "unlabel"):
        check_label(label)
    elif label or event == "drop":
        raise UsageError(f"{event} is not said like this; nothing was marked")
    while True:
        _check_there(backend, cut)
        found = read_marks(backend, cut, keys)
        if found.condemned and event != "spare":
            raise UsageError(
                f"recovery point {cut} is being dropped by a collection; nothing was marked; choose another one"
            )
        if found.says(event, label):
            return found
        mark = Mark(cut=cut, number=found.last + 1, event=event, label=label, by=by, at=_text_of(at))
        if _create(backend, mark, keys):
            _check_there(backend, cut)
            return PointMarks(cut=cut, marks=(*found.marks, mark), complaints=found.complaints, last=mark.number)


def condemn(backend: Backend, seen: PointMarks, *, by: str, at: datetime, keys: KeyRing | None = None) -> bool:
    """Say that the recovery point of ``seen`` is being dropped, unless anything was said of it that is not in ``seen``.

    Whether it is condemned now: from then on no label and no pin is taken until somebody says ``spare``.
    """
    if seen.condemned:
        return True
    drop = Mark(cut=seen.cut, number=seen.last + 1, event="drop", by=by, at=_text_of(at))
    if _create(backend, drop, keys):
        return True
    found = read_marks(backend, seen.cut, keys)  # an answer that was lost may have been ours
    return found.last == drop.number and found.condemned and not found.complaints


def read_marks(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> PointMarks:
    """Everything that was said of ``cut``. What cannot be read becomes a complaint."""
    return _read(backend, cut, backend.list(f"{PREFIX}{cut:012}/"), keys)


def read_all_marks(backend: Backend, keys: KeyRing | None = None) -> Mapping[CutNumber, PointMarks]:
    """The marks of every cut that has any, ascending, with one listing."""
    names: dict[CutNumber, list[str]] = {}
    for name in backend.list(PREFIX):
        if known := mark_of(name):
            names.setdefault(known[0], []).append(name)
    return {cut: _read(backend, cut, of_cut, keys) for cut, of_cut in names.items()}


def decode_mark(data: bytes, keys: KeyRing | None, *, name: str) -> Mark:
    """Decode one mark. Raises `Damaged` that begins with ``name``."""
    body = open_document(data, _PURPOSE, keys, name=name)
    try:
        mark = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise Damaged(f"{name} is not a mark: {one_line(error)}; bring the object back from a copy") from error
    if complaint := _check(mark):
        raise Damaged(f"{name} is not a sound mark: {complaint}; bring the object back from a copy")
    return mark


_decoder: msgspec.json.Decoder[Mark] = msgspec.json.Decoder(Mark)


def _read(backend: Backend, cut: CutNumber, names: tuple[str, ...] | list[str], keys: KeyRing | None) -> PointMarks:
    marks: list[Mark] = []
    complaints: list[str] = []
    last = 0
    for name in names:
        known = mark_of(name)
        if known is None:
            continue
        complaints.extend(f"mark {number} of cut {cut} is missing" for number in range(last + 1, known[1])[:1])
        last = known[1]
        where = f"object {name} in {backend.url}"
        try:
            mark = decode_mark(backend.read(name, bytes_max=MARK_BYTES_MAX), keys, name=where)
        except StoreError as error:
            complaints.append(str(error))
            continue
        if (mark.cut, mark.number) != known:
            complaints.append(f"{where} is mark {mark.number} of cut {mark.cut}; bring the object back from a copy")
        else:
            marks.append(mark)
    return PointMarks(cut=cut, marks=tuple(marks), complaints=tuple(complaints), last=last)


def _create(backend: Backend, mark: Mark, keys: KeyRing | None) -> bool:
    """Write ``mark`` durably; whether its number was still free."""
    if complaint := _check(mark):
        raise UsageError(f"recovery point {mark.cut} cannot be marked: {complaint}; nothing was written")
    try:
        backend.create(mark_name(mark.cut, mark.number), close_document(write_body(mark), _PURPOSE, keys))
    except ObjectExists:
        return False
    return True


def _check_there(backend: Backend, cut: CutNumber) -> None:
    name = manifest_name(cut)
    if backend.size(name) is None:
        raise ObjectMissing(f"there is no recovery point {cut} in {backend.url}: no object {name}; choose another")


def _text_of(at: datetime) -> str:
    if at.tzinfo is None:
        raise UsageError("the time of a mark needs a zone")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _check(mark: Mark) -> str:
    """Complain of a mark that nobody can have made."""
    complaint = check_numbers(mark, ("cut", "number"), least=1) or check_texts(mark, ("by", "at"))
    if complaint:
        return complaint
    if mark.format != MARK_VERSION:
        return f"it is of format version {mark.format}, this program reads version {MARK_VERSION}"
    if mark.number > MARKS_MAX:
        return f"number {mark.number} is beyond {MARKS_MAX}"
    labelled = mark.event in ("label", "unlabel")
    if labelled != bool(mark.label) or (labelled and not _LABEL.fullmatch(mark.label)):
        return f"{one_line(repr(mark.label))} is no label for {mark.event}"
    return ""
