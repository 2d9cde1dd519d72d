"""One recovery point out of an archive file into a store: everything is checked first, the manifest comes last.

The archive is read completely before anything is written: its shape (`archive_format`), and then the recovery point as
`cutpoint verify` reads one (every byte, signatures, the certificate from the parts). Then packs are created, then
marks, then the manifest, each create-only: until the last step there is no recovery point, and an import that was
killed is simply repeated. Nothing is overwritten; another manifest of the same cut is a refusal.

Beside a collection it is safe as every copy of a recovery point is (decision 0012, which says what is left beside two):
before the first pack the manifest lies below ``copying/``, and goes from there when it is in its place. A pack
that is in the store already and that nothing names may be on the list of a collection that was paused, so it is not
relied on. A store that is in use counts on: a recovery point ahead of its newest one would take a number that its next
cuts need, so that is refused unless the caller says that no computation runs on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cutpoint.catalog.archive import Archive
from cutpoint.catalog.archive_format import ArchivedObject
from cutpoint.catalog.exporting import Progress, archived_packs
from cutpoint.errors import ConfigurationError, Damaged, ObjectExists, StoreError, UsageError
from cutpoint.names import CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.digests import digest_of
from cutpoint.store.manifests import Manifest, decode_manifest, list_manifests, manifest_name, read_manifest
from cutpoint.store.marks import read_marks
from cutpoint.store.replica import REPLICA_NAME, copying_name
from cutpoint.store.verification import Progress as Checked
from cutpoint.store.verification import Recheck, Verifier

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did. ``already``: the recovery point was there before, and only what was missing was written.

    ``marks`` says what became of labels and pins: ``taken``, ``none``, or ``kept``: the store has its own.
    """

    cut: CutNumber
    computation: str
    packs: int
    written: int
    written_bytes: int
    marks: str
    already: bool


