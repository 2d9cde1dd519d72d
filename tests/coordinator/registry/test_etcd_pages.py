"""Many keys are read by pages, none of them longer than a call can bring, all as of one revision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cutpoint_coordinator.registry import etcd_pages
from cutpoint_coordinator.registry.etcd_client import EtcdClient, Put, Question, Unanswered
from tests.coordinator.registry.subjects import EtcdSubject


class Leafing(EtcdClient):
    """Tells how long each answer was, and calls ``between`` after each one."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.lengths: list[int] = []
        self.between: Callable[[], None] = lambda: None

    def _call(self, ask: Callable[[Any], Any]) -> Any:
        answer = super()._call(ask)
        self.lengths.append(answer.ByteSize())
        self.between()
        return answer


def written(client: EtcdClient, **values: bytes) -> None:
    client.transact(Question(conditions=(), puts=tuple(Put(key=key, value=value) for key, value in values.items())))


@pytest.fixture
def leafing(etcd: EtcdSubject, monkeypatch: pytest.MonkeyPatch) -> Leafing:
    monkeypatch.setattr(etcd_pages, "PAGE_BYTES", 4000)
    return Leafing(etcd.endpoints, etcd.credentials)


def test_no_answer_grows_with_the_number_of_keys(etcd: EtcdSubject, leafing: Leafing) -> None:
    for decade in range(60):
        written(etcd.outside, **{f"many/{decade:02}{n}": b"x" * 50 for n in range(10)})
    found = leafing.get_prefix("many/")
    assert [item.key for item in found] == [f"many/{n:03}" for n in range(600)]
    assert len(leafing.lengths) > 5
    assert max(leafing.lengths) < 4 * 4000
    leafing.close()


def test_long_records_come_a_few_at_a_time(etcd: EtcdSubject, leafing: Leafing) -> None:
    for n in range(64):
        written(etcd.outside, **{f"long/{n:02}": b"x" * 5000})
    assert len(leafing.get_prefix("long/")) == 64
    assert min(leafing.lengths) < 2 * 5000 < max(leafing.lengths)
    leafing.close()


def test_what_is_read_is_of_one_moment_whatever_is_written_meanwhile(etcd: EtcdSubject, leafing: Leafing) -> None:
    for decade in range(10):
        written(etcd.outside, **{f"busy/{decade}{n}": b"before" for n in range(10)})
    leafing.between = lambda: written(etcd.outside, **{"busy/99": b"after", "busy/991": b"after"})
    assert {item.value for item in leafing.get_prefix("busy/")} == {b"before"}
    assert len(leafing.lengths) > 1
    leafing.close()


def test_a_reading_that_etcds_history_is_too_short_for_is_to_be_begun_again(
    etcd: EtcdSubject, leafing: Leafing
) -> None:
    for decade in range(10):
        written(etcd.outside, **{f"slow/{decade}{n}": b"x" for n in range(10)})

    def forget() -> None:
        written(etcd.outside, **{"slow/99": b"y"})
        _, revision = etcd.outside.look("slow/99")
        etcd.outside.compact(revision)

    leafing.between = forget
    with pytest.raises(Unanswered, match="has been compacted"):
        leafing.get_prefix("slow/")
    leafing.close()
