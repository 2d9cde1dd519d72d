"""The coordinator keeps a second location in step and says how far it is behind, also while that is out of reach."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, StoreUnavailable
from cutpoint.names import CutNumber
from cutpoint.store import DirectoryBackend, Verifier, list_manifests, open_backend, read_manifest
from cutpoint.store.marks import read_marks
from cutpoint_coordinator.opening import open_all
from cutpoint_coordinator.service import Service
from cutpoint_coordinator.settings import Address, Settings
from tests.coordinator.conftest import Agents, Serve
from tests.coordinator.test_collecting import take_cuts, until
from tests.coordinator.test_cuts import Ask


class Away(DirectoryBackend):
    """A folder that is out of reach when it is told to be."""

    away = False

    def _check(self) -> None:
        if self.away:
            raise StoreUnavailable(f"no answer from {self.url}; try again")

    def create(self, name: str, data: bytes) -> None:
        self._check()
        super().create(name, data)

    def list(self, prefix: str) -> tuple[str, ...]:
        self._check()
        return super().list(prefix)


def told(service: Service, kind: str) -> list[str]:
    return [notice.text for notice in service.notices.latest() if notice.kind == kind]


async def test_every_point_and_every_mark_is_copied_by_itself(
    serve: Serve, agents: Agents, ask: Ask, store: Path, tmp_path: Path
) -> None:
    service = await serve(replica=open_backend(str(tmp_path / "second")))
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    replica = open_backend(str(tmp_path / "second"))
    await take_cuts(client, ledger, 3)
    await client.mark(1, "label", label="first")
    await take_cuts(client, ledger, 1)
    await until(lambda: list_manifests(replica) == (1, 2, 3, 4))
    await until(lambda: read_marks(replica, CutNumber(1)).labels == ("first",))
    assert Verifier(backend=replica).full().damaged == ()

    async def status() -> object:
        found = (await client.topology()).replica
        return found and (found.lag_points, found.lag_bytes, found.lag_seconds, found.failure, found.complaints)

    async with asyncio.timeout(5):
        while await status() != (0, 0, 0.0, "", ()):
            await asyncio.sleep(0.02)
    assert told(service, "replica in step")


async def test_a_replica_out_of_reach_is_told_with_its_lag_warned_of_and_caught_up_with(
    serve: Serve, agents: Agents, ask: Ask, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cutpoint_coordinator.replicating.WATCH_SECONDS", 0.05)
    replica = Away(tmp_path / "second")
    service = await serve(replica=replica, replica_lag_seconds=0.3)
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 1)
    await until(lambda: told(service, "replica in step"))
    replica.away = True
    await take_cuts(client, ledger, 2)
    await until(lambda: told(service, "replica behind"))
    status = (await client.topology()).replica
    assert status is not None
    points = (await client.points()).points
    assert (status.url, status.lag_points) == (replica.url, 2)
    assert status.lag_bytes >= sum(point.fresh_bytes for point in points[1:]) > 0
    assert status.lag_seconds is not None
    assert status.lag_seconds > 0.0
    assert status.waiting_seconds > 0.3
    assert "no answer from" in status.failure
    (warned,) = told(service, "replica behind")
    assert "it has been waiting for 2 recovery points" in warned
    assert len(told(service, "replica out of reach")) == 1
    replica.away = False
    await until(lambda: list_manifests(replica) == (1, 2, 3))
    await until(lambda: any("is in step again" in text for text in told(service, "replica in step")))
    assert told(service, "replica reached")


async def test_a_point_that_is_damaged_is_named_and_the_others_are_copied(
    serve: Serve, agents: Agents, ask: Ask, store: Path, tmp_path: Path
) -> None:
    replica = Away(tmp_path / "second")
    replica.away = True
    service = await serve(replica=replica)
    client, ledger = await ask(service.url), await agents("ledger", service.url)
    await take_cuts(client, ledger, 2)
    pack = store / read_manifest(open_backend(str(store)), CutNumber(1)).parts[0].packs[-1].name()
    pack.write_bytes(pack.read_bytes()[:-1])
    replica.away = False
    await until(lambda: list_manifests(replica) == (2,))
    await until(lambda: told(service, "replica incomplete"))
    status = (await client.topology()).replica
    assert status is not None
    assert (status.lag_points, status.lag_seconds, status.failure) == (1, 0.0, "")
    assert "recovery point 1 was not copied" in status.complaints[0]


async def test_the_next_leader_goes_on_copying(
    serve: Serve, agents: Agents, ask: Ask, store: Path, tmp_path: Path
) -> None:
    replica = Away(tmp_path / "second")
    replica.away = True
    first = await serve(replica=replica)
    client, ledger = await ask(first.url), await agents("ledger", first.url)
    await take_cuts(client, ledger, 2)
    await first.stop()  # type: ignore[attr-defined]
    replica.away = False
    await serve(replica=replica)
    await until(lambda: list_manifests(replica) == (1, 2))


async def test_what_is_no_replica_of_this_store_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    def settings(store: str, replica: str | None) -> Settings:
        return Settings(
            registry=str(tmp_path / "registry"),
            store=str(tmp_path / store),
            replica=None if replica is None else str(tmp_path / replica),
            listen=Address(host="127.0.0.1", port=0),
        )

    for store, replica in (("one", None), ("two", "second")):
        opened = await open_all(settings(store, replica))
        opened.listener.close()
        await opened.registry.close()
    for store, replica, why in (
        ("one", "one", "cannot be its own replica"),
        ("one", "two", "is a store of its own"),
        ("one", "second", "is a replica of another store"),
        ("second", None, "cutpoint replicate --to"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            await open_all(settings(store, replica))
