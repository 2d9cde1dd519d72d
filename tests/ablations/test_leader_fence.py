"""The fence of a leadership in a real etcd: a leader that was stopped wakes up, and can change nothing any more.

What is compared in every transaction is the revision at which the leader's key was created. Without that comparison
the same leader overwrites what the next one has written.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutpoint.registry import Committed, Record, Transaction
from cutpoint.testing.etcd_server import EtcdCluster
from cutpoint.testing.registry_suite import lead
from cutpoint_coordinator.registry import open_registry
from tests.coordinator.registry.subjects import CandidateProcess


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path / "etcd") as cluster:
        yield cluster


async def _wake(cluster: EtcdCluster, program: str) -> tuple[list[Record], list[Record], str]:
    """What the next leader has written, what is there after the former one has woken up, and what that one said."""
    registry = await open_registry(cluster.url)
    former = CandidateProcess(cluster.url, 1, program=program)
    try:
        former.expect("committed")
        former.process.send_signal(signal.SIGSTOP)
        leadership = await lead(registry, "next")
        transaction = Transaction(request="next", puts=(("count", b"the next leader's"),))
        assert isinstance(await registry.commit(leadership, transaction), Committed)
        before = list(await registry.scan(""))
        former.process.send_signal(signal.SIGCONT)
        said = await asyncio.to_thread(_first_word_after, former)
        return before, list(await registry.scan("")), said
    finally:
        former.kill()
        await registry.close()


def _first_word_after(former: CandidateProcess) -> str:
    """What it says of the first commits that it can have made after it woke up: what it said before may be unread."""
    for _ in range(100):
        word = former.line()[0]
        if word == "fenced":
            return word
    return "committed"


async def test_a_leader_that_was_stopped_and_wakes_up_changes_nothing(cluster: EtcdCluster) -> None:
    before, after, said = await _wake(cluster, "candidate.py")
    assert (after, said) == (before, "fenced")


async def test_without_the_fence_it_overwrites_what_the_next_leader_has_written(cluster: EtcdCluster) -> None:
    before, after, said = await _wake(cluster, "unfenced_candidate.py")
    assert said == "committed"
    assert after != before
    assert b"the next leader's" not in [record.value for record in after]
