"""One recovery point out of a store into an archive file (`archive_format`).

Every object is compared with its digest while it is copied, so an archive is never written of a damaged recovery
point. The file is written aside in the same folder, flushed, and only then linked under its name: a file that is
there already is never overwritten, and a crash leaves at most one file whose name ends with ``.unfinished``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cutpoint.catalog.archive_format import (
    INDEX_NAME,
    ArchivedObject,
    ArchiveIndex,
    encode_index,
    end_of_archive,
    header_of,
    padding_of,
)
from cutpoint.catalog.points import unknown_point
from cutpoint.errors import ConfigurationError, Damaged, StoreError, UsageError
from cutpoint.names import CutNumber, Digest
from cutpoint.store.backend import Backend
from cutpoint.store.digests import digest_of
from cutpoint.store.manifests import MANIFEST_BYTES_MAX, Manifest, decode_manifest, manifest_name
from cutpoint.store.marks import mark_name, read_marks
from cutpoint.store.survey import packs_of
from cutpoint.wire.checks import one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""


def export_point(
    backend: Backend,
    cut: CutNumber,
    path: str | os.PathLike[str],
    *,
    keys: KeyRing | None = None,
    progress: Progress | None = None,
) -> ArchiveIndex:
    """Write recovery point ``cut`` to a new file at ``path``; what is in it. Blocks.

    Raises `ConfigurationError` if there is such a file already or it cannot be written, `ObjectMissing` or `Damaged`
    if the recovery point is not sound. No file is there then.
    """
    index = plan_export(backend, cut, keys)
    with _created(Path(os.path.abspath(path))) as file:
        _write(file, INDEX_NAME, encode_index(index))
        total, done = sum(found.bytes for found in index.objects), 0
        for found in index.objects:
            data = backend.read(found.name, bytes_max=found.bytes)
            if len(data) != found.bytes or digest_of(data) != found.digest:
                raise Damaged(
                    f"object {found.name} in {backend.url} is not what its digest says; no archive was written; run "
                    "`cutpoint verify` and export a sound recovery point"
                )
            _write(file, found.name, data)
            done += found.bytes
            if progress is not None:
                progress(done, total)
        file.write(end_of_archive())
    return index


def plan_export(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> ArchiveIndex:
    """What an archive of recovery point ``cut`` would hold. Raises `ObjectMissing`, `Damaged`."""
    name = manifest_name(cut)
    if backend.size(name) is None:
        raise unknown_point(backend, cut)
    data = backend.read(name, bytes_max=MANIFEST_BYTES_MAX)
    manifest = decode_manifest(data, name=f"object {name} in {backend.url}", keys=keys)
    said = read_marks(backend, cut, keys)
    if said.condemned:
        raise UsageError(
            f"recovery point {cut} is being dropped from {backend.url} by a collection; no archive was written; "
            "export another one"
        )
    if said.complaints:
        raise Damaged(f"{said.complaints[0]}; no archive was written; export another recovery point")
    marks = [(mark_name(cut, mark.number), backend.read(mark_name(cut, mark.number))) for mark in said.marks]
    small = [*marks, (name, data)]
    return ArchiveIndex(
        cut=cut,
        computation=manifest.computation,
        objects=(*archived_packs(manifest), *(_object(name, data) for name, data in small)),
    )


def archived_packs(manifest: Manifest) -> tuple[ArchivedObject, ...]:
    """Every pack that a recovery point needs, ascending by name, each once."""
    return tuple(
        ArchivedObject(name=name, bytes=length, digest=Digest(f"sha256:{name[-64:]}"))
        for name, length in sorted(packs_of(manifest).items())
    )


def _object(name: str, data: bytes) -> ArchivedObject:
    return ArchivedObject(name=name, bytes=len(data), digest=Digest(digest_of(data)))


def _write(file: BinaryIO, name: str, data: bytes) -> None:
    file.write(header_of(name, len(data)))
    file.write(data)
    file.write(padding_of(len(data)))


@contextlib.contextmanager
def _created(path: Path) -> Iterator[BinaryIO]:
    """A file that is there, whole and durable, once the context ends without an error, and not before."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}.unfinished")
    try:
        if os.path.lexists(path):
            raise FileExistsError
        try:
            with open(aside, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.link(aside, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(aside)
        _flush_folder(path.parent)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{one_line(path)} is there already; nothing was overwritten; name a new file, or move the old one away"
        ) from error
    except OSError as error:
        raise StoreError(
            f"the archive {one_line(path)} was not written: {one_line(error.strerror or error)}; nothing half-written "
            "is left; name a file in a folder that can be written to, with room for it"
        ) from error


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
