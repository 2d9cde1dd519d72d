from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cutpoint.errors import Fenced, RegistryError
from cutpoint.registry import Committed, Conflict, Record, Transaction
from cutpoint.testing.etcd_server import EtcdCluster, EtcdServer
from cutpoint.testing.registry_suite import lead
from cutpoint_coordinator.registry import open_registry
from cutpoint_coordinator.registry.etcd_client import Item
from cutpoint_coordinator.registry.etcd_keys import Chain, Keys
from tests.coordinator.registry.subjects import CandidateProcess, EtcdSubject


def changes(item: Item | None, first: int) -> list[int]:
    """The revisions that a key has had, if it has had at most two: created, and last changed if that is another."""
    assert item is not None
    assert item.created > first
    return [item.created] if item.created == item.modified else [item.created, item.modified]


async def test_a_commit_whose_answer_is_lost_is_settled_and_applied_once(
    own_etcd: EtcdSubject, own_etcd_server: EtcdServer
) -> None:
    registry = await own_etcd.connect()
    leadership = await registry.campaign("c", ttl_seconds=20, address="-")
    own_etcd_server.pause()
    commit = asyncio.ensure_future(registry.commit(leadership, Transaction(request="r", puts=(("x", b"1"),))))
    await asyncio.sleep(2.5)  # two calls have run into their deadline and may be carried out all the same
    assert not commit.done()
    own_etcd_server.resume()
    outcome = await commit
    assert isinstance(outcome, Committed)
    await asyncio.sleep(0.3)
    assert changes(await own_etcd.item("x"), leadership.fence) == [outcome.revision]


async def test_a_commit_given_up_in_doubt_may_be_given_again_before_and_after_the_next_one(
    own_etcd: EtcdSubject, own_etcd_server: EtcdServer
) -> None:
    own_etcd.patience_seconds = 1.2  # so that two tries of it are under way when it is given up
    registry = await own_etcd.connect()
    leadership = await registry.campaign("c", ttl_seconds=20, address="-")
    doubtful = Transaction(request="doubtful", puts=(("x", b"1"),))
    own_etcd_server.pause()
    with pytest.raises(RegistryError, match="give the same one again, it is applied at most once"):
        await registry.commit(leadership, doubtful)
    own_etcd_server.resume()
    following = await registry.commit(leadership, Transaction(request="next", puts=(("y", b"1"),)))
    settled = await registry.commit(leadership, doubtful)
    assert isinstance(following, Committed)
    assert isinstance(settled, Committed)
    assert await registry.commit(leadership, doubtful) == settled
    assert changes(await own_etcd.item("x"), leadership.fence) == [settled.revision]


async def test_who_resigns_keeps_its_lease_up_no_more_though_etcd_was_not_told(
    own_etcd: EtcdSubject, own_etcd_server: EtcdServer
) -> None:
    own_etcd.patience_seconds = 0.5
    registry = await own_etcd.connect()
    leadership = await registry.campaign("c", ttl_seconds=2, address="-")
    own_etcd_server.pause()
    with pytest.raises(RegistryError, match="its lease will run out by itself"):
        await registry.resign(leadership)
    own_etcd_server.resume()
    async with asyncio.timeout(30):
        again = await registry.campaign("d", ttl_seconds=2, address="-")
    assert again.fence > leadership.fence


async def test_a_leader_whose_lease_is_gone_is_fenced_even_if_nobody_has_followed(etcd: EtcdSubject) -> None:
    registry = await etcd.connect()
    leadership = await registry.campaign("c", ttl_seconds=60, address="-")
    await etcd.vanish(leadership)
    with pytest.raises(Fenced, match="its lease is gone"):
        await registry.commit(leadership, Transaction(request="r", puts=(("x", b"1"),)))
    assert await registry.read("x") is None
    assert "its lease is gone" in await registry.lost(leadership)


async def test_a_try_that_arrives_late_changes_nothing(etcd: EtcdSubject) -> None:
    registry = await etcd.connect()
    leadership = await lead(registry)
    transaction = Transaction(request="r1", puts=(("x", b"1"),))
    late = Keys(etcd.prefix).commit(Chain(leadership), transaction)
    first = await registry.commit(leadership, transaction)
    second = await registry.commit(leadership, Transaction(request="r2", puts=(("y", b"1"),)))
    answer = await asyncio.to_thread(etcd.outside.transact, late)
    assert not answer.succeeded
    assert isinstance(first, Committed)
    assert isinstance(second, Committed)
    assert changes(await etcd.item("x"), leadership.fence) == [first.revision]


