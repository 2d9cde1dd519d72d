"""A real S3 server for all tests of stores, started once a process, and what its clients need in their environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cutpoint.testing.object_server import ObjectServer


@pytest.fixture(scope="session")
def shared_object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """A server that nobody kills."""
    with ObjectServer(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
def object_server(shared_object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """The shared server, with its credentials in the environment. Take a prefix of your own."""
    for name, value in shared_object_server.environment.items():
        monkeypatch.setenv(name, value)
    return shared_object_server
