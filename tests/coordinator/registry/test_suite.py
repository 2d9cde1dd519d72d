"""The shipped suite against every registry: in memory, in a folder, and etcd in all the ways in which it is run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cutpoint.testing.etcd_server import EtcdCluster, Login, Tls
from cutpoint.testing.registry_suite import CLAIMS, Claim
from tests.certificates import Authority
from tests.coordinator.registry.subjects import EmbeddedSubject, EtcdSubject, MemorySubject
from tests.coordinator.registry.unruly import unruly

every_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)


@every_claim
async def test_the_memory_registry_keeps_every_claim(claim: Claim) -> None:
    await claim(MemorySubject())


@every_claim
async def test_the_embedded_registry_keeps_every_claim(claim: Claim, tmp_path: Path) -> None:
    subject = EmbeddedSubject(tmp_path / "registry")
    await claim(subject)
    await subject.close()


@every_claim
async def test_the_etcd_registry_keeps_every_claim(claim: Claim, etcd: EtcdSubject) -> None:
    await claim(etcd)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    authority = Authority(tmp_path_factory.mktemp("certificates"))
    certificate, key = authority.issue("etcd")
    client_certificate, client_key = authority.issue("coordinator")
    return Tls(
        authority=authority.file,
        certificate=certificate,
        key=key,
        client_certificate=client_certificate,
        client_key=client_key,
    )


@pytest.fixture(scope="module", params=["plain", "TLS", "password", "TLS and password"])
def cluster(
    request: pytest.FixtureRequest, tls: Tls, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EtcdCluster]:
    """Three members, with everything that may be asked of a client."""
    with EtcdCluster(tmp_path_factory.mktemp("cluster"), tls=tls if "TLS" in request.param else None) as cluster:
        if "password" in request.param:
            cluster.require(Login())
        yield cluster


@every_claim
async def test_a_registry_on_three_members_keeps_every_claim(claim: Claim, cluster: EtcdCluster) -> None:
    subject = EtcdSubject(cluster.url, ttl_seconds=3.0)  # logging in costs a second on a slow machine
    await claim(subject)
    await subject.close()


@pytest.fixture(scope="module")
def unruly_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path_factory.mktemp("unruly")) as cluster:
        yield cluster


@every_claim
async def test_every_claim_is_kept_while_members_are_killed_stopped_and_started_again(
    claim: Claim, unruly_cluster: EtcdCluster
) -> None:
    subject = EtcdSubject(unruly_cluster.url, ttl_seconds=6.0, patience_seconds=30.0)
    async with unruly(unruly_cluster):
        await claim(subject)
        await subject.close()
