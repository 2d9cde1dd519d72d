"""Whether recovery points can be restored: quickly by what is there, or fully by every byte of it.

Quick looks at the manifests (their digests, their signatures where keys verify) and at one listing: is every object
there that they name, as long as they say? Full reads each object once, however many points share it, compares it with
the digest that is its name, sets every part's head against the manifest, and lets a `Recheck` compute the certificate
again from the heads.

A point is good, or there is a complaint for each object that spoils it, and that object is named. Damage to an object
spoils exactly the points that need it. Nothing is repaired and nothing is written; damage is reported, never raised.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cutpoint.errors import ConfigurationError, CutpointError, ObjectMissing, StoreError
from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PartSummary
from cutpoint.store.backend import Backend
from cutpoint.store.caching import uncached
from cutpoint.store.heads import summarise
from cutpoint.store.manifests import (
    Manifest,
    ManifestPart,
    list_manifests,
    manifest_name,
    manifest_part,
    read_manifest,
)
from cutpoint.store.reader import open_part
from cutpoint.store.survey import packs_of, unnamed_packs

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

Recheck = Callable[[Manifest, tuple[PartSummary, ...]], tuple[str, ...]]
"""Computes the certificate again from what the stored parts say, in the manifest's order; complains of what differs."""

READERS = 4
"""How many objects are read at the same time."""

Pack = tuple[str, int]
"""The name of a pack, and how long a manifest says that it is."""