async def test_an_applied_try_is_recognised_although_its_answer_never_came(etcd: EtcdSubject) -> None:
    registry = await etcd.connect()
    leadership = await lead(registry)
    transaction = Transaction(request="r1", puts=(("x", b"1"),), expected=(("x", 0),))
    unheard = Keys(etcd.prefix).commit(Chain(leadership), transaction)
    answer = await asyncio.to_thread(etcd.outside.transact, unheard)
    assert answer.succeeded
    assert await registry.commit(leadership, transaction) == Committed(revision=answer.revision)
    again = Transaction(request="r2", puts=(("x", b"2"),), expected=(("x", 0),))
    assert await registry.commit(leadership, again) == Conflict(key="x")


async def test_a_killed_etcd_comes_back_with_everything_and_the_leadership_goes_on(
    own_etcd: EtcdSubject, own_etcd_server: EtcdServer
) -> None:
    registry = await own_etcd.connect()
    leadership = await registry.campaign("c", ttl_seconds=20, address="-")
    loss = asyncio.ensure_future(registry.lost(leadership))
    before = await registry.commit(leadership, Transaction(request="r1", puts=(("x", b"1"),)))
    own_etcd_server.kill()
    commit = asyncio.ensure_future(registry.commit(leadership, Transaction(request="r2", puts=(("y", b"1"),))))
    await asyncio.sleep(0.5)
    await asyncio.to_thread(own_etcd_server.launch)
    after = await commit
    assert isinstance(before, Committed)
    assert isinstance(after, Committed)
    assert await registry.scan("") == (
        Record(key="x", value=b"1", revision=before.revision),
        Record(key="y", value=b"1", revision=after.revision),
    )
    assert not loss.done()
    loss.cancel()


async def test_a_leadership_that_cannot_be_renewed_is_lost_after_its_length_and_can_be_won_again(
    own_etcd: EtcdSubject, own_etcd_server: EtcdServer
) -> None:
    registry = await own_etcd.connect()
    leadership = await registry.campaign("c", ttl_seconds=1, address="-")
    own_etcd_server.kill()
    started = time.monotonic()
    assert "could not be renewed for 1.5 s" in await asyncio.wait_for(registry.lost(leadership), 10)
    assert time.monotonic() - started < 5
    await asyncio.to_thread(own_etcd_server.launch)
    assert (await lead(registry)).fence > leadership.fence


async def test_another_candidate_leads_soon_after_the_leader_was_killed(own_etcd_server: EtcdServer) -> None:
    candidate = CandidateProcess(own_etcd_server.url, 1)
    last = int(candidate.expect("committed"))
    registry = await open_registry(own_etcd_server.url)
    unread = candidate.kill()
    started = time.monotonic()
    leadership = await lead(registry)
    assert time.monotonic() - started < 6
    assert leadership.fence > candidate.fence
    acknowledged = max([last, *(int(line[1]) for line in unread)])
    log = await registry.scan("log/")
    assert [int(record.value) for record in log] == list(range(1, len(log) + 1))
    assert len(log) in (acknowledged, acknowledged + 1)
    await registry.close()


async def test_a_cluster_that_loses_its_leading_member_loses_and_doubles_no_commit(tmp_path: Path) -> None:
    with EtcdCluster(tmp_path / "cluster") as cluster:
        subject = EtcdSubject(cluster.url)
        registry = await subject.connect()
        leadership = await registry.campaign("c", ttl_seconds=10, address="-")
        revision = 0
        victim = await asyncio.to_thread(cluster.leader)
        for number in range(1, 61):
            if number == 20:
                asyncio.get_running_loop().call_later(0.01, victim.kill)
            transaction = Transaction(
                request=f"r{number}",
                puts=(("count", b"%d" % number), (f"log/{number:03}", b"")),
                expected=(("count", revision), (f"log/{number:03}", 0)),
            )
            outcome = await registry.commit(leadership, transaction)
            assert isinstance(outcome, Committed), f"{transaction} was applied twice, or one before it was lost"
            revision = outcome.revision
        assert victim.pid is None
        assert await registry.read("count") == Record(key="count", value=b"60", revision=revision)
        assert [record.key for record in await registry.scan("log/")] == [f"log/{n:03}" for n in range(1, 61)]
        await subject.close()


def test_the_etcd_registry_imports_under_the_protobuf_that_is_installed() -> None:
    program = (
        "import cutpoint_coordinator.registry.etcd, etcd3;"
        "print(etcd3.etcdrpc.TxnRequest(compare=[etcd3.etcdrpc.Compare(key=b'k')]).compare[0].key)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("b'k'", 0), done.stderr


def test_opening_another_registry_loads_neither_grpc_nor_etcd3() -> None:
    program = (
        "import cutpoint_coordinator.registry, sys; print({'grpc', 'etcd3', 'google.protobuf'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("set()", 0), done.stderr
