from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cutpoint.errors import ProtocolViolation
from cutpoint.names import CutNumber, Incarnation
from cutpoint.store import (
    Backend,
    DirectoryBackend,
    Manifest,
    MemoryBackend,
    Part,
    PointReport,
    list_manifests,
    manifest_name,
    part_name,
    publish_manifest,
    read_manifest,
    verify,
)

from .samples import PAYMENTS, manifest, part, small_store


def objects_of(backend: Backend, cut: CutNumber) -> set[str]:
    return {manifest_name(cut)} | {part_name(entry.object) for entry in read_manifest(backend, cut).parts}


def test_sound_points_are_good_and_every_byte_was_read() -> None:
    backend = MemoryBackend()
    cuts = small_store(backend)
    seen: list[PointReport] = []
    report = verify(backend, cuts, progress=seen.append)
    assert report.good == cuts
    assert report.complaints == ()
    assert tuple(seen) == report.points
    assert [point.parts for point in seen] == [2, 2, 2]
    assert sum(point.bytes_read for point in seen) == sum(backend.size(name) or 0 for name in backend.list("parts/"))


def removed(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def halved(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def flipped_first(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def flipped_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x80
    path.write_bytes(data)


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (removed, emptied, cut_short, halved, lengthened, flipped_first, flipped_middle, replaced_by_a_folder)


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_to_every_object_spoils_exactly_its_point_and_is_named(
    damage: Callable[[Path], None], tmp_path: Path
) -> None:
    count = len(small_store_objects(tmp_path / "count"))
    assert count == 9
    for index in range(count):
        backend = DirectoryBackend(tmp_path / str(index))
        cuts = small_store(backend)
        belongs = {name: cut for cut in cuts for name in objects_of(backend, cut)}
        name = sorted(belongs)[index]
        damage(backend.root / name)
        report = verify(backend, cuts)
        assert report.good == tuple(cut for cut in cuts if cut != belongs[name])
        (complaint,) = report.complaints
        assert complaint.startswith(f"cut {belongs[name]}: ")
        assert f"object {name} " in complaint
        assert complaint.isprintable()


def small_store_objects(root: Path) -> tuple[str, ...]:
    backend = DirectoryBackend(root)
    small_store(backend)
    return backend.list("")


def test_two_damaged_objects_of_one_point_are_both_named(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path)
    cuts = small_store(backend)
    names = [part_name(entry.object) for entry in read_manifest(backend, CutNumber(2)).parts]
    for name in names:
        emptied(backend.root / name)
    report = verify(backend, cuts)
    assert report.good == (1, 3)
    assert [name in complaint for name, complaint in zip(names, report.complaints, strict=True)] == [True, True]


def test_a_point_that_the_registry_knows_and_the_store_does_not_is_named() -> None:
    backend = MemoryBackend()
    small_store(backend)
    report = verify(backend, (CutNumber(1), CutNumber(7)))
    assert report.good == (1,)
    assert "cut 7: object manifests/000000000007.json is not in" in report.complaints[0]


def test_a_sound_object_of_another_point_does_not_pass() -> None:
    backend = MemoryBackend()
    small_store(backend, cuts=1)
    other = manifest(2, (part(2), part(2, PAYMENTS)), backend)
    borrowed = read_manifest(backend, CutNumber(1)).parts[0]
    publish_manifest(backend, msgspec.structs.replace(other, parts=(borrowed, other.parts[1])))
    report = verify(backend, list_manifests(backend))
    assert report.good == (1,)
    (complaint,) = report.complaints
    assert part_name(borrowed.object) in complaint
    assert "has another cut than its manifest" in complaint


def test_what_the_manifest_says_of_a_part_must_be_what_the_part_says() -> None:
    backend = MemoryBackend()
    made = manifest(1, (part(1),), backend, incarnation=Incarnation(2))
    wrong = msgspec.structs.replace(made.parts[0], in_flight_messages=99, bytes=3)
    publish_manifest(backend, msgspec.structs.replace(made, parts=(wrong,)))
    (complaint,) = verify(backend, (CutNumber(1),)).complaints
    assert "has another incarnation, bytes, in_flight_messages than its manifest" in complaint


def test_the_certificate_is_computed_again_from_the_parts_themselves() -> None:
    backend = MemoryBackend()
    cuts = small_store(backend)
    asked: list[tuple[CutNumber, tuple[Part, ...]]] = []

    def recheck(manifest: Manifest, parts: tuple[Part, ...]) -> tuple[str, ...]:
        asked.append((manifest.cut, parts))
        if manifest.cut == 3:
            raise ProtocolViolation("no certificate")
        return ("orders->payments: 8 sent, 7 received",) if manifest.cut == 2 else ()

    report = verify(backend, cuts, recheck)
    assert report.good == (1,)
    assert "object manifests/000000000002.json in memory:unnamed: orders->payments: 8 sent" in report.complaints[0]
    assert "object manifests/000000000003.json in memory:unnamed: no certificate" in report.complaints[1]
    assert asked == [(cut, (part(cut), part(cut, PAYMENTS))) for cut in cuts]


def test_a_point_with_damaged_parts_is_not_rechecked() -> None:
    backend = MemoryBackend()
    cuts = small_store(backend, cuts=1)
    backend.delete(backend.list("parts/")[0])

    def recheck(_manifest: Manifest, parts: tuple[Part, ...]) -> tuple[str, ...]:
        return (f"asked about {len(parts)} parts",)

    assert len(verify(backend, cuts, recheck).complaints) == 1


def test_a_part_longer_than_allowed_is_reported_and_not_read() -> None:
    backend = MemoryBackend()
    cuts = small_store(backend, cuts=1)
    report = verify(backend, cuts, part_bytes_max=10)
    assert report.good == ()
    assert all("10 are allowed" in complaint for complaint in report.complaints)
