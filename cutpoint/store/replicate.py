"""Keeping a second location in step: whatever is published in the source is copied, whole points only, in order.

::

    replica.json                       in the replica only: it is one, and is collected as one
    copying/000000000012.json          in the replica only: cut 12 is being copied; the same bytes as its manifest

A point is copied in this order: the note in ``copying/``, its packs, its marks, its manifest; then the note goes. So a
manifest in the replica implies its packs, and whatever a collection of the replica finds is either complete or noted.
Every object is compared with its digest on the way. Nothing is overwritten and nothing but notes is deleted: what the
source has dropped stays in the replica until the replica's own collection. Stopped anywhere, the next round goes on.

Points that are damaged in the source are named and left out. One process at a time keeps one replica in step.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cutpoint.errors import Damaged, ObjectExists, ObjectMissing, StoreError
from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PackRef
from cutpoint.store.backend import Backend
from cutpoint.store.manifests import (
    MANIFEST_BYTES_MAX,
    Manifest,
    decode_manifest,
    list_manifests,
    manifest_name,
    read_manifest,
)
from cutpoint.store.marks import MARK_BYTES_MAX, decode_mark, mark_of
from cutpoint.store.marks import PREFIX as MARKS
from cutpoint.store.pacing import Pace
from cutpoint.store.packs import create_pack, read_pack
from cutpoint.store.replica import COPYING, adopt, copying_name
from cutpoint.store.survey import number_of, packs_of, unnamed_packs

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

COPIERS = 4
"""How many packs are copied at the same time."""


@dataclass(frozen=True, kw_only=True)
class Lag:
    """How far the replica is behind: points that it has not, their bytes that it has not, and seconds.

    ``seconds``: from the creation of the replica's newest point to that of the source's newest, which is the time that
    would be lost if the source were lost now; ``None`` if the replica has no point yet.
    """

    points: int
    bytes: int
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Copied:
    """One object that was copied, and how far the round is, in bytes."""

    name: str
    bytes: int
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one round did, and the lag that is left. ``complaints``: what could not be copied, and why."""

    points: tuple[CutNumber, ...]
    objects: int
    bytes: int
    lag: Lag
    complaints: tuple[str, ...]
    stopped: bool


@dataclass(frozen=True, kw_only=True)
class _Point:
    """A point that the replica has not; ``document`` is its manifest's bytes."""

    manifest: Manifest
    document: bytes


class _LeftOut(Exception):
    """This point cannot be copied, and why; others can."""


class _Stopped(Exception):
    """Somebody has said stop."""


