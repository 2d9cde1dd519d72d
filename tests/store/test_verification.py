from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cutpoint.errors import Damaged, StoreError, UsageError
from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PartSummary
from cutpoint.store import (
    Backend,
    DirectoryBackend,
    Manifest,
    MemoryBackend,
    digest_of,
    list_manifests,
    manifest_name,
    publish_manifest,
    read_manifest,
)
from cutpoint.store.caching import CachingBackend
from cutpoint.store.documents import close_document, write_body
from cutpoint.store.heads import summarise
from cutpoint.store.keys import KeyRing
from cutpoint.store.replicate import Replicator
from cutpoint.store.survey import needed_by
from cutpoint.store.verification import Progress, Stopped, Verification, Verifier

from .histories import History, copy_of
from .part_samples import small_part
from .test_collect import collector, lived

ONE = CutNumber(1)


@pytest.fixture(scope="module")
def history() -> History:
    return lived(12)


def needs(history: History) -> dict[str, tuple[CutNumber, ...]]:
    """Which cuts need each object, manifests included."""
    manifests = [read_manifest(history.backend, cut) for cut in list_manifests(history.backend)]
    packs = {name: tuple(need.cuts) for name, need in needed_by(manifests).items()}
    return packs | {manifest_name(cut): (cut,) for cut in history.contents}


def replace(backend: Backend, name: str, data: bytes | None) -> None:
    backend.delete(name)
    if data is not None:
        backend.create(name, data)


def blamed(found: Verification) -> dict[str, tuple[CutNumber, ...]]:
    return {name: cuts for name, (_, cuts) in found.objects.items()}


@pytest.mark.parametrize("full", [False, True], ids=["quick", "full"])
def test_a_sound_store_is_good_and_every_byte_was_read(history: History, full: bool) -> None:
    found = getattr(Verifier(backend=history.backend), "full" if full else "quick")()
    assert found.good == tuple(history.contents)
    assert (found.damaged, found.complaints, found.sealed, found.full) == ((), (), 0, full)
    packs = {name for name in needs(history) if name.startswith("packs/")}
    expected = sum(history.backend.size(name) or 0 for name in packs) if full else 0
    assert found.bytes_read == expected
    assert found.points[-1].objects > found.points[0].objects


