"""Pickled state is restored only if a trusted key vouches for it: what somebody else has put there never runs."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cutpoint.errors import ConfigurationError
from cutpoint.names import CutNumber, Life
from cutpoint.protocol.messages import PackRef
from cutpoint.store import (
    Backend,
    KeyRing,
    Manifest,
    MemoryBackend,
    PartWriter,
    encode_manifest,
    manifest_name,
    manifest_part,
    open_backend,
    read_manifest,
)
from cutpoint_agents import Agent
from cutpoint_coordinator.registry import MemoryRegistry
from cutpoint_coordinator.service import Service
from tests.agents.rig import IMPATIENT, until
from tests.coordinator.conftest import Serve
from tests.coordinator.test_cuts import Ask
from tests.integration.fleet import living

Forge = Callable[[Backend, Path, CutNumber, bytes], None]


class Bomb:
    """Whoever unpickles it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> Any:
        return os.mkdir, (self.folder,)


class Keeper:
    """A service whose state only pickle can keep."""

    def __init__(self, url: str, keys: Path | KeyRing | None, *, format_: str = "pickle") -> None:
        self.agent = Agent("keeper", coordinator=url, settings=IMPATIENT, keys=keys)
        self.shares = self.agent.value("shares", Fraction(1), format=format_)
        self.table = self.agent.table("table", format=format_)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[str, Path]:
    """The files for the coordinator, and for agents."""
    ring = KeyRing.generate(created="2026-11-23T12:00:00Z")
    ring.save(tmp_path / "keys.json")
    ring.public().save(tmp_path / "public.json")
    return str(tmp_path / "keys.json"), tmp_path / "public.json"


def told(service: Service, kind: str) -> list[str]:
    return [notice.text for notice in service.notices.latest() if notice.kind == kind]


# ---------------------------------------------------------------------------------------------------------- forgeries


def bombed(manifest: Manifest, bomb: bytes) -> tuple[Manifest, PackRef, bytes]:
    """The manifest with another part, in which all states are the bomb; every digest fits."""
    aside, real = MemoryBackend(), manifest.parts[0]
    writer = PartWriter(
        aside,
        process=real.process,
        life=Life("x"),
        incarnation=manifest.incarnation,
        cut=manifest.cut,
        computation=manifest.computation,
        era=CutNumber(manifest.cut - 1),
        base=None,
    )
    writer.begin_state("shares", "value", 1, "pickle")
    writer.add_content(bomb)
    writer.end_state()
    writer.begin_state("table", "table", 1, "pickle")
    writer.begin_run("base")
    writer.add(len(bomb).to_bytes(4, "big") + bomb, 1)
    writer.end_run()
    writer.end_state()
    summary = writer.finish((), (), 0.0)
    forged = msgspec.structs.replace(manifest, parts=(manifest_part(summary),))
    return forged, summary.packs[-1], aside.read(summary.packs[-1].name())


def put(backend: Backend, name: str, data: bytes) -> None:
    backend.delete(name)
    backend.create(name, data)


def unsigned(backend: Backend, folder: Path, cut: CutNumber, bomb: bytes) -> None:
    manifest, pack, data = bombed(read_manifest(backend, cut), bomb)
    put(backend, pack.name(), data)
    put(backend, manifest_name(cut), encode_manifest(manifest))


def signed_by_another(backend: Backend, folder: Path, cut: CutNumber, bomb: bytes) -> None:
    manifest, pack, data = bombed(read_manifest(backend, cut), bomb)
    put(backend, pack.name(), data)
    put(backend, manifest_name(cut), encode_manifest(manifest, KeyRing.generate(created="2026-11-23T12:00:00Z")))


def old_signatures(backend: Backend, folder: Path, cut: CutNumber, bomb: bytes) -> None:
    """The forged body above the lines that vouched for the real one."""
    manifest, pack, data = bombed(read_manifest(backend, cut), bomb)
    real = backend.read(manifest_name(cut)).splitlines(keepends=True)
    made = encode_manifest(manifest).splitlines(keepends=True)
    put(backend, pack.name(), data)
    put(backend, manifest_name(cut), b"".join((*made[:-1], *real[-2:])))