@dataclass(kw_only=True)
class Replicator:
    """Keeps ``replica`` in step with ``source``. All calls block. ``keys``: those that verify, if manifests are signed.

    ``progress`` is told of each object, from several threads but never from two at once. ``pace`` is asked before each.
    """

    source: Backend
    replica: Backend
    keys: KeyRing | None = None
    pace: Pace = field(default_factory=Pace)
    progress: Callable[[Copied], None] = lambda copied: None
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _objects: int = field(default=0, init=False)
    _done: int = field(default=0, init=False)
    _total: int = field(default=0, init=False)

    def lag(self) -> Lag:
        """How far the replica is behind now; nothing is written. Raises `StoreError`."""
        points, _ = self._missing_points()
        return self._lag(points)

    def round(self) -> Round:
        """Copy everything that is missing, oldest point first. Raises `StoreError`; what was copied then is copied.

        Raises `ConfigurationError` if the replica is a store of its own.
        """
        adopt(self.source, self.replica)
        points, complaints = self._missing_points()
        self._objects, self._done, self._total = 0, 0, self._lag(points).bytes
        there = dict(self.replica.sizes("packs/")) if points else {}
        left, copied = dict(points), list[CutNumber]()
        try:
            for cut, point in points.items():
                self._wait()
                try:
                    copied += [cut] if self._copy_point(point, there, complaints) else []
                    del left[cut]
                except _LeftOut as reason:
                    complaints.append(f"recovery point {cut} was not copied: {reason}")
            self._copy_marks(list_manifests(self.replica), complaints)
            self._clear_notes()
            stopped = False
        except _Stopped:
            stopped = True
        return Round(
            points=tuple(copied),
            objects=self._objects,
            bytes=self._done,
            lag=self._lag(left),
            complaints=tuple(dict.fromkeys(complaints)),
            stopped=stopped,
        )

    def _missing_points(self) -> tuple[dict[CutNumber, _Point], list[str]]:
        """The points that the replica has not, oldest first, and complaints about those that cannot be read."""
        have = set(list_manifests(self.replica))
        points: dict[CutNumber, _Point] = {}
        complaints: list[str] = []
        for cut in list_manifests(self.source):
            if cut in have:
                continue
            name = manifest_name(cut)
            try:
                document = self.source.read(name, bytes_max=MANIFEST_BYTES_MAX)
                manifest = decode_manifest(document, name=f"object {name} in {self.source.url}", keys=self.keys)
            except ObjectMissing:
                continue
            except Damaged as error:
                complaints.append(f"recovery point {cut} was not copied: {error}")
                continue
            if complaint := unnamed_packs(manifest):
                complaints.append(f"recovery point {cut} was not copied: its manifest {complaint}")
            else:
                points[cut] = _Point(manifest=manifest, document=document)
        return points, complaints

    def _lag(self, points: Mapping[CutNumber, _Point]) -> Lag:
        if not points:
            return Lag(points=0, bytes=0, seconds=0.0)
        there = dict(self.replica.sizes("packs/"))
        wanted = {name: n for point in points.values() for name, n in packs_of(point.manifest).items()}
        missing = sum(length for name, length in wanted.items() if name not in there)
        documents = sum(len(point.document) for point in points.values())
        return Lag(points=len(points), bytes=missing + documents, seconds=self._seconds(points[max(points)].manifest))

    def _seconds(self, newest: Manifest) -> float | None:
        have = list_manifests(self.replica)
        if not have:
            return None
        try:
            ours = read_manifest(self.replica, have[-1], self.keys)
            ahead = datetime.fromisoformat(newest.created) - datetime.fromisoformat(ours.created)
        except (StoreError, ValueError, TypeError):
            return None  # the replica's newest point tells no time
        return max(0.0, ahead.total_seconds()) if newest.cut > ours.cut else 0.0

    def _copy_point(self, point: _Point, there: dict[str, int], complaints: list[str]) -> bool:
        """Copy one point and all that it needs; false if the source has dropped it meanwhile, which is no complaint."""
        cut = point.manifest.cut
        note, name = copying_name(cut), manifest_name(cut)
        self._create(note, point.document)
        try:
            if self.source.size(name) is None:
                raise _LeftOut("it is gone")  # noted too late: a collection may not have seen the note
            packs = {pack.name(): pack for part in point.manifest.parts for pack in part.packs}
            missing = [pack for pack_name, pack in sorted(packs.items()) if there.get(pack_name) != pack.bytes]
            with ThreadPoolExecutor(COPIERS, thread_name_prefix="cutpoint-copy") as copiers:
                for pack in copiers.map(self._copy_pack, missing):
                    there[pack.name()] = pack.bytes
            self._copy_marks((cut,), complaints)
            self._create(name, point.document)
        except _LeftOut:
            self.replica.delete(note)
            if self.source.size(name) is None:
                return False
            raise
        self._count(name, len(point.document))
        self.replica.delete(note)
        return True

    def _copy_pack(self, pack: PackRef) -> PackRef:
        self._wait()
        try:
            data = read_pack(self.source, pack)
        except (Damaged, ObjectMissing) as error:
            raise _LeftOut(str(error)) from error
        try:
            create_pack(self.replica, pack, data)
        except Damaged as error:
            raise _LeftOut(str(error)) from error
        self._count(pack.name(), len(data))
        return pack

    def _copy_marks(self, cuts: Iterable[CutNumber], complaints: list[str]) -> None:
        """Copy the marks of ``cuts`` that the replica has not, each cut's in order.

        Of a point that the source is dropping, what was said last, the ``drop``, is not copied: the replica judges
        for itself.
        """
        wanted = set(cuts)
        prefix = f"{MARKS}{min(wanted):012}/" if len(wanted) == 1 else MARKS
        ours, theirs = dict(self.replica.sizes(prefix)), dict(self.source.sizes(prefix))
        held: dict[CutNumber, list[tuple[str, bytes]]] = {}
        for name in sorted(theirs):
            known = mark_of(name)
            if known is None or known[0] not in wanted:
                continue
            cut = known[0]
            if name in ours:
                if ours[name] != theirs[name]:
                    complaints.append(f"object {name} in {self.replica.url} is another mark; mark points in the source")
                continue
            try:
                data = self.source.read(name, bytes_max=MARK_BYTES_MAX)
                mark = decode_mark(data, self.keys, name=f"object {name} in {self.source.url}")
            except ObjectMissing:
                continue
            except Damaged as error:
                complaints.append(f"a mark of recovery point {cut} was not copied: {error}")
                wanted.discard(cut)  # what follows it is not copied without it
                continue
            held.setdefault(cut, []).append((name, data))
            if mark.event != "drop":
                for each, content in held.pop(cut):
                    self._wait()
                    self._create(each, content)
                    self._count(each, len(content))

    def _clear_notes(self) -> None:
        """Delete the notes of copies that are complete, or that the source has dropped before they were."""
        have, theirs = set(list_manifests(self.replica)), set(list_manifests(self.source))
        for name in self.replica.list(COPYING):
            cut = number_of(name)
            if cut and (cut in have or cut not in theirs):
                self.replica.delete(name)

    def _create(self, name: str, data: bytes) -> None:
        try:
            self.replica.create(name, data)
        except ObjectExists:
            if self.replica.size(name) != len(data) or self.replica.read(name) != data:
                raise _LeftOut(
                    f"object {name} in {self.replica.url} is there already and is another one; nothing was overwritten"
                ) from None

    def _wait(self) -> None:
        if not self.pace.go_on():
            raise _Stopped

    def _count(self, name: str, length: int) -> None:
        with self._lock:
            self._objects += 1
            self._done += length
            self.progress(
                Copied(name=name, bytes=length, bytes_done=self._done, bytes_total=max(self._total, self._done))
            )