BLOCK_BYTES = 8 * 1024 * 1024
"""How much of one object is in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Spoiled:
    """One object that spoils a recovery point, and how."""

    name: str
    what: str


@dataclass(frozen=True, kw_only=True)
class VerifiedPoint:
    """What was found of one recovery point: it needs ``objects`` objects of together ``bytes`` bytes."""

    cut: CutNumber
    objects: int
    bytes: int
    spoiled: tuple[Spoiled, ...]

    @property
    def good(self) -> bool:
        """Whether nothing was found that hinders restoring it."""
        return not self.spoiled


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found of all of them, ascending. ``full``: every byte was read, ``bytes_read`` of them in all.

    ``sealed``: how many parts could not be looked into because nobody gave the key; their bytes are those written.
    """

    url: str
    full: bool
    points: tuple[VerifiedPoint, ...]
    bytes_read: int
    sealed: int

    @property
    def good(self) -> tuple[CutNumber, ...]:
        """The cuts of which nothing is spoiled."""
        return tuple(point.cut for point in self.points if point.good)

    @property
    def damaged(self) -> tuple[CutNumber, ...]:
        """The cuts that cannot be restored."""
        return tuple(point.cut for point in self.points if not point.good)

    @property
    def objects(self) -> Mapping[str, tuple[str, tuple[CutNumber, ...]]]:
        """Every object that spoils something, ascending by name: how, and which cuts."""
        found: dict[str, tuple[str, list[CutNumber]]] = {}
        for point in self.points:
            for each in point.spoiled:
                found.setdefault(each.name, (each.what, []))[1].append(point.cut)
        return {name: (what, tuple(cuts)) for name, (what, cuts) in sorted(found.items())}

    @property
    def complaints(self) -> tuple[str, ...]:
        """One line for each object that spoils something."""
        return tuple(
            f"object {name} in {self.url} {what}; it spoils recovery point{'s' * (len(cuts) > 1)} "
            f"{', '.join(map(str, cuts))}"
            for name, (what, cuts) in self.objects.items()
        )


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far it is: bytes read, of how many."""

    bytes_done: int
    bytes_total: int


@dataclass(kw_only=True)
class Verifier:
    """One verification of one store, past any cache. ``stop``: once true, it ends with `Stopped`.

    ``keys`` verify manifests and open what is sealed. ``recheck`` is asked in full verifications.

    ``progress`` is told after each block, from several threads but never from two at once.
    """

    backend: Backend
    keys: KeyRing | None = None
    recheck: Recheck | None = None
    progress: Callable[[Progress], None] = lambda progress: None
    stop: Callable[[], bool] = lambda: False
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _done: int = field(default=0, init=False)
    _total: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """What is in a cache says nothing about the store."""
        self.backend = uncached(self.backend)

    def quick(self, cuts: Iterable[CutNumber] | None = None) -> Verification:
        """Look at the manifests of ``cuts``, by default all, and at what is there. Raises `StoreError` from listing."""
        return self._verify(cuts, full=False)

    def full(self, cuts: Iterable[CutNumber] | None = None) -> Verification:
        """Read every byte that ``cuts``, by default all, need. Raises `StoreError` from listing, and `Stopped`."""
        return self._verify(cuts, full=True)

    def _verify(self, cuts: Iterable[CutNumber] | None, *, full: bool) -> Verification:
        chosen = list_manifests(self.backend) if cuts is None else tuple(sorted(set(cuts)))
        sealed = 0
        with ThreadPoolExecutor(READERS, thread_name_prefix="cutpoint-verify") as readers:
            read = dict(zip(chosen, readers.map(self._manifest, chosen), strict=True))
            manifests = {cut: one for cut, one in read.items() if isinstance(one, Manifest)}
            spoiled = self._check_presence(manifests.values())
            if full:
                self._check_packs(manifests.values(), spoiled, readers)
            points: list[VerifiedPoint] = []
            for cut, one in read.items():
                if isinstance(one, Spoiled):
                    points.append(VerifiedPoint(cut=cut, objects=1, bytes=0, spoiled=(one,)))
                    continue
                found, unopened = self._check_parts(one, spoiled, readers) if full else ((), 0)
                sealed += unopened
                points.append(_point(one, spoiled, found))
        return Verification(url=self.backend.url, full=full, points=tuple(points), bytes_read=self._done, sealed=sealed)

    def _manifest(self, cut: CutNumber) -> Manifest | Spoiled:
        self._check_stop()
        try:
            manifest = read_manifest(self.backend, cut, self.keys)
        except ObjectMissing:
            return Spoiled(name=manifest_name(cut), what="is missing")
        except StoreError as error:
            return Spoiled(name=manifest_name(cut), what=f"cannot be used: {error}")
        complaint = unnamed_packs(manifest)
        return Spoiled(name=manifest_name(cut), what=complaint) if complaint else manifest

    def _check_presence(self, manifests: Iterable[Manifest]) -> dict[Pack, str]:
        """What is wrong with the objects that ``manifests`` name, as far as a listing tells."""
        there = dict(self.backend.sizes("packs/"))
        wanted = sorted({pack for manifest in manifests for pack in packs_of(manifest).items()})
        self._total = sum(length for name, length in wanted if there.get(name) == length)
        missing = {(name, n): "is missing" for name, n in wanted if name not in there}
        others = {(name, n): f"has {there[name]} bytes instead of {n}" for name, n in wanted if name in there}
        return missing | {(name, n): what for (name, n), what in others.items() if there[name] != n}

    def _check_packs(
        self, manifests: Iterable[Manifest], spoiled: dict[Pack, str], readers: ThreadPoolExecutor
    ) -> None:
        """Read the packs that are not the last of a part, and add to ``spoiled`` what is wrong with them."""
        manifests = tuple(manifests)
        wanted = {pack for manifest in manifests for pack in packs_of(manifest).items()}
        heads = {head.name() for manifest in manifests for part in manifest.parts for head in part.packs[-1:]}
        left = sorted(pack for pack in wanted if pack[0] not in heads and pack not in spoiled)
        for pack, what in zip(left, readers.map(self._check_bytes, left), strict=True):
            if what:
                spoiled[pack] = what

    def _check_bytes(self, pack: Pack) -> str:
        """Read one object and compare it with its name; what is wrong, if anything is."""
        name, length = pack
        digest = hashlib.sha256()
        try:
            for start in range(0, length, BLOCK_BYTES):
                self._check_stop()
                block = self.backend.read_range(name, start, min(BLOCK_BYTES, length - start))
                digest.update(block)
                self._advance(len(block))
        except StoreError as error:
            return f"cannot be used: {error}"
        if digest.hexdigest() != name.rpartition("/")[2]:
            return f"is not what was written: its {length} bytes have another digest than its name"
        return ""

    def _check_parts(
        self, manifest: Manifest, spoiled: dict[Pack, str], readers: ThreadPoolExecutor
    ) -> tuple[tuple[Spoiled, ...], int]:
        """Read the last pack of every part, with its head. Adds to ``spoiled`` what is wrong with the pack.

        Gives what spoils only this point, and how many heads are sealed.
        """
        wrong: list[Spoiled] = []
        summaries: list[PartSummary] = []
        sealed = 0
        entries = [part for part in manifest.parts if (part.packs[-1].name(), part.packs[-1].bytes) not in spoiled]
        for entry, found in zip(
            entries, readers.map(lambda part: self._check_part(manifest, part), entries), strict=True
        ):
            head = entry.packs[-1]
            if isinstance(found, PartSummary):
                summaries.append(found)
            elif found is None:
                sealed += 1
            elif what := self._check_bytes((head.name(), head.bytes)):
                spoiled[head.name(), head.bytes] = what
            else:
                wrong.append(found)
        if self.recheck and len(summaries) == len(manifest.parts):
            try:
                complaints = self.recheck(manifest, tuple(summaries))
            except CutpointError as error:
                complaints = (str(error),)
            wrong += [Spoiled(name=manifest_name(manifest.cut), what=f"says: {each}") for each in complaints]
        return tuple(wrong), sealed

    def _check_part(self, manifest: Manifest, entry: ManifestPart) -> PartSummary | Spoiled | None:
        """What the head of one part says, what is wrong with it, or None if it is sealed and nobody gave the key."""
        self._check_stop()
        head = entry.packs[-1]
        try:
            part = open_part(self.backend, head, sealing=self.keys.sealing if self.keys else None).part
        except StoreError as error:
            return Spoiled(name=head.name(), what=f"cannot be used: {error}")
        except ConfigurationError:
            self._advance(head.bytes)  # `open_part` compares the bytes with their name before it needs the key
            return None
        self._advance(head.bytes)
        summary = summarise(part, entry.stall_seconds)
        differing = _differing(manifest, entry, part.head.computation, summary)
        return Spoiled(name=head.name(), what=f"says another {differing} than its manifest") if differing else summary

    def _advance(self, count: int) -> None:
        with self._lock:
            self._done += count
            self.progress(Progress(bytes_done=self._done, bytes_total=self._total))

    def _check_stop(self) -> None:
        if self.stop():
            raise Stopped("the verification was called off; nothing was changed; ask again")


class Stopped(CutpointError):
    """The verification was called off."""


def _point(manifest: Manifest, spoiled: Mapping[Pack, str], found: tuple[Spoiled, ...]) -> VerifiedPoint:
    packs = packs_of(manifest)
    shared = tuple(Spoiled(name=name, what=spoiled[name, n]) for name, n in packs.items() if (name, n) in spoiled)
    return VerifiedPoint(cut=manifest.cut, objects=1 + len(packs), bytes=sum(packs.values()), spoiled=(*shared, *found))


def _differing(manifest: Manifest, entry: ManifestPart, computation: str, summary: PartSummary) -> str:
    """What the manifest says of a part and the part does not, or ``""``."""
    found = manifest_part(summary)
    pairs = [
        ("computation", computation, manifest.computation),
        ("cut", summary.cut, manifest.cut),
        ("incarnation", summary.incarnation, manifest.incarnation),
        *((name, getattr(found, name), getattr(entry, name)) for name in ManifestPart.__struct_fields__),
    ]
    return ", ".join(what for what, in_part, in_manifest in pairs if in_part != in_manifest)
