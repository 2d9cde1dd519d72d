from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cutpoint.errors import Damaged, ObjectExists
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.consistency import certify
from cutpoint.protocol.coordinator_effects import WriteManifest
from cutpoint.protocol.cut_records import draft
from cutpoint.protocol.messages import PartSummary
from cutpoint.store import Backend, DirectoryBackend, Manifest, MemoryBackend, directory, publish_manifest
from cutpoint_coordinator.checking import certificate_of, check_parts, readers, verify_points
from cutpoint_coordinator.publishing import find_point, find_points, manifest_of, write_manifest
from tests.parts import Draft

CUT = CutNumber(3)
NOW = "2026-11-23T12:00:00+00:00"


def part(process: str, data: bytes = b"\xc0", computation: str = "shop") -> Draft:
    return Draft(
        process=ProcessName(process),
        incarnation=Incarnation(2),
        cut=CUT,
        computation=computation,
        values={"v": data},
        boundary=("browser",),
    )


def stored(backend: Backend, *parts: Draft) -> tuple[PartSummary, ...]:
    return tuple(each.write(backend, 0.25) for each in parts)


def asked(summaries: tuple[PartSummary, ...]) -> WriteManifest:
    members = tuple(summary.process for summary in summaries)
    certificate = certify(cut=CUT, incarnation=Incarnation(2), members=members, summaries=summaries, computation="shop")
    assert isinstance(certificate, Certificate)
    left = (ProcessName("gone"),)
    point = draft(certificate, parent=CutNumber(1), parts=summaries, left=left, duration_seconds=1.5)
    return WriteManifest(point=point, certificate=certificate, parts=summaries)


def checked(backend: Backend, computation: str, parts: tuple[PartSummary, ...]) -> tuple[str, ...]:
    with readers() as some:
        return check_parts(backend, computation, parts, readers=some).complaints


def test_the_manifest_gives_back_all_that_the_registry_would_have_said() -> None:
    backend = MemoryBackend("m")
    effect = asked(stored(backend, part("ledger"), part("till")))
    assert find_point(backend, CUT) is None

    written = write_manifest(backend, effect, created=NOW)

    complete = msgspec.structs.replace(
        effect.point, manifest=written.digest, bytes=effect.point.bytes + written.bytes, created=written.created
    )
    assert find_point(backend, CUT) == complete
    assert certificate_of(manifest_of(effect, written.created)) == effect.certificate
    assert verify_points(backend, [CUT]).sound


def test_what_is_found_is_durable_before_anybody_hears_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer may have been killed before it had flushed the folder (seed 23680 of three coordinators)."""
    write_manifest(DirectoryBackend(tmp_path), asked(stored(DirectoryBackend(tmp_path), part("ledger"))), created=NOW)
    flushed: list[Path] = []
    monkeypatch.setattr(directory, "_flush_folder", flushed.append)
    assert find_point(DirectoryBackend(tmp_path), CUT) is not None
    assert tmp_path / "manifests" in flushed
    flushed.clear()
    assert find_points(DirectoryBackend(tmp_path), "shop").last == CUT
    assert tmp_path / "manifests" in flushed


def test_a_number_that_was_used_before_is_refused() -> None:
    backend = MemoryBackend("m")
    write_manifest(backend, asked(stored(backend, part("ledger"))), created=NOW)
    with pytest.raises(ObjectExists):
        write_manifest(backend, asked(stored(backend, part("ledger", b"\xc2"))), created=NOW)


def test_how_long_a_process_held_up_or_waited_is_said_beside_its_part_and_not_in_it() -> None:
    backend = MemoryBackend("m")
    (summary,) = stored(backend, part("ledger"))
    assert checked(backend, "shop", (msgspec.structs.replace(summary, stall_seconds=2, waited_seconds=3),)) == ()


def test_a_sound_part_that_says_something_else_than_was_reported_is_one_complaint() -> None:
    backend = MemoryBackend("m")
    ledger, till = stored(backend, part("ledger"), part("till"))
    assert checked(backend, "shop", (ledger, till)) == ()
    replace = msgspec.structs.replace
    for changed, told in (
        (replace(ledger, in_flight_messages=1), "ledger: its part has another in_flight_messages than it reported"),
        (replace(ledger, boundary=()), "ledger: its part has another boundary than it reported"),
        (replace(ledger, life=Life("y")), "ledger: its part has another life than it reported"),
        (
            replace(ledger, object=till.object, bytes=ledger.bytes + 1),
            "ledger: its part has another object, bytes than it reported",
        ),
        (
            replace(ledger, packs=till.packs, bytes=till.bytes, fresh_bytes=till.fresh_bytes),
            "ledger: its part has another process, object than it reported",
        ),
        (replace(ledger, packs=()), "ledger: its part names no packs"),
    ):
        assert checked(backend, "shop", (changed, till)) == (told,)
    assert checked(backend, "bank", (ledger,)) == ("ledger: its part is of computation 'shop', this is 'bank'",)


def _other_cut(manifest: Manifest) -> dict[str, object]:
    return {**manifest.certificate, "cut": 2}


def _one_more(manifest: Manifest) -> dict[str, object]:
    return {**manifest.certificate, "in_flight": 7}


def _none(_: Manifest) -> dict[str, object]:
    return {"cut": 3}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_other_cut, "its certificate is that of another cut"),
        (_one_more, "the certificate's lists or totals do not agree with its channels and parts"),
        (_none, "the manifest of cut 3 holds no certificate"),
    ],
)
def test_a_certificate_that_the_parts_do_not_bear_out_is_damage(change: object, told: str) -> None:
    backend = MemoryBackend("m")
    manifest = manifest_of(asked(stored(backend, part("ledger"))), "2026-01-01T00:00:00+00:00")
    assert callable(change)
    publish_manifest(backend, msgspec.structs.replace(manifest, certificate=change(manifest)))

    (point,) = verify_points(backend, [CUT]).points

    (complaint,) = point.complaints
    assert (point.sound, told in complaint) == (False, True)


def test_a_manifest_without_a_certificate_is_damaged() -> None:
    backend = MemoryBackend("m")
    manifest = manifest_of(asked(stored(backend, part("ledger"))), "2026-01-01T00:00:00+00:00")
    with pytest.raises(Damaged, match="holds no certificate"):
        certificate_of(msgspec.structs.replace(manifest, certificate={}))
