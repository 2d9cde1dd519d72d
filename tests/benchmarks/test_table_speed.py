"""What a table costs in the place of a dict: reading and writing at random among a million entries, side by side.

A round is what happens between two cuts: 1 % of the entries are written, and 10 times as many are read; then a cut is
captured, published and folded. The other figures are of a round while the full content is being read, and of a round
that writes 10 % of the entries. Time is that of the processor.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import msgspec
import pytest

from cutpoint.state import BATCH_ENTRIES, Batch, Table, encode_batch, format_named
from tests.benchmarks.conftest import RecordRatio

ENTRIES = 1_000_000
WRITES = ENTRIES // 100
READS = 10 * WRITES
ROUNDS = 15
REPETITIONS = 20

Mapping = MutableMapping[str, int]


class Pair:
    """The same million entries in a table, captured before, and in a dict."""

    def __init__(self) -> None:
        self.keys = [f"key-{number}" for number in range(ENTRIES)]
        self.plain = {key: number for number, key in enumerate(self.keys)}
        self.table: Table[str, int] = Table()
        self.table.update(self.plain)
        self.chances = random.Random(1)
        self.publish()

    def publish(self) -> None:
        """A cut that nobody reads."""
        capture = self.table.capture()
        capture.release()
        capture.published()
        while self.table.fold():
            pass

    def ratios(self, work: Callable[[Mapping, list[str]], None], keys: int) -> Iterator[float]:
        """A round: ``work`` on as many random keys, on the table against the dict, whichever comes first."""
        for number in range(ROUNDS):
            chosen = self.chances.choices(self.keys, k=keys)
            targets: list[Any] = [self.table, self.plain]
            seconds = {id(target): _seconds(work, target, chosen) for target in targets[:: 1 if number % 2 else -1]}
            yield seconds[id(self.table)] / seconds[id(self.plain)]


def _seconds(work: Callable[[Mapping, list[str]], None], target: Mapping, keys: list[str]) -> float:
    began = time.process_time()
    work(target, keys)
    return time.process_time() - began


def read(target: Mapping, keys: list[str]) -> None:
    for key in keys:
        target[key]


def write(target: Mapping, keys: list[str]) -> None:
    for number, key in enumerate(keys):
        target[key] = number


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = Pair()
    gc.freeze()  # a collection of these millions belongs to neither
    yield made
    gc.unfreeze()


def record(record_ratio: RecordRatio, name: str, found: list[float]) -> None:
    record_ratio(name, statistics.median(found), (min(found), max(found)))


def test_reading(pair: Pair, record_ratio: RecordRatio) -> None:
    record(record_ratio, "table_read_ratio", list(pair.ratios(read, READS)))


def test_writing(pair: Pair, record_ratio: RecordRatio) -> None:
    found = []
    for ratio in pair.ratios(write, WRITES):
        found.append(ratio)
        pair.publish()
    record(record_ratio, "table_write_ratio", found)


def test_writing_much_between_two_cuts(pair: Pair, record_ratio: RecordRatio) -> None:
    found = []
    for ratio in pair.ratios(write, ENTRIES // 10):
        found.append(ratio)
        pair.publish()
    record(record_ratio, "table_write_ratio: 10 % of the entries between two cuts", found)


def test_reading_and_writing_while_the_full_content_is_read(pair: Pair, record_ratio: RecordRatio) -> None:
    capture = pair.table.capture(full=True)
    record(record_ratio, "table_write_ratio: while the full content is read", list(pair.ratios(write, WRITES)))
    record(record_ratio, "table_read_ratio: while the full content is read", list(pair.ratios(read, READS)))
    capture.release()
    capture.published()


def test_encoding_a_batch_of_small_records(record_ratio: RecordRatio) -> None:
    keys = [f"key-{number}" for number in range(BATCH_ENTRIES)]
    records = [{"id": number, "name": "ann", "balance": 1.5, "open": True} for number in range(BATCH_ENTRIES)]
    batch, format_, bare = Batch([], keys, [*records]), format_named("msgpack"), msgspec.msgpack.Encoder()
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(REPETITIONS):
            encode_batch(format_, batch, "it")
        between = time.process_time()
        for _ in range(REPETITIONS):
            bare.encode([*batch])
        found.append((between - began) / (time.process_time() - between))
    record(record_ratio, "table: encoding a batch / msgspec alone", found)