def import_point(
    archive: Archive,
    backend: Backend,
    *,
    recheck: Recheck | None = None,
    keys: KeyRing | None = None,
    ahead: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Bring the recovery point of ``archive`` into ``backend``; durable on return. Blocks.

    ``progress`` counts what is checked and then what is written. Raises `Damaged` if the archive is not sound,
    `ObjectExists`, `UsageError` or `ConfigurationError` if the store cannot take it; nothing was written then. Another
    `StoreError` leaves objects that no manifest names; importing again goes on from there.
    """
    index = archive.index
    name = manifest_name(index.cut)
    data = archive.read(name)
    manifest = decode_manifest(data, name=f"object {name} in {archive.url}", keys=keys)
    packs = index.named("packs/")
    counter = _Counter(progress, sum(pack.bytes for pack in packs))
    _check_whole(archive, manifest, keys)
    verifier = Verifier(backend=archive, keys=keys, recheck=recheck, progress=counter.checked)
    if complaints := verifier.full([index.cut]).complaints:
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        raise _unfit(archive, f"its recovery point is not sound: {complaints[0]}{more}")
    already = _check_fits(backend, manifest, data, ahead)
    takes_marks = _takes_marks(archive, backend, index.cut, keys)
    copying = copying_name(index.cut)
    if not already:
        _announce(backend, copying, data, packs)
    written: list[ArchivedObject] = []
    for pack in packs:
        if _create(backend, archive, pack):
            written.append(pack)
        counter.wrote(pack.bytes)
    for mark in index.named("marks/") if takes_marks == "taken" else ():
        _create(backend, archive, mark)
    _publish(backend, name, data)
    backend.delete(copying)
    return Imported(
        cut=index.cut,
        computation=index.computation,
        packs=len(packs),
        written=len(written),
        written_bytes=sum(pack.bytes for pack in written),
        marks=takes_marks,
        already=already,
    )


class _Counter:
    """Tells one progress of two steps: first everything is checked, then everything is written."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._written = 0

    def checked(self, found: Checked) -> None:
        if self._progress is not None:
            self._progress(min(found.bytes_done, self._total), 2 * self._total)

    def wrote(self, count: int) -> None:
        self._written += count
        if self._progress is not None:
            self._progress(self._total + self._written, 2 * self._total)


def _check_whole(archive: Archive, manifest: Manifest, keys: KeyRing | None) -> None:
    """Compare the index with the manifest: exactly what it names, and marks that are sound."""
    index = archive.index
    if (manifest.cut, manifest.computation) != (index.cut, index.computation):
        raise _unfit(archive, f"its manifest is of cut {manifest.cut} of {manifest.computation!r}, its index is not")
    if archived_packs(manifest) != index.named("packs/"):
        raise _unfit(archive, "its packs are not those that its manifest names")
    marks = read_marks(archive, index.cut, keys)
    if marks.complaints:
        raise _unfit(archive, marks.complaints[0])
    if marks.condemned:
        raise _unfit(archive, "its marks say that it is being dropped")


def _check_fits(backend: Backend, manifest: Manifest, data: bytes, ahead: bool) -> bool:
    """Whether this very recovery point is in the store already. Raises if the store cannot take it."""
    cut, name = manifest.cut, manifest_name(manifest.cut)
    if backend.size(REPLICA_NAME) is not None:
        raise ConfigurationError(
            f"{backend.url} is kept in step with another store; nothing was imported; import into that one, or take a "
            "store of its own"
        )
    known = list_manifests(backend)
    if cut in known:
        if backend.size(name) == len(data) and backend.read(name) == data:
            return True
        raise _conflict(backend, name)
    if known:
        newest = read_manifest(backend, known[-1])
        if newest.computation != manifest.computation:
            raise ConfigurationError(
                f"{backend.url} holds recovery points of computation {newest.computation!r}, the archive is of "
                f"{manifest.computation!r}; nothing was imported; import it into a store of its own"
            )
        if cut > known[-1] and not ahead:
            raise ConfigurationError(
                f"recovery point {cut} is ahead of {backend.url}, whose newest is {known[-1]}: a computation that runs "
                "on it could not use that number any more; nothing was imported; take another store, or say --ahead "
                "if none runs on it"
            )
    return False


def _takes_marks(archive: Archive, backend: Backend, cut: CutNumber, keys: KeyRing | None) -> str:
    """Whether the archive's marks can be written as they are: not beside others that the store has."""
    found = read_marks(backend, cut, keys)
    if found.condemned:
        raise UsageError(
            f"recovery point {cut} is being dropped from {backend.url} by a collection; nothing was imported; "
            "let `cutpoint collect` end first"
        )
    theirs = archive.list("marks/")
    if not theirs:
        return "none"
    ours = backend.list(f"marks/{cut:012d}/")
    both = min(len(ours), len(theirs))
    same = ours[:both] == theirs[:both] and all(backend.read(name) == archive.read(name) for name in ours[:both])
    return "taken" if same else "kept"


def _announce(backend: Backend, copying: str, data: bytes, packs: tuple[ArchivedObject, ...]) -> None:
    """Say what is about to be copied. Raises if something else is, or a pack is there that nothing names."""
    try:
        if backend.size(copying) is None:
            _check_strays(backend, packs)
            backend.create(copying, data)
            _check_strays(backend, packs)
    except ObjectExists:
        pass
    except UsageError:
        backend.delete(copying)
        raise
    if backend.read(copying) != data:
        raise ObjectExists(
            f"object {copying} is in {backend.url}: another recovery point of this number is being copied there; "
            "nothing was imported; let the other copy end, or take another store"
        )


def _check_strays(backend: Backend, packs: tuple[ArchivedObject, ...]) -> None:
    present = [pack.name for pack in packs if backend.size(pack.name) is not None]
    manifests = (read_manifest(backend, cut) for cut in list_manifests(backend)) if present else ()
    named = {pack.name for manifest in manifests for pack in archived_packs(manifest)}
    if strays := [name for name in present if name not in named]:
        raise UsageError(
            f"object {strays[0]} is in {backend.url} and no recovery point needs it: a collection may be about to "
            "delete it; nothing was imported; run `cutpoint collect` on the store first, or take another one"
        )


def _create(backend: Backend, archive: Archive, found: ArchivedObject) -> bool:
    """See to it that the object is in the store, with these bytes; whether it was not there before."""
    if backend.size(found.name) is None:
        try:
            backend.create(found.name, archive.read(found.name))
            return True
        except ObjectExists:
            pass
    if backend.size(found.name) != found.bytes or digest_of(backend.read(found.name)) != found.digest:
        raise Damaged(
            f"object {found.name} is in {backend.url} already and its bytes are not what its name says; nothing was "
            "overwritten; move it away and import again, that brings the sound one"
        )
    return False


def _publish(backend: Backend, name: str, data: bytes) -> None:
    try:
        backend.create(name, data)
    except ObjectExists:
        if backend.read(name) != data:
            raise _conflict(backend, name) from None


def _conflict(backend: Backend, name: str) -> StoreError:
    return ObjectExists(
        f"object {name} is in {backend.url} already and is another manifest; nothing was overwritten; "
        "import the archive into another store"
    )


def _unfit(archive: Archive, what: str) -> Damaged:
    return Damaged(f"{archive.url} cannot be imported: {what}; nothing was written; export it anew, or another one")
