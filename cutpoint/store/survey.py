"""Everything that is in a store, by what it is: which points, what each of them needs, and what nobody knows.

Listings are not taken at one moment: what is created while one runs may be in it or not. So they are taken in an order
in which nothing that matters can be missed (decision 0012): first the cuts that are published, for the `horizon`; then
all objects; then the copies under way; last the manifests again. Hence every cut up to the horizon whose manifest is
in the store is in the last listing, and so is whatever named a pack at the time when that pack was listed.

What cannot be read is kept apart and named. Nothing is written, nothing is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from cutpoint.errors import ObjectMissing, StoreError
from cutpoint.names import BEGINNING, CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.identity import STORE_NAME
from cutpoint.store.manifests import MANIFEST_BYTES_MAX, Manifest, decode_manifest, list_manifests, read_manifest
from cutpoint.store.marks import PointMarks, mark_of, read_all_marks
from cutpoint.store.replica import COPYING, REPLICA_NAME
from cutpoint.store.retention import Point

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

Kind = Literal["store", "manifest", "pack", "mark", "copying", "unknown"]

READERS = 4
"""How many manifests are read at the same time."""

_PACK = re.compile(r"packs/(\d{12})/[0-9a-f]{64}")
_NUMBERED = re.compile(r"(?:manifests|copying)/(\d{12})\.json")


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found. ``sizes``: every object with its length in bytes.

    ``horizon``: a cut that has begun, so that every cut which is published later has at least its number;
    ``published``: the last one in the store. ``manifests`` and ``copying`` were read, ``unreadable`` and
    ``unreadable_copies`` say of others why not, and ``vanished`` were deleted meanwhile.
    """

    url: str
    sizes: Mapping[str, int]
    horizon: CutNumber
    published: CutNumber
    manifests: Mapping[CutNumber, Manifest]
    copying: Mapping[CutNumber, Manifest]
    unreadable: Mapping[CutNumber, str]
    unreadable_copies: Mapping[CutNumber, str]
    vanished: tuple[CutNumber, ...]
    marks: Mapping[CutNumber, PointMarks]

    @property
    def replica(self) -> bool:
        """Whether somebody keeps this store in step with another."""
        return REPLICA_NAME in self.sizes

    @property
    def withheld_up_to(self) -> CutNumber:
        """The last cut of which nobody knows what its manifest names: packs of an era up to it must stay."""
        return max((*self.unreadable, *self.unreadable_copies, *self.vanished), default=BEGINNING)

    def points(self) -> tuple[Point, ...]:
        """The recovery points, as retention looks at them."""
        readable = [_point(cut, manifest, self.marks.get(cut)) for cut, manifest in self.manifests.items()]
        others = [Point(cut=cut, created=None, complaint=why) for cut, why in self.unreadable.items()]
        return tuple(sorted((*readable, *others), key=lambda point: point.cut))


def survey(
    backend: Backend,
    keys: KeyRing | None = None,
    *,
    begun: CutNumber = BEGINNING,
    known: Mapping[CutNumber, Manifest] | None = None,
) -> Survey:
    """Look at a whole store. ``begun``: the last cut that the caller knows to have begun, 0 if none is known.

    ``known``: manifests that were read before; they never change and are not read again. Raises `StoreError` if the
    store cannot be listed.
    """
    published = max(list_manifests(backend), default=BEGINNING)
    sizes = dict(backend.sizes(""))
    copies = {CutNumber(number_of(name)): name for name in backend.list(COPYING) if number_of(name)}
    cuts = list_manifests(backend)
    known = known or {}
    with ThreadPoolExecutor(READERS, thread_name_prefix="cutpoint-survey") as readers:
        found = readers.map(lambda cut: known.get(cut) or _read(lambda: read_manifest(backend, cut, keys)), cuts)
        copied = readers.map(lambda name: _read(lambda: _read_copy(backend, name, keys)), copies.values())
        read = dict(zip(cuts, found, strict=True))
        read_copies = dict(zip(copies, copied, strict=True))
    return Survey(
        url=backend.url,
        sizes=sizes,
        horizon=max(published, begun),
        published=published,
        manifests={cut: one for cut, one in read.items() if isinstance(one, Manifest)},
        copying={cut: one for cut, one in read_copies.items() if isinstance(one, Manifest)},
        unreadable={cut: one for cut, one in read.items() if isinstance(one, str)},
        unreadable_copies={cut: one for cut, one in read_copies.items() if isinstance(one, str)},
        vanished=tuple(cut for every in (read, read_copies) for cut, one in every.items() if one is None),
        marks=read_all_marks(backend, keys),
    )


