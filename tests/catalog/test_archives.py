from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutpoint.catalog.archive import Archive
from cutpoint.catalog.archive_format import INDEX_NAME
from cutpoint.catalog.differences import compare_points
from cutpoint.catalog.exporting import export_point
from cutpoint.catalog.importing import Imported, import_point
from cutpoint.catalog.points import describe_point, list_points
from cutpoint.catalog.queries import Query, StateName
from cutpoint.errors import (
    ConfigurationError,
    Damaged,
    NotAuthentic,
    ObjectExists,
    ObjectMissing,
    StoreError,
    UsageError,
)
from cutpoint.names import CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.directory import DirectoryBackend
from cutpoint.store.keys import KeyRing
from cutpoint.store.manifests import manifest_name, read_manifest
from cutpoint.store.marks import add_mark, condemn, read_marks
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.survey import packs_of
from cutpoint.store.verification import Verifier
from cutpoint.testing.interrupted import every_crash
from tests.catalog.stores import Service, Shop, recheck_certificate, small_shop

AT = datetime(2026, 1, 1, tzinfo=UTC)
TWO, THREE = CutNumber(2), CutNumber(3)


def objects(backend: Backend) -> dict[str, bytes]:
    return {name: backend.read(name) for name in backend.list("")}


def marked_shop(backend: Backend, keys: KeyRing | None = None) -> Shop:
    shop = small_shop(backend, keys=keys)
    add_mark(backend, THREE, "label", label="release-7", by="ada", at=AT, keys=keys)
    add_mark(backend, THREE, "pin", by="ada", at=AT, keys=keys)
    return shop


def bring(path: Path, backend: Backend, keys: KeyRing | None = None, *, ahead: bool = False) -> Imported:
    with Archive(path) as archive:
        return import_point(archive, backend, recheck=recheck_certificate, keys=keys, ahead=ahead)


