"""A watch of one key that survives everything, and a history that does not grow."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint.registry import Transaction
from cutpoint.testing.etcd_server import EtcdCluster, EtcdServer
from cutpoint.testing.registry_suite import commit, lead
from cutpoint_coordinator.registry.etcd import EtcdRegistry
from cutpoint_coordinator.registry.etcd_client import Credentials, EtcdClient, Put, Question, Refused, Unanswered
from cutpoint_coordinator.registry.etcd_history import Horizon, Upkeep
from cutpoint_coordinator.registry.etcd_watch import KeyWatch
from cutpoint_coordinator.registry.locate import open_registry, parse_etcd_url
from tests.coordinator.registry.subjects import EtcdSubject

KEY = "/watched"


class Watched:
    """A key of a cluster, a watch of it, and how often that had news."""

    def __init__(self, url: str) -> None:
        self.endpoints = parse_etcd_url(url)[0]
        self.outside = EtcdClient(self.endpoints, Credentials())
        self.news = 0
        self._heard = threading.Condition()
        self.watch = KeyWatch(EtcdClient(self.endpoints, Credentials()), KEY, self._on_news)
        self.watch.start()

    def _on_news(self) -> None:
        with self._heard:
            self.news += 1
            self._heard.notify_all()

    def put(self, value: bytes) -> int:
        """Change the key, whoever has to be asked for it; the revision."""
        for _ in range(100):
            try:
                answer = self.outside.transact(Question(conditions=(), puts=(Put(key=KEY, value=value),)))
                return answer.revision
            except Unanswered:
                time.sleep(0.05)
        raise AssertionError("etcd does not answer")

    def expect(self, change: Callable[[], object], *, seconds: float = 20.0) -> float:
        """Assert that ``change`` makes news; how many seconds that took."""
        with self._heard:
            before = self.news
        change()
        began = time.monotonic()
        with self._heard:
            assert self._heard.wait_for(lambda: self.news > before, seconds), "nothing was heard"
        return time.monotonic() - began

    def close(self) -> None:
        self.watch.stop()
        self.outside.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path / "etcd") as cluster:
        yield cluster


@pytest.fixture
def watched(cluster: EtcdCluster) -> Iterator[Watched]:
    watched = Watched(cluster.url)
    watched.expect(lambda: watched.put(b"0"))
    yield watched
    watched.close()


def test_every_change_is_heard_although_each_member_is_killed_in_its_turn(
    cluster: EtcdCluster, watched: Watched
) -> None:
    for number, member in enumerate(cluster.members):
        member.kill()
        watched.expect(lambda: watched.put(b"killed %d" % number))  # noqa: B023
        member.start()
    assert watched.watch.statistics().read == 1, "it goes on from the revision after the last"
    assert watched.watch.statistics().resumed >= 2


def test_a_member_that_is_stopped_does_not_stop_the_watch(cluster: EtcdCluster, watched: Watched) -> None:
    for number, member in enumerate(cluster.members):
        member.pause()
        watched.expect(lambda: watched.put(b"stopped %d" % number))  # noqa: B023
        member.resume()


def test_what_happened_while_nobody_could_be_asked_is_heard_afterwards(cluster: EtcdCluster, watched: Watched) -> None:
    revision = watched.put(b"before")
    for member in cluster.members:
        member.kill()
    survivors = cluster.members[:2]
    for member in survivors:
        member.launch()
    for member in survivors:
        member.wait_healthy()
    watched.expect(lambda: watched.put(b"after"))
    assert watched.put(b"later") > revision


def test_a_history_that_is_gone_is_made_up_for_by_reading_again(cluster: EtcdCluster, watched: Watched) -> None:
    revision = [watched.put(b"%d" % number) for number in range(20)][-1]
    watched.outside.compact(revision)
    watched.watch._since = 2  # as if it had slept for longer than this test can wait
    deadline = time.monotonic() + 20
    while watched.watch.statistics().read == 1:
        assert time.monotonic() < deadline, "it was never read again"
        time.sleep(0.02)
    watched.expect(lambda: watched.put(b"after"))


def test_a_watch_from_a_revision_that_was_compacted_says_so(cluster: EtcdCluster, watched: Watched) -> None:
    revision = [watched.put(b"%d" % number) for number in range(5)][-1]
    watched.outside.compact(revision)
    watched.outside.compact(revision)  # harmless
    (happened,) = [each for each in watched.outside.watch(KEY, since=2, seconds=5.0) if each.lost]
    assert happened.item is None


def test_a_horizon_keeps_what_is_young_and_the_last_revisions_however_old_they_are() -> None:
    horizon = Horizon(Upkeep(kept_seconds=300, kept_revisions=100))
    for minute in range(6):
        horizon.note(60.0 * minute, 1000 * (minute + 1))
        assert horizon.forgettable(60.0 * minute) == (1000 if minute == 5 else 0)
    horizon.forgot(1000)
    assert horizon.forgettable(300.0) == 0
    horizon.note(360.0, 6010)
    assert horizon.forgettable(360.0) == 2000
    assert Horizon(Upkeep()).forgettable(1e9) == 0


def test_a_quiet_cluster_keeps_its_last_revisions() -> None:
    horizon = Horizon(Upkeep(kept_seconds=1, kept_revisions=100))
    horizon.note(0.0, 90)
    horizon.note(10.0, 120)
    assert horizon.forgettable(10.5) == 20
    assert horizon.forgettable(100.0) == 20


SOON = Upkeep(every_seconds=0.05, kept_seconds=0.1, kept_revisions=50)


def oldest(client: EtcdClient) -> int:
    """The oldest revision that etcd still keeps, but for what it has compacted in this moment."""
    _, newest = client.look(KEY)
    low, high = 1, newest
    while low < high:
        middle = (low + high) // 2
        if kept(client, middle):
            high = middle
        else:
            low = middle + 1
    return low


def kept(client: EtcdClient, revision: int) -> bool:
    return not any(each.lost for each in client.watch(KEY, since=revision, seconds=0.3))


async def write(registry: EtcdRegistry, count: int) -> None:
    leadership = await lead(registry, ttl_seconds=20.0)
    for number in range(count):
        await commit(registry, leadership, Transaction(request=f"r{number}", puts=(("x", b"%d" % number),)))
    await asyncio.sleep(0.5)


async def test_the_leader_lets_etcd_forget_what_is_old(tmp_path: Path) -> None:
    with EtcdServer(tmp_path / "etcd") as server:
        subject = EtcdSubject(server.url)
        registry = EtcdRegistry(subject.endpoints, prefix=subject.prefix, upkeep=SOON)
        await write(registry, 300)
        _, newest = subject.outside.look(KEY)
        first = await asyncio.to_thread(oldest, subject.outside)
        assert newest > 300
        assert newest - 50 - 5 <= first <= newest, "the last 50 are kept, and hardly more"
        assert (await registry.read("x")) is not None
        await registry.close()
        await subject.close()


@pytest.mark.parametrize("compacting", ["alone", "never"])
async def test_where_others_share_etcd_or_it_is_told_so_nothing_is_forgotten(tmp_path: Path, compacting: str) -> None:
    with EtcdServer(tmp_path / "etcd") as server:
        subject = EtcdSubject(server.url)
        if compacting == "alone":
            subject.outside.transact(Question(conditions=(), puts=(Put(key="/registry/pods/x", value=b""),)))
        upkeep = Upkeep(compacting=compacting, every_seconds=0.05, kept_seconds=0.1, kept_revisions=50)  # type: ignore[arg-type]
        registry = EtcdRegistry(subject.endpoints, prefix=subject.prefix, upkeep=upkeep)
        await write(registry, 150)
        assert await asyncio.to_thread(kept, subject.outside, 1)
        await registry.close()
        await subject.close()


async def test_a_wrong_word_for_compact_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="compact='sometimes' in the registry's URL is not known"):
        await open_registry("etcd://127.0.0.1:1?compact=sometimes")
    with pytest.raises((Refused, Unanswered)):
        EtcdClient((("127.0.0.1", 1),), Credentials(), deadline_seconds=0.2).compact(1)
