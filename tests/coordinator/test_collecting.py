"""The coordinator keeps its store: what retention does not keep goes, in the background and on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from cutpoint.errors import CutpointError, StoreUnavailable
from cutpoint.names import CutNumber
from cutpoint.store import Backend, DirectoryBackend, list_manifests, open_backend, publish_manifest, read_manifest
from cutpoint.store.caching import CachingBackend
from cutpoint.store.marks import read_marks
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.patience import Patience
from cutpoint_coordinator.service import Service
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.scripted import Scripted
from tests.coordinator.test_cuts import Ask


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def points_of(service: Service) -> list[int]:
    assert service.driver is not None
    return sorted(service.driver.core.ledger.points)


async def take_cuts(client: CoordinatorClient, agent: Scripted, count: int) -> None:
    for _ in range(count):
        agent.set_state(b"\xa3" + f"{len(agent.published):03}".encode()[-3:])
        assert (await client.cut()).state == "published"


def sound(backend: Backend) -> list[int]:
    return [read_manifest(backend, cut).cut for cut in list_manifests(backend)]


async def test_what_the_policy_does_not_keep_goes_after_cuts_by_itself(
    serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    service = await serve(keep="last 2, label release*", collect_seconds=0.05)
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 1)
    await client.mark(1, "label", label="release-1", by="ada")
    await take_cuts(client, ledger, 13)
    backend = open_backend(str(store))
    await until(lambda: list_manifests(backend) == (1, 13, 14))
    assert points_of(service) == [1, 13, 14]
    await until(lambda: not any(int(name.split("/")[1]) in range(1, 5) for name in backend.list("packs/")))
    await until(lambda: any(notice.kind == "store collected" for notice in service.notices.latest()))
    topology = await client.topology()
    assert topology.collection is not None
    assert topology.collection.policy == "last 2, label release*"
    assert topology.collection.last is not None
    assert topology.collection.last.failed == ""
    assert (await client.verify()).sound


async def test_a_collected_point_is_told_to_be_that_wherever_it_is_asked_for(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 4)
    answer = await client.collect("last 2", by="ada")
    assert (answer.done, answer.dropped) == (True, (1, 2))
    assert [point.cut for point in (await client.points()).points] == [3, 4]
    state = await client.cut_state(1)
    assert (state.state, state.reason) == ("collected", "it was a recovery point; retention kept it no longer")
    for question in (client.point(1), client.verify(1), client.recover(1), client.mark(1, "pin")):
        with pytest.raises(CutpointError, match="recovery point 1 was collected: retention kept it no longer"):
            await question


async def test_a_dry_run_says_what_would_go_and_why_the_rest_stays(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 3)
    await client.recover(1, wait=False)
    await ledger.until(lambda: ledger.restored == [1])
    await until(lambda: points_of(service) == [1, 2, 3])
    plan = await client.collect("last 1", dry_run=True)
    assert [(point.cut, point.keep, point.reasons) for point in plan.points] == [
        (1, True, ("what runs now descends from it",)),
        (2, False, ()),
        (3, True, ("it is the last published", "last 1")),
    ]
    assert (plan.done, points_of(service)) == (False, [1, 2, 3])


async def test_without_a_policy_only_one_that_is_named_is_carried_out(serve: Serve, ask: Ask) -> None:
    service = await serve()
    client = await ask(service.url)
    with pytest.raises(CutpointError, match="was not told what to keep; nothing was deleted; say it with --keep"):
        await client.collect()
    with pytest.raises(CutpointError, match="this does not say what to keep"):
        await client.collect("first 2")
    assert (await client.collection()).policy == ""


async def test_a_collection_waits_while_a_cut_is_open(serve: Serve, agents: Agents, ask: Ask, store: Path) -> None:
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 3)
    ledger.hold_parts = True
    await client.cut(wait=False)
    await ledger.until(lambda: bool(ledger.held))
    collecting = asyncio.create_task(client.collect("last 1"))
    await asyncio.sleep(0.3)
    assert (points_of(service), collecting.done()) == ([1, 2, 3], False)
    ledger.release_parts()
    assert (await collecting).dropped == (1, 2)
    await until(lambda: points_of(service) == [3, 4])
    assert sound(open_backend(str(store))) == [3, 4]


async def test_the_manifest_of_an_abandoned_cut_is_no_recovery_point_and_goes(
    serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    """A coordinator that led no more has written it late."""
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 2)
    ledger.hold_parts = True
    await client.cut(wait=False)
    await ledger.until(lambda: bool(ledger.held))
    await ledger.vanish()
    await until(lambda: service.driver and 3 in service.driver.core.ledger.abandoned)
    manifest = read_manifest(open_backend(str(store)), CutNumber(2))
    late = msgspec.structs.replace(manifest, cut=CutNumber(3), parent=CutNumber(2))
    publish_manifest(open_backend(str(store)), late)
    answer = await client.collect("last 9")
    assert answer.dropped == (3,)
    assert list_manifests(open_backend(str(store))) == (1, 2)


async def test_labels_and_pins_go_through_the_coordinator(serve: Serve, agents: Agents, ask: Ask, store: Path) -> None:
    service = await serve()
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 2)
    await client.mark(1, "label", label="before-upgrade", by="ada")
    assert (await client.mark(1, "pin")).pinned
    assert (await client.mark(1, "unlabel", label="never")).labels == ("before-upgrade",)
    (first, _) = (await client.points()).points
    assert (first.labels, first.pinned) == (("before-upgrade",), True)
    assert [mark.by for mark in read_marks(open_backend(str(store)), CutNumber(1)).marks] == ["ada", "an operator"]
    for arguments, complaint in (
        ({"event": "drop"}, "the body is not what"),
        ({"event": "label", "label": "two words"}, "is no label"),
        ({"event": "pin", "by": "a\nb"}, "who asks has no such name"),
    ):
        with pytest.raises(CutpointError, match=complaint):
            await client.mark(2, **arguments)
    assert (await client.collect("last 1")).dropped == ()


async def test_a_former_leader_deletes_nothing_that_the_registry_did_not_forget(
    serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    first = await serve()
    client, ledger = await ask(first.url), await agents("ledger", first.url)
    await take_cuts(client, ledger, 6)
    ledger.hold_parts = True
    await client.cut(wait=False)
    await ledger.until(lambda: bool(ledger.held))
    collecting = asyncio.create_task(client.collect("last 1"))
    await asyncio.sleep(0.2)
    second = await serve(leads=False)
    await first.stop()  # type: ignore[attr-defined]
    with pytest.raises(CutpointError):
        await collecting
    async with asyncio.timeout(10):
        await second.wait_leading()
    assert points_of(second) == [1, 2, 3, 4, 5, 6]
    assert sound(open_backend(str(store))) == [1, 2, 3, 4, 5, 6]
    again = await (await ask(second.url)).collect("last 1")
    assert again.dropped == (1, 2, 3, 4, 5)
    assert points_of(second) == [6]


class Silent(DirectoryBackend):
    """A folder that does not answer some creates, though it may have done what was asked."""

    silent = 0
    does_it = True

    def create(self, name: str, data: bytes) -> None:
        if name.startswith("manifests/") and self.silent:
            self.silent -= 1
            if self.does_it:
                super().create(name, data)
            raise StoreUnavailable(f"no answer from {self.url}; nobody knows whether {name} was written; try again")
        super().create(name, data)


@pytest.mark.parametrize("does_it", [True, False])
async def test_a_manifest_whose_write_was_not_answered_is_published_once_the_store_answers(
    does_it: bool, serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    backend = Silent(store)
    backend.silent, backend.does_it = 2, does_it
    service = await serve(backend=backend)
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 2)
    assert list_manifests(backend) == (1, 2)
    assert [point.cut for point in (await client.points()).points] == [1, 2]
    assert "store unreachable" in [notice.kind for notice in (await client.topology()).notices]


async def test_what_was_just_written_is_read_back_from_the_store_not_from_a_cache(
    serve: Serve, agents: Agents, ask: Ask, store: Path, tmp_path: Path
) -> None:
    cached = CachingBackend(DirectoryBackend(store), tmp_path / "cache")
    service = await serve(backend=cached)
    client, ledger = await ask(service.url), await agents("ledger", service.url)

    def damaged_once_it_is_cached(data: bytes) -> bytes:
        assert [cached.read(name) for name in cached.list("packs/")] == [data]
        return data[:-1] + bytes([data[-1] ^ 1])

    ledger.alter = damaged_once_it_is_cached
    answer = await client.cut()
    assert answer.state == "abandoned"
    assert "bytes are not those that were written" in answer.reason


async def test_a_collection_that_fails_is_told_and_tried_again(
    serve: Serve, agents: Agents, ask: Ask, store: Path
) -> None:
    class Away(DirectoryBackend):
        away = True

        def delete(self, name: str) -> None:
            if self.away:
                raise StoreUnavailable(f"no answer from {self.url}; try again")
            super().delete(name)

    backend = Away(store)
    service = await serve(backend=backend, keep="last 1", collect_seconds=0.05)
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 3)
    await until(lambda: any(n.kind == "collection failed" for n in service.notices.latest()))
    status = await client.collection()
    assert status.last is not None
    assert "no answer from" in status.last.failed
    backend.away = False
    await until(lambda: list_manifests(backend) == (3,))


def test_patience_has_an_end() -> None:
    now = 0.0
    waits = Patience(lambda: True, seconds=5.0, clock=lambda: now)
    answers = []
    for _ in range(14):
        answers.append(waits())
        now += 1.0
    assert answers == [True, True, True, True, True, False, True, True, True, True, True, False, True, True]
