from __future__ import annotations

import copy
import io
import os
import resource
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from cutpoint.catalog.archive import Archive
from cutpoint.catalog.archive_format import (
    INDEX_NAME,
    ArchivedObject,
    ArchiveIndex,
    encode_index,
    end_of_archive,
    header_of,
    padding_of,
)
from cutpoint.catalog.exporting import export_point
from cutpoint.catalog.importing import import_point
from cutpoint.errors import ConfigurationError, CutpointError, Damaged, UsageError
from cutpoint.names import CutNumber, Digest
from cutpoint.store.digests import digest_of
from cutpoint.store.manifests import encode_manifest, manifest_name, read_manifest
from cutpoint.store.memory import MemoryBackend
from tests.catalog.stores import recheck_certificate, small_shop

CUT = CutNumber(3)
Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A sound archive."""
    path = tmp_path / "sound.tar"
    export_point(small_shop(MemoryBackend()).backend, CUT, path)
    return path


def refused(path: Path) -> str:
    """Import ``path``; it is refused, and nothing was written. The error."""
    backend = MemoryBackend()
    with pytest.raises((Damaged, ConfigurationError, UsageError)) as error, Archive(path) as archive:
        import_point(archive, backend, recheck=recheck_certificate)
    assert backend.list("") == ()
    assert "\n" not in str(error.value)
    return str(error.value)


def members_of(path: Path) -> Members:
    with tarfile.open(path) as archive:
        members = []
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            members.append((member, content.read()))
        return members


def write_tar(path: Path, members: Members, format_: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=format_) as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return path


def rebuilt(path: Path, objects: dict[str, bytes], *, index: ArchiveIndex | None = None) -> Path:
    """An archive with a right shape and these objects; with ``index`` in the place of the right one."""
    listed = tuple(
        ArchivedObject(name=name, bytes=len(data), digest=Digest(digest_of(data))) for name, data in objects.items()
    )
    data = encode_index(index or ArchiveIndex(cut=CUT, computation="shop", objects=listed))
    pieces = [(INDEX_NAME, data), *objects.items()]
    body = b"".join(header_of(name, len(data)) + data + padding_of(len(data)) for name, data in pieces)
    path.write_bytes(body + end_of_archive())
    return path


def objects_of(path: Path) -> dict[str, bytes]:
    with Archive(path) as archive:
        return {found.name: archive.read(found.name) for found in archive.index.objects}


def test_every_flipped_byte_and_every_cut_off_end_is_found_before_anything_is_written(
    sound: Path, tmp_path: Path, record_count: Callable[[str, object], None]
) -> None:
    data = sound.read_bytes()
    damaged = tmp_path / "damaged.tar"
    tried = 0
    for at in range(0, len(data), 97):
        damaged.write_bytes(data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])
        assert "nothing was" in refused(damaged)
        tried += 1
    for length in range(0, len(data), 331):
        damaged.write_bytes(data[:length])
        assert "nothing was" in refused(damaged)
        tried += 1
    damaged.write_bytes(data + b"\0" * 512)
    assert "bytes long, its index makes it" in refused(damaged)
    record_count("damaged archives refused", tried)


def test_a_tar_that_was_made_by_another_hand_is_not_believed(sound: Path, tmp_path: Path) -> None:
    members = members_of(sound)
    for format_ in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        for member, _ in members:
            member.mtime = 1_700_000_000.5
        assert "is not an archive of a recovery point" in refused(write_tar(tmp_path / "other.tar", members, format_))


def changed(member: tarfile.TarInfo, **fields: object) -> tarfile.TarInfo:
    found = copy.copy(member)
    for name, value in fields.items():
        setattr(found, name, value)
    return found


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "../../etc/passwd"},
        {"name": "/etc/passwd"},
        {"name": "packs/../../x"},
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0},
        {"type": tarfile.LNKTYPE, "linkname": "manifests/000000000003.json", "size": 0},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.FIFOTYPE},
        {"type": tarfile.CHRTYPE},
        {"type": tarfile.GNUTYPE_SPARSE},
        {"mode": 0o4755},
        {"uid": 0, "uname": "root"},
    ],
    ids=str,
)
def test_members_that_are_anything_but_the_plain_files_of_the_index_are_refused(
    sound: Path, tmp_path: Path, fields: dict[str, object]
) -> None:
    data = bytearray(sound.read_bytes())
    member = members_of(sound)[1][0]
    data[member.offset : member.offset + 512] = changed(member, **fields).tobuf(format=tarfile.USTAR_FORMAT)
    (tmp_path / "hostile.tar").write_bytes(data)
    refused(tmp_path / "hostile.tar")
    assert not list(tmp_path.glob("**/passwd"))


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "tmp/x",
        "store.json",
        "replica.json",
        "copying/000000000003.json",
        "manifests/000000000004.json",
        "marks/000000000002/000001.json",
        "packs/000000000001/x",
        "packs/000000000001/../" + "0" * 61,
        "packs/\u0661" + "0" * 11 + "/" + "a" * 64,
    ],
)
def test_an_index_names_only_what_belongs_to_its_recovery_point(sound: Path, tmp_path: Path, name: str) -> None:
    objects = objects_of(sound)
    listed = [ArchivedObject(name=n, bytes=len(d), digest=Digest(digest_of(d))) for n, d in objects.items()]
    listed.insert(0, ArchivedObject(name=name, bytes=1, digest=Digest(digest_of(b"x"))))
    body = msgspec.json.encode(ArchiveIndex(cut=CUT, computation="shop", objects=tuple(listed))) + b"\n"
    data = body + digest_of(body).encode() + b"\n"
    path = tmp_path / "hostile.tar"
    path.write_bytes(header_of(INDEX_NAME, len(data)) + data + padding_of(len(data)) + end_of_archive())
    assert "does not belong to recovery point 3" in refused(path)


def test_what_is_not_exactly_what_the_manifest_names_is_refused(sound: Path, tmp_path: Path) -> None:
    objects = objects_of(sound)
    first = next(iter(objects))
    less = {name: data for name, data in objects.items() if name != first}
    assert "its packs are not those that its manifest names" in refused(rebuilt(tmp_path / "less.tar", less))
    stray = f"packs/000000000000/{digest_of(b'stray').removeprefix('sha256:')}"
    more = dict(sorted({**objects, stray: b"stray"}.items(), key=lambda item: (item[0][:5] != "packs", item[0])))
    assert "its packs are not those that its manifest names" in refused(rebuilt(tmp_path / "more.tar", more))
    marked = {**less, first: objects[first]}
    manifest = marked.pop(manifest_name(CUT))
    ordered = dict(sorted(marked.items()))
    junk = {**ordered, "marks/000000000003/000001.json": b"{}", manifest_name(CUT): manifest}
    assert "marks/000000000003/000001.json" in refused(rebuilt(tmp_path / "mark.tar", junk))


def test_a_pack_of_other_bytes_is_refused_even_if_its_archive_is_well_made(sound: Path, tmp_path: Path) -> None:
    objects = objects_of(sound)
    listed = tuple(
        ArchivedObject(name=name, bytes=len(data), digest=Digest(digest_of(data))) for name, data in objects.items()
    )
    index = ArchiveIndex(cut=CUT, computation="shop", objects=listed)
    first = next(iter(objects))
    objects[first] = objects[first][:-1] + b"x"
    assert first in refused(rebuilt(tmp_path / "pack.tar", objects, index=index))


def test_a_manifest_whose_certificate_is_not_that_of_the_parts_is_refused(tmp_path: Path) -> None:
    backend = small_shop(MemoryBackend()).backend
    manifest = read_manifest(backend, CUT)
    forged = msgspec.structs.replace(manifest, certificate={**manifest.certificate, "in_flight": 7})
    backend.delete(manifest_name(CUT))
    backend.create(manifest_name(CUT), encode_manifest(forged))
    export_point(backend, CUT, tmp_path / "forged.tar")
    assert "its recovery point is not sound" in refused(tmp_path / "forged.tar")


def test_an_archive_of_a_newer_format_says_so(sound: Path, tmp_path: Path) -> None:
    with Archive(sound) as archive:
        index = msgspec.structs.replace(archive.index, format=2)
    path = rebuilt(tmp_path / "newer.tar", objects_of(sound), index=index)
    assert "is an archive of format version 2, this program reads version 1" in refused(path)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """What needs much more memory than there is in use now fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 1024 * 1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_a_length_that_is_only_claimed_takes_no_memory(tmp_path: Path, little_memory: None) -> None:
    path = tmp_path / "huge.tar"
    for claimed in (8 * 1024**3 - 1, 60 * 1024**2):
        path.write_bytes(header_of(INDEX_NAME, claimed) + b"\0" * 1024)
        assert "its index would have" in refused(path)
    pack = ArchivedObject(name="packs/000000000000/" + "a" * 64, bytes=8 * 1024**3, digest=Digest("sha256:" + "a" * 64))
    manifest = ArchivedObject(name=manifest_name(CUT), bytes=1, digest=Digest("sha256:" + "b" * 64))
    body = msgspec.json.encode(ArchiveIndex(cut=CUT, computation="shop", objects=(pack, manifest))) + b"\n"
    data = body + digest_of(body).encode() + b"\n"
    path.write_bytes(header_of(INDEX_NAME, len(data)) + data + padding_of(len(data)))
    os.truncate(path, 9 * 1024**3)  # a file with a hole is as long as it says
    assert "would have 8589934592 bytes" in refused(path)


def test_a_file_that_changes_while_it_is_read_is_damage(sound: Path) -> None:
    with Archive(sound) as archive:
        os.truncate(sound, 2048)
        with pytest.raises(CutpointError, match="the file has changed while it was read"):
            archive.read(manifest_name(CUT))


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.tar", tmp_path):
        assert "cannot be read" in refused(path)
