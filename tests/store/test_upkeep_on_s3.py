"""Replication, collection and verification on a real S3 server, which is killed with -9 meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from cutpoint.store import Backend, list_manifests, open_backend
from cutpoint.store.collect import Collector
from cutpoint.store.replicate import Replicator
from cutpoint.store.retention import Policy
from cutpoint.store.verification import Verifier
from cutpoint.testing.object_server import ObjectServer

from .histories import START, objects_of
from .test_collect import lived, mark

T = TypeVar("T")


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """A server of the test's own, to be killed."""
    with ObjectServer(tmp_path / "weed") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def sound(backend: Backend) -> tuple[int, ...]:
    found = Verifier(backend=backend).full()
    assert found.complaints == ()
    return found.good


def while_it_dies(server: ObjectServer, work: Callable[[Callable[[object], None]], T], *moments: int) -> T:
    """Do ``work`` on a thread; each time it has told of so many objects, it goes on while the server is killed."""
    told = 0
    reached = threading.Semaphore(0)

    def progress(_: object) -> None:
        nonlocal told
        told += 1
        if told in moments:
            reached.release()

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work, progress)
        for _ in moments:
            assert reached.acquire(timeout=60)
            server.kill()
            server.start()
        return working.result(120)


@pytest.mark.timeout(300)
def test_a_replica_on_s3_is_exact_and_collected_although_its_server_dies_again_and_again(mortal: ObjectServer) -> None:
    history = lived(9)
    mark(history, 3, "pin")
    replica = open_backend(mortal.url("replica"))
    done = while_it_dies(
        mortal,
        lambda progress: Replicator(source=history.backend, replica=replica, progress=progress).round(),
        *(3, 8, 13, 18),
    )
    assert done.complaints == ()
    assert sound(replica) == done.points == tuple(history.contents)
    assert history.complaints(replica) == []
    copied = objects_of(replica)
    del copied["replica.json"]
    assert copied == {name: history.backend.read(name) for name in copied}

    history.change(3)
    history.cut()
    Collector(backend=history.backend, policy=Policy(last=2), by="ada", at=START).run()
    Replicator(source=history.backend, replica=replica).round()
    ended = while_it_dies(
        mortal,
        lambda progress: Collector(
            backend=replica, source=history.backend, policy=Policy(last=1), by="ada", at=START, progress=progress
        ).run(),
        *(1, 4),
    )
    assert ended.dropped == (1, 2, 5, 6, 7)
    assert list_manifests(replica) == list_manifests(history.backend) == (3, 8, 10)
    assert sound(replica) == (3, 8, 10)
    assert history.complaints(replica) == []