def ways(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Every way in which an object is damaged here."""
    yield "removed", None
    yield "emptied", b""
    yield "cut short", data[:-1]
    yield "longer", data + b"\0"
    for place in (0, len(data) // 2, len(data) - 1):
        flipped = bytearray(data)
        flipped[place] ^= 1
        yield f"altered at {place}", bytes(flipped)


def test_damage_to_any_object_spoils_exactly_the_points_that_need_it_and_is_named(
    history: History, record_count: Callable[[str, object], None]
) -> None:
    backend = copy_of(history.backend)
    verifier, damages = Verifier(backend=backend), 0
    for name, cuts in needs(history).items():
        sound = backend.read(name)
        for way, data in ways(sound):
            damages += 1
            replace(backend, name, data)
            full, quick = verifier.full(), verifier.quick()
            if name.startswith("manifests/") and data is None:
                assert cuts[0] not in (*full.good, *full.damaged)
                assert Verifier(backend=backend).full(cuts).damaged == cuts
            else:
                assert (blamed(full), full.damaged) == ({name: cuts}, cuts), way
                assert set(full.good) == set(history.contents) - set(cuts)
                (complaint,) = full.complaints
                assert complaint.startswith(f"object {name} in memory:copy ")
                assert complaint.isprintable()
                seen = not way.startswith("altered") or name.startswith("manifests/")
                assert blamed(quick) == ({name: cuts} if seen else {})
        replace(backend, name, sound)
    assert damages > 150
    record_count("damages to objects of a store", damages)


def test_several_damages_are_told_apart(history: History) -> None:
    backend = copy_of(history.backend)
    needed = needs(history)
    pack = max(needed, key=lambda name: len(needed[name]))
    replace(backend, pack, None)
    replace(backend, manifest_name(CutNumber(2)), b"x")
    found = Verifier(backend=backend).full()
    assert found.objects.keys() == {pack, manifest_name(CutNumber(2))}
    assert found.objects[pack] == ("is missing", tuple(cut for cut in needed[pack] if cut != 2))
    assert "is cut short or altered" in found.objects[manifest_name(CutNumber(2))][0]
    assert f"it spoils recovery points {', '.join(str(cut) for cut in needed[pack] if cut != 2)}" in "".join(
        found.complaints
    )


def test_each_object_is_read_once_however_many_points_share_it(history: History) -> None:
    class Counting(MemoryBackend):
        """Ranges of what is in memory are read as a whole."""

        read_bytes = 0
        lock = threading.Lock()

        def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
            data = super().read(name, bytes_max=bytes_max)
            with self.lock:
                self.read_bytes += len(data) * name.startswith("packs/")
            return data

    backend = Counting()
    for name in history.backend.list(""):
        backend.create(name, history.backend.read(name))
    found = Verifier(backend=backend).full()
    assert backend.read_bytes == found.bytes_read
    assert Verifier(backend=backend).full([CutNumber(12)]).bytes_read < found.bytes_read


def test_progress_is_told_in_bytes_up_to_the_end(history: History, tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path)
    for name in history.backend.list(""):
        backend.create(name, history.backend.read(name))
    told: list[Progress] = []
    found = Verifier(backend=backend, progress=told.append).full()
    assert [each.bytes_done for each in told] == sorted(each.bytes_done for each in told)
    assert {each.bytes_total for each in told} == {found.bytes_read}
    assert told[-1].bytes_done == found.bytes_read
    assert found.good == tuple(history.contents)


def test_called_off_it_ends_at_once(history: History) -> None:
    told: list[Progress] = []
    verifier = Verifier(backend=history.backend, progress=told.append, stop=lambda: len(told) >= 2)
    with pytest.raises(Stopped, match="called off; nothing was changed"):
        verifier.full()
    assert 2 <= len(told) < 8


def point(backend: Backend, **fields: Any) -> Manifest:
    """A manifest of one part, like the ones that a coordinator writes but for ``fields``."""
    history = History(backend, services=1)
    cut, summaries, _ = history.write()
    made = msgspec.structs.replace(history.manifest(cut, summaries), **fields)
    publish_manifest(backend, made)
    return made


@pytest.mark.parametrize(
    ("fields", "differing"),
    [({"computation": "other"}, "computation"), ({"incarnation": 2}, "incarnation")],
)
def test_a_part_that_says_something_else_than_its_manifest_is_named(fields: dict[str, Any], differing: str) -> None:
    backend = MemoryBackend()
    made = point(backend, **fields)
    found = Verifier(backend=backend).full()
    head = made.parts[0].packs[-1].name()
    assert found.objects == {head: (f"says another {differing} than its manifest", (1,))}
    assert Verifier(backend=backend).quick().good == (1,)


def test_a_pack_that_is_no_part_spoils_only_the_point_that_takes_it_for_one() -> None:
    backend = MemoryBackend()
    history = History(backend, services=1)
    history.cut()
    history.change(3)
    two = history.cut()
    name = manifest_name(two)
    manifest = read_manifest(backend, two)
    (part,) = manifest.parts
    swapped = msgspec.structs.replace(part, packs=part.packs[::-1], object=part.packs[0].digest)
    backend.delete(name)
    publish_manifest(backend, msgspec.structs.replace(manifest, parts=(swapped,)))
    found = Verifier(backend=backend).full()
    assert found.damaged == (two,)
    assert found.good == (1,)


def test_a_manifest_that_does_not_name_its_packs_is_damaged_and_nothing_of_it_is_lost() -> None:
    backend = MemoryBackend()
    history = History(backend, services=1)
    for _ in range(12):
        history.change(3)
        history.cut()
    manifest = read_manifest(backend, ONE)
    (part,) = manifest.parts
    for strange in (
        msgspec.structs.replace(part, packs=()),
        msgspec.structs.replace(part, object=digest_of(b"something else")),
    ):
        forged = msgspec.structs.replace(manifest, parts=(strange,))
        with pytest.raises(UsageError, match="the last pack of service-0 is not its object"):
            publish_manifest(backend, forged)
        backend.delete(manifest_name(ONE))
        backend.create(manifest_name(ONE), close_document(write_body(forged), "manifest", None))
        for found in (Verifier(backend=backend).full(), Verifier(backend=backend).quick()):
            ((name, (what, cuts)),) = found.objects.items()
            assert (name, cuts) == (manifest_name(ONE), (1,))
            assert "the last pack of service-0 is not its object" in what
        collector(backend, "last 1").run()
        assert list_manifests(backend)[0] == 1
        replica = MemoryBackend("replica")
        (complaint,) = Replicator(source=backend, replica=replica).round().complaints
        assert "the last pack of service-0 is not its object" in complaint


def test_the_certificate_is_computed_again_from_what_the_parts_say(history: History) -> None:
    asked: list[tuple[CutNumber, tuple[str, ...]]] = []

    def recheck(manifest: Manifest, parts: tuple[PartSummary, ...]) -> tuple[str, ...]:
        asked.append((manifest.cut, tuple(part.process for part in parts)))
        assert all(part.cut == manifest.cut for part in parts)
        if manifest.cut == 3:
            raise Damaged("it holds no certificate")
        return ("a->b: one message is lost",) if manifest.cut == 2 else ()

    found = Verifier(backend=history.backend, recheck=recheck).full()
    assert asked == [(cut, ("service-0", "service-1")) for cut in history.contents]
    assert found.objects == {
        manifest_name(CutNumber(2)): ("says: a->b: one message is lost", (2,)),
        manifest_name(CutNumber(3)): ("says: it holds no certificate", (3,)),
    }


def test_sealed_parts_are_compared_without_the_key_and_looked_into_with_it() -> None:
    keys, backend = KeyRing.generate(sealing=True), MemoryBackend()
    part = small_part(backend, sealing=keys.sealing)
    history = History(MemoryBackend(), keys=keys)
    publish_manifest(backend, history.manifest(ONE, [summarise(part, 0.001)]), keys)
    assert (Verifier(backend=backend, keys=keys.public()).full().sealed, Verifier(backend=backend).full().sealed) == (
        1,
        1,
    )
    opened = Verifier(backend=backend, keys=keys).full()
    assert (opened.sealed, opened.good) == (0, (1,))
    name = part.pack.name()
    altered = bytearray(backend.read(name))
    altered[-20] ^= 1
    replace(backend, name, bytes(altered))
    for given in (None, keys):
        assert Verifier(backend=backend, keys=given).full().objects.keys() == {name}


def test_with_keys_a_manifest_that_nobody_trusted_has_signed_is_damaged(history: History) -> None:
    found = Verifier(backend=history.backend, keys=KeyRing.generate()).quick()
    assert found.damaged == tuple(history.contents)
    assert all("it is not signed" in what for what, _ in found.objects.values())


def test_what_a_cache_still_has_is_no_excuse(history: History, tmp_path: Path) -> None:
    store = copy_of(history.backend)
    cached = CachingBackend(store, tmp_path, bytes_max=1_000_000, prefixes=("packs/",))
    pack = store.list("packs/")[0]
    sound = cached.read(pack)
    replace(store, pack, sound[:-1] + b"?")
    assert cached.read(pack) == sound
    assert Verifier(backend=cached).full().objects.keys() == {pack}


def test_a_store_that_cannot_be_listed_is_no_damage() -> None:
    class Gone(MemoryBackend):
        def list(self, prefix: str) -> tuple[str, ...]:
            raise StoreError("the store is gone")

    with pytest.raises(StoreError, match="the store is gone"):
        Verifier(backend=Gone()).full()


def test_an_empty_store_has_nothing_to_verify() -> None:
    found = Verifier(backend=MemoryBackend()).full()
    assert (found.points, found.bytes_read) == ((), 0)
