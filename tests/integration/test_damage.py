"""The newest recovery point is damaged, object by object: a recovery goes to the newest that is good, and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cutpoint.names import CutNumber
from cutpoint.store import Backend, list_manifests, manifest_name, open_backend, read_manifest
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.service import Service
from tests.coordinator.conftest import Serve
from tests.coordinator.test_cuts import Ask
from tests.integration.fleet import living
from tests.integration.journal import Journal

Damage = Callable[[Path], None]


def remove(path: Path) -> None:
    path.unlink()


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def packs_of(backend: Backend, cut: int) -> dict[str, None]:
    """The packs of all parts, in order."""
    parts = read_manifest(backend, CutNumber(cut)).parts
    return dict.fromkeys(pack.name() for part in parts for pack in part.packs)


def fresh_objects(backend: Backend, cut: int, before: int) -> Iterator[str]:
    """What ``cut`` needs and the recovery point before it does not."""
    yield manifest_name(CutNumber(cut))
    known = packs_of(backend, before)
    yield from (name for name in packs_of(backend, cut) if name not in known)


async def two_points(client: CoordinatorClient, journals: list[Journal]) -> tuple[list[int], int, int]:
    """Two recovery points, some entries apart, and more entries after them: the positions of the first, and both."""
    for journal in journals:
        journal.write(20)
    first, positions = (await client.cut()).cut, [journal.position.value for journal in journals]
    for journal in journals:
        journal.write(20)
    second = (await client.cut()).cut
    for journal in journals:
        journal.write(20)
    return positions, first, second


def told(service: Service, kind: str) -> list[str]:
    return [notice.text for notice in service.notices.latest() if notice.kind == kind]


@pytest.mark.parametrize("damage", [remove, cut_short, flip])
async def test_whichever_object_of_the_newest_point_is_damaged_the_one_before_is_restored(
    damage: Damage, serve: Serve, ask: Ask, store: Path, record_count: Callable[[str, object], None]
) -> None:
    service, backend = await serve(), open_backend(str(store))
    client = await ask(service.url)
    journals = [Journal(service.url, name=name, padding=2000) for name in ("here", "there")]
    async with living(journals[0].agent), living(journals[1].agent):
        number = count = 0
        while True:
            positions, good, newest = await two_points(client, journals)
            objects = list(fresh_objects(backend, newest, good))
            if number == len(objects):
                break
            name = objects[number]
            damage(store / name)
            recovery = await client.recover()
            assert (recovery.state, recovery.cut) == ("done", good), name
            for journal, position in zip(journals, positions, strict=True):
                await journal.until_back(recovery.incarnation)
                journal.check(position)
            (said,) = [text for text in told(service, "recovery point damaged") if f"point {newest} could" in text]
            assert name in said, (name, said)
            listed = {point.cut: point.damaged for point in (await client.points()).points}
            assert name in listed[newest]
            number, count = number + 1, count + 1
        assert count >= 3
        assert (await client.verify(newest)).sound
    record_count(f"objects of the newest point, {damage.__name__}", count)


async def test_an_object_that_several_points_need_spoils_them_all_and_an_older_one_is_found(
    serve: Serve, ask: Ask, store: Path
) -> None:
    service, backend = await serve(), open_backend(str(store))
    client = await ask(service.url)
    journal = Journal(service.url, padding=4000)
    async with living(journal.agent):
        journal.write(300)
        position = journal.position.value
        oldest = (await client.cut()).cut
        needed: dict[str, list[int]] = {}
        while True:
            journal.write(5)
            cut = (await client.cut()).cut
            for name in packs_of(backend, cut):
                needed.setdefault(name, []).append(cut)
            shared = [name for name, cuts in needed.items() if cuts[-3:] == [cut - 2, cut - 1, cut]]
            shared = [name for name in shared if name not in packs_of(backend, oldest)]
            if shared:
                break
        remove(store / shared[0])
        good = max(each for each in list_manifests(backend) if shared[0] not in packs_of(backend, each))
        recovery = await client.recover()
        assert (recovery.state, recovery.cut) == ("done", good)
        await journal.until_back(recovery.incarnation)
        journal.check(position + 5 * (good - oldest))
        assert len(told(service, "recovery point damaged")) == cut - good >= 3


async def test_if_nothing_good_is_left_nobody_is_changed_and_it_says_what_to_do(
    serve: Serve, ask: Ask, store: Path
) -> None:
    service = await serve()
    client = await ask(service.url)
    journal = Journal(service.url)
    async with living(journal.agent):
        journal.write(20)
        await client.cut()
        journal.write(20)
        flip(store / manifest_name(CutNumber(1)))
        recovery = await client.recover()
        assert recovery.state == "failed"
        assert "no older one is left; no process was changed" in recovery.reason
        journal.check(40)
