from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cutpoint.testing.etcd_server import EtcdServer
from tests.coordinator.registry.subjects import EtcdSubject


@pytest.fixture(scope="session")
def etcd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One etcd for all tests that leave it running."""
    with EtcdServer(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.fixture
def own_etcd_server(tmp_path: Path) -> Iterator[EtcdServer]:
    """An etcd that the test may kill."""
    with EtcdServer(tmp_path / "etcd") as server:
        yield server


@pytest.fixture
async def etcd(etcd_server: EtcdServer) -> AsyncIterator[EtcdSubject]:
    subject = EtcdSubject(etcd_server.url)
    yield subject
    await subject.close()


@pytest.fixture
async def own_etcd(own_etcd_server: EtcdServer) -> AsyncIterator[EtcdSubject]:
    subject = EtcdSubject(own_etcd_server.url)
    yield subject
    own_etcd_server.resume()
    await subject.close()