def sound(backend: Backend, keys: KeyRing | None = None) -> tuple[CutNumber, ...]:
    return Verifier(backend=backend, keys=keys, recheck=recheck_certificate).full().good


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Recovery point 3 of a small shop, with its marks, as a file."""
    shop = marked_shop(MemoryBackend())
    path = tmp_path / "point-3.tar"
    export_point(shop.backend, THREE, path)
    return path


def test_what_was_exported_is_the_same_recovery_point_where_it_was_imported(tmp_path: Path) -> None:
    shop = marked_shop(DirectoryBackend(tmp_path / "store"))
    steps: list[tuple[int, int]] = []
    path = tmp_path / "point-3.tar"
    export_point(shop.backend, THREE, path, progress=lambda done, total: steps.append((done, total)))
    assert steps[-1][0] == steps[-1][1]
    assert sorted(os.listdir(tmp_path)) == ["point-3.tar", "store"]
    other = DirectoryBackend(tmp_path / "other")
    report = bring(path, other)
    assert (report.cut, report.computation, report.marks, report.already) == (3, "shop", "taken", False)
    assert report.written == report.packs
    assert objects(other) == {name: data for name, data in objects(shop.backend).items() if name in objects(other)}, (
        "byte for byte what the first store has"
    )
    assert sound(other) == (3,)
    (point,) = list_points(other)
    assert (point.labels, point.pinned) == (("release-7",), True)
    entry = Query(other, THREE, StateName.parse("till/stock")).find(("item-3",))
    assert entry is not None
    assert entry.value == 33


def test_any_tar_program_unpacks_an_archive(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", str(exported), "-C", str(tmp_path / "unpacked")], check=True)
    with tarfile.open(exported) as archive:
        names = archive.getnames()
    unpacked = {path.relative_to(tmp_path / "unpacked").as_posix() for path in (tmp_path / "unpacked").rglob("*.*")}
    assert {name for name in names if "." in name} <= unpacked
    assert names[0] == INDEX_NAME
    assert names[-1] == manifest_name(THREE)
    assert [name.split("/")[0] for name in names[1:-1]] == ["packs"] * (len(names) - 4) + ["marks", "marks"]
    assert sound(DirectoryBackend(tmp_path / "unpacked")) == (3,)


def test_an_archive_is_a_store_to_whatever_reads_one(exported: Path) -> None:
    with Archive(exported) as archive:
        assert describe_point(archive, THREE).labels == ("release-7",)
        assert compare_points(archive, THREE, THREE).same
        assert archive.sizes("manifests/") == ((manifest_name(THREE), archive.size(manifest_name(THREE))),)
        with pytest.raises(UsageError, match="is an archive; import it"):
            archive.create("a", b"")
        with pytest.raises(UsageError, match="is an archive; delete the file"):
            archive.delete("a")
        with pytest.raises(ConfigurationError, match="is an archive and cannot be written to"):
            archive.check_writable()
        with pytest.raises(ObjectMissing):
            archive.read(manifest_name(TWO))
        with pytest.raises(Damaged):
            archive.read_range(manifest_name(THREE), 0, 10**9)


def test_the_same_recovery_point_makes_the_same_archive(tmp_path: Path) -> None:
    shop = marked_shop(MemoryBackend())
    for name in ("one.tar", "two.tar"):
        export_point(shop.backend, THREE, tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    shop = small_shop(MemoryBackend())
    path = tmp_path / "point.tar"
    path.write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match="is there already; nothing was overwritten; name a new file"):
        export_point(shop.backend, THREE, path)
    with pytest.raises(StoreError, match="No such file or directory; nothing half-written is left"):
        export_point(shop.backend, THREE, tmp_path / "nowhere" / "point.tar")
    assert [file.name for file in tmp_path.iterdir()] == ["point.tar"]
    assert path.read_bytes() == b"mine"


def test_no_archive_is_made_of_what_is_damaged_dropped_or_not_there(tmp_path: Path) -> None:
    backend = MemoryBackend()
    small_shop(backend)
    with pytest.raises(ObjectMissing, match="no recovery point 9"):
        export_point(backend, CutNumber(9), tmp_path / "a.tar")
    condemn(backend, read_marks(backend, TWO), by="collect", at=AT)
    with pytest.raises(UsageError, match="recovery point 2 is being dropped from memory:unnamed by a collection"):
        export_point(backend, TWO, tmp_path / "b.tar")
    pack = backend.list("packs/")[0]
    data = backend.read(pack)
    backend.delete(pack)
    with pytest.raises(ObjectMissing, match=pack):
        export_point(backend, THREE, tmp_path / "c.tar")
    backend.create(pack, data[:-1] + b"x")
    with pytest.raises(Damaged, match="is not what its digest says; no archive was written"):
        export_point(backend, THREE, tmp_path / "d.tar")
    assert list(tmp_path.iterdir()) == []


def test_an_import_that_dies_at_any_moment_leaves_no_damaged_recovery_point_and_is_simply_repeated(
    exported: Path, record_count: Callable[[str, object], None]
) -> None:
    crashes = 0
    for crash in every_crash(MemoryBackend, lambda store: bring(exported, store)):
        assert sound(crash.store) == tuple(point.cut for point in list_points(crash.store))
        bring(exported, crash.store)
        assert sound(crash.store) == (3,)
        assert crash.store.list("copying/") == ()
        crashes += not crash.finished
    record_count("moments at which an import was killed", crashes)
    assert crashes > 5


def test_importing_again_writes_only_what_is_missing(exported: Path) -> None:
    backend = MemoryBackend()
    first = bring(exported, backend)
    again = bring(exported, backend)
    assert (again.already, again.written, again.packs) == (True, 0, first.packs)
    pack = backend.list("packs/")[0]
    backend.delete(pack)
    assert bring(exported, backend).written == 1
    assert sound(backend) == (3,)


def test_another_manifest_of_the_same_number_is_a_refusal(exported: Path) -> None:
    till = Service("till")
    other = Shop(MemoryBackend(), till)
    for _ in range(3):
        other.take_cut()
    before = objects(other.backend)
    with pytest.raises(
        ObjectExists, match="is another manifest; nothing was overwritten; import the archive into anoth"
    ):
        bring(exported, other.backend)
    assert objects(other.backend) == before


def test_a_number_that_a_running_computation_needs_is_taken_only_when_somebody_says_so(exported: Path) -> None:
    running = Shop(MemoryBackend(), Service("till"))
    running.take_cut()
    before = objects(running.backend)
    with pytest.raises(ConfigurationError, match=r"recovery point 3 is ahead of .* whose newest is 1.*--ahead"):
        bring(exported, running.backend)
    assert objects(running.backend) == before
    bring(exported, running.backend, ahead=True)
    assert sound(running.backend) == (1, 3)


def test_a_recovery_point_that_was_dropped_comes_back(tmp_path: Path) -> None:
    shop = marked_shop(MemoryBackend())
    export_point(shop.backend, TWO, tmp_path / "two.tar")
    shop.backend.delete(manifest_name(TWO))
    needed = {name for cut in (1, 3) for name in packs_of(read_manifest(shop.backend, CutNumber(cut)))}
    for name in shop.backend.list("packs/"):
        if name not in needed:
            shop.backend.delete(name)
    report = bring(tmp_path / "two.tar", shop.backend)
    assert 0 < report.written < report.packs
    assert sound(shop.backend) == (1, 2, 3)


def test_a_pack_that_nothing_names_is_not_relied_on(exported: Path) -> None:
    backend = MemoryBackend()
    with Archive(exported) as archive:
        pack = archive.list("packs/")[0]
        backend.create(pack, archive.read(pack))
    with pytest.raises(UsageError, match="no recovery point needs it: a collection may be about to delete it"):
        bring(exported, backend)
    assert backend.list("") == (pack,)


def test_what_a_collection_is_dropping_and_what_is_a_replica_is_not_imported_into(tmp_path: Path) -> None:
    shop = small_shop(MemoryBackend())
    export_point(shop.backend, TWO, tmp_path / "two.tar")
    condemn(shop.backend, read_marks(shop.backend, TWO), by="collect", at=AT)
    shop.backend.delete(manifest_name(TWO))
    with pytest.raises(UsageError, match="let `cutpoint collect` end first"):
        bring(tmp_path / "two.tar", shop.backend)
    replica = MemoryBackend()
    replica.create("replica.json", b"{}")
    with pytest.raises(ConfigurationError, match="is kept in step with another store"):
        bring(tmp_path / "two.tar", replica)


def test_a_store_of_another_computation_takes_nothing(exported: Path) -> None:
    other = Shop(MemoryBackend(), Service("till"), computation="bank")
    for _ in range(5):
        other.take_cut()
    other.backend.delete(manifest_name(THREE))
    with pytest.raises(
        ConfigurationError, match="of computation 'bank', the archive is of 'shop'; nothing was imported"
    ):
        bring(exported, other.backend)


def test_labels_that_the_store_has_of_its_own_are_kept(exported: Path) -> None:
    backend = MemoryBackend()
    bring(exported, backend)
    add_mark(backend, THREE, "unpin", by="bob", at=AT)
    assert bring(exported, backend).marks == "taken", "they are what the archive has, and more"
    shop = small_shop(MemoryBackend())
    add_mark(shop.backend, THREE, "label", label="mine", by="bob", at=AT)
    assert bring(exported, shop.backend).marks == "kept"
    assert read_marks(shop.backend, THREE).labels == ("mine",)


def test_signed_and_sealed_recovery_points_stay_so_on_their_way(tmp_path: Path) -> None:
    keys, strangers = KeyRing.generate(sealing=True), KeyRing.generate()
    shop = marked_shop(MemoryBackend(), keys)
    path = tmp_path / "point.tar"
    export_point(shop.backend, THREE, path, keys=keys)
    with pytest.raises(NotAuthentic):
        bring(path, MemoryBackend(), strangers)
    backend = MemoryBackend()
    bring(path, backend, keys)
    assert sound(backend, keys) == (3,)
    assert b"item-3" not in path.read_bytes()
    without = MemoryBackend()
    bring(path, without)
    assert objects(without) == objects(backend), "who has no key may carry it"