def part_swapped(backend: Backend, folder: Path, cut: CutNumber, bomb: bytes) -> None:
    manifest = read_manifest(backend, cut)
    put(backend, manifest.parts[0].packs[-1].name(), bombed(manifest, bomb)[2])


def another_point_of_before(backend: Backend, folder: Path, cut: CutNumber, bomb: bytes) -> None:
    put(backend, manifest_name(cut), backend.read(manifest_name(CutNumber(cut - 1))))


@pytest.mark.parametrize("format_", ["pickle", "cloudpickle"])
@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (unsigned, "not authentic"),
        (signed_by_another, "not authentic"),
        (old_signatures, ""),
        (part_swapped, ""),
        (another_point_of_before, "is the manifest of cut 1"),
    ],
)
async def test_what_was_forged_never_runs_and_the_newest_authentic_point_is_restored_loudly(
    forge: Forge, why: str, format_: str, keys: tuple[str, Path], serve: Serve, ask: Ask, store: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "somebody ran the bomb"
    pickle.loads(pickle.dumps(Bomb(tmp_path / "the bomb works")))
    assert (tmp_path / "the bomb works").is_dir()
    service = await serve(keys=keys[0])
    client = await ask(service.url)
    keeper = Keeper(service.url, keys[1], format_=format_)
    async with living(keeper.agent):
        for share in (Fraction(1, 3), Fraction(1, 7)):
            keeper.shares.value = share
            keeper.table[1] = share
            assert (await client.cut()).state == "published"
    backend = open_backend(str(store))
    forge(backend, store, CutNumber(2), pickle.dumps(Bomb(marker), protocol=5))

    keeper = Keeper(service.url, keys[1], format_=format_)
    async with living(keeper.agent):
        assert (keeper.shares.value, dict(keeper.table)) == (Fraction(1, 3), {1: Fraction(1, 3)})
        (said,) = told(service, "recovery point damaged")
        assert "recovery point 2 could not be restored (keeper: " in said
        assert why in said
        assert (await client.cut()).cut == 3
        assert not (await client.verify(2)).sound
    assert not marker.exists()


async def two_points(serve: Serve, ask: Ask, keys: tuple[str, Path]) -> None:
    """A coordinator that is gone, and two recovery points of it."""
    service = await serve(keys=keys[0])
    client = await ask(service.url)
    keeper = Keeper(service.url, keys[1])
    async with living(keeper.agent):
        for share in (Fraction(1, 3), Fraction(1, 7)):
            keeper.shares.value = share
            assert (await client.cut()).state == "published"
    await service.stop()  # type: ignore[attr-defined]


@pytest.mark.parametrize("coordinator_verifies", [True, False])
async def test_if_the_registry_was_lost_too_the_signature_alone_stops_what_was_forged(
    coordinator_verifies: bool, keys: tuple[str, Path], serve: Serve, ask: Ask, store: Path, tmp_path: Path
) -> None:
    """Which part is the right one, only the store says then."""
    marker = tmp_path / "somebody ran the bomb"
    await two_points(serve, ask, keys)
    unsigned(open_backend(str(store)), store, CutNumber(2), pickle.dumps(Bomb(marker), protocol=5))

    service = await serve(registry=MemoryRegistry(), keys=keys[0] if coordinator_verifies else None)
    keeper = Keeper(service.url, keys[1])
    async with living(keeper.agent):
        assert keeper.shares.value == Fraction(1, 3)
    assert told(service, "manifest damaged" if coordinator_verifies else "recovery point damaged")
    assert not marker.exists()


async def test_the_bomb_is_armed_with_the_key_itself_it_runs(
    keys: tuple[str, Path], serve: Serve, ask: Ask, store: Path, tmp_path: Path
) -> None:
    """So what has stopped it elsewhere is that nobody else has the key."""
    marker = tmp_path / "somebody ran the bomb"
    await two_points(serve, ask, keys)
    backend = open_backend(str(store))
    manifest, pack, data = bombed(read_manifest(backend, CutNumber(2)), pickle.dumps(Bomb(marker), protocol=5))
    put(backend, pack.name(), data)
    put(backend, manifest_name(CutNumber(2)), encode_manifest(manifest, KeyRing.load(keys[0])))
    service = await serve(registry=MemoryRegistry(), keys=keys[0])
    async with living(Keeper(service.url, keys[1]).agent):
        assert marker.exists()


async def test_with_keys_pickled_state_comes_back_as_it_was(keys: tuple[str, Path], serve: Serve, ask: Ask) -> None:
    service = await serve(keys=keys[0])
    client = await ask(service.url)
    keeper = Keeper(service.url, keys[1])
    async with living(keeper.agent):
        keeper.shares.value = Fraction(22, 7)
        keeper.table.update({(1, 2): {Fraction(1)}, "b": None})
        await client.cut()
    keeper = Keeper(service.url, keys[1], format_="pickle")
    async with living(keeper.agent):
        assert (keeper.shares.value, dict(keeper.table)) == (Fraction(22, 7), {(1, 2): {Fraction(1)}, "b": None})


async def test_recovery_points_from_before_there_were_keys_are_not_restored_by_who_has_keys(
    keys: tuple[str, Path], serve: Serve, ask: Ask
) -> None:
    service = await serve()
    client = await ask(service.url)
    plain = Agent("keeper", coordinator=service.url, settings=IMPATIENT)
    held = plain.value("shares", 1)
    async with living(plain):
        held.value = 2
        await client.cut()
    careful = Agent("keeper", coordinator=service.url, settings=IMPATIENT, keys=keys[1])
    careful.value("shares", 1)
    careful._begin()
    assert careful._control is not None
    careful._control.start()
    await until(lambda: told(service, "recovery failed"))
    assert "no older one is left" in told(service, "recovery failed")[0]
    await careful._stop()


@pytest.mark.parametrize("format_", ["pickle", "cloudpickle"])
async def test_without_keys_that_verify_a_pickled_state_is_refused_at_the_start(format_: str, serve: Serve) -> None:
    service = await serve()
    only_sealing = KeyRing.generate(signing=None, sealing=True, created="2026-11-23T12:00:00Z")
    for keys in (None, only_sealing):
        keeper = Keeper(service.url, keys, format_=format_)
        with pytest.raises(ConfigurationError) as refused:
            await keeper.agent.__aenter__()
        assert "\n" not in str(refused.value)
        assert f"state 'shares' of keeper is kept as {format_}, and reading that runs what its bytes say" in str(
            refused.value
        )
        assert 'Agent(..., keys="public.json")' in str(refused.value)
    assert (await service.wait_leading()).core.ledger.members.members == {}
    lonely = Agent("keeper", coordinator=None)
    lonely.value("shares", Fraction(1), format=format_)
    async with lonely:
        pass


async def test_sealed_state_is_written_and_restored_by_who_has_the_key(
    serve: Serve, ask: Ask, store: Path, tmp_path: Path
) -> None:
    ring = KeyRing.generate(sealing=True, created="2026-11-23T12:00:00Z")
    ring.save(tmp_path / "keys.json")
    ring.public(sealing=True).save(tmp_path / "agents.json")
    service = await serve(keys=str(tmp_path / "keys.json"))
    client = await ask(service.url)
    keeper = Keeper(service.url, tmp_path / "agents.json")
    async with living(keeper.agent):
        keeper.table["secret"] = "the-treasure-is-under-the-oak"
        assert (await client.cut()).state == "published"
        assert (await client.verify()).sound
    packs = [path for path in (store / "packs").rglob("*") if path.is_file()]
    assert packs
    assert not any(b"the-treasure-is-under-the-oak" in path.read_bytes() for path in packs)
    keeper = Keeper(service.url, tmp_path / "agents.json")
    async with living(keeper.agent):
        assert keeper.table["secret"] == "the-treasure-is-under-the-oak"