def _read(read: Callable[[], Manifest]) -> Manifest | str | None:
    """What ``read`` gives, why it cannot be used, or ``None`` if it is gone."""
    try:
        manifest = read()
    except ObjectMissing:
        return None
    except StoreError as error:
        return str(error)
    complaint = unnamed_packs(manifest)
    return f"the manifest of cut {manifest.cut} {complaint}" if complaint else manifest


def _read_copy(backend: Backend, name: str, keys: KeyRing | None) -> Manifest:
    data = backend.read(name, bytes_max=MANIFEST_BYTES_MAX)
    return decode_manifest(data, name=f"object {name} in {backend.url}", keys=keys)


def kind_of(name: str) -> Kind:
    """What an object is, by its name."""
    if name in (STORE_NAME, REPLICA_NAME):
        return "store"
    if _PACK.fullmatch(name):
        return "pack"
    if mark_of(name):
        return "mark"
    if number_of(name):
        return "manifest" if name.startswith("manifests/") else "copying"
    return "unknown"


def number_of(name: str) -> int:
    """The cut of a manifest, or of a copy of one, by its name; 0 if it names neither."""
    found = _NUMBERED.fullmatch(name)
    return int(found[1]) if found else 0


def era_of(name: str) -> CutNumber:
    """The era of a pack, by its name."""
    found = _PACK.fullmatch(name)
    assert found, f"{name} names no pack"
    return CutNumber(int(found[1]))


@dataclass(frozen=True, kw_only=True)
class Need:
    """An object that recovery points need: how long it has to be, and who needs it."""

    bytes: int
    cuts: tuple[CutNumber, ...]


def needed_by(manifests: Iterable[Manifest]) -> dict[str, Need]:
    """Every pack that these manifests name."""
    lengths: dict[str, int] = {}
    cuts: dict[str, list[CutNumber]] = {}
    for manifest in manifests:
        for name, length in packs_of(manifest).items():
            lengths.setdefault(name, length)
            cuts.setdefault(name, []).append(manifest.cut)
    return {name: Need(bytes=length, cuts=tuple(cuts[name])) for name, length in lengths.items()}


def packs_of(manifest: Manifest) -> dict[str, int]:
    """The packs that a manifest names, each with its length in bytes."""
    return {pack.name(): pack.bytes for part in manifest.parts for pack in part.packs}


def unnamed_packs(manifest: Manifest) -> str:
    """Complain of a manifest that does not name the packs of all its parts, so that nobody knows what it needs."""
    for part in manifest.parts:
        if not part.packs or part.packs[-1].digest != part.object:
            return f"does not name the packs of {part.process}"
    return ""


def _point(cut: CutNumber, manifest: Manifest, marks: PointMarks | None) -> Point:
    created, complaint = None, ""
    try:
        created = datetime.fromisoformat(manifest.created)
    except ValueError:
        complaint = f"its time {manifest.created!r} is none"
    if created and created.tzinfo is None:
        created, complaint = None, f"its time {manifest.created!r} has no zone"
    if marks is None:
        return Point(cut=cut, created=created, complaint=complaint)
    return Point(
        cut=cut,
        created=created,
        labels=marks.labels,
        pinned=marks.pinned,
        condemned=marks.condemned,
        complaint=complaint or "; ".join(marks.complaints),
    )
