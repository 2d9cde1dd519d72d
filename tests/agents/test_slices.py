"""Slices of a table's encoding: how they end, what runs between them, and the chunks that come out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cutpoint.state import States, decode_batches
from cutpoint.state.formats import format_named
from cutpoint_agents import slices
from cutpoint_agents.chunks import KEPT_BYTES_MAX, Buffers, Chunk
from cutpoint_agents.slices import LONGER, MANY_CHUNKS, SLICE_SECONDS, Pace, encoded, in_slices

MSGPACK = format_named("msgpack")


class Clock:
    """Every look at it finds it later by ``step`` seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
        self.now = 0.0
        self.step = step
        monkeypatch.setattr(slices, "time", SimpleNamespace(perf_counter=self))

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Taken:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.chunks: list[tuple[bytes, int]] = []

    def add(self, raw: bytes | memoryview, entries: int = 0) -> None:
        self.chunks.append((bytes(raw), entries))


def steps_until_over(pace: Pace, entries: int = 1) -> int:
    pace.go_on()
    return next(number for number in range(1, 10_000) if pace.over(entries))


def content_of(chunks: list[bytes]) -> dict[Any, Any]:
    content: dict[Any, Any] = {}
    for gone, keys, values in decode_batches(MSGPACK, chunks, "a test"):
        for key in gone:
            del content[key]
        content.update(zip(keys, values, strict=True))
    return content


def test_a_slice_ends_after_so_many_entries_however_fast_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch, 0.0)
    assert steps_until_over(Pace(entries=30), entries=10) == 3
    assert steps_until_over(Pace(entries=1)) == 1


def test_a_slice_ends_before_another_step_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch, SLICE_SECONDS / 4)
    assert steps_until_over(Pace(entries=1_000_000)) == 3
    Clock(monkeypatch, SLICE_SECONDS * 2)
    assert steps_until_over(Pace(entries=1_000_000)) == 1


async def test_the_longest_slice_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch, 0.0)
    pace = Pace(entries=10)
    for seconds in (0.1, 0.3, 0.2):
        pace.go_on()
        clock.now += seconds
        await pace.pause()
    assert pace.worst == pytest.approx(0.3)


async def test_everything_else_runs_between_two_slices() -> None:
    rounds = 0

    async def others() -> None:
        nonlocal rounds
        while True:
            rounds += 1
            await asyncio.sleep(0)

    def work() -> Iterator[int]:
        for number in range(50):
            assert rounds >= number - 1
            yield 1

    task = asyncio.create_task(others())
    await in_slices(work(), Pace(entries=1))
    task.cancel()
    assert rounds >= 49


@pytest.mark.parametrize("entries", [1, 3, 2048])
async def test_a_table_is_encoded_as_it_was_whatever_is_written_to_it_between_the_slices(entries: int) -> None:
    chance = random.Random(entries)
    states = States()
    table = states.table("table")
    table.update((number, [number]) for number in range(300))
    recorded = states.record(full=["table"])
    before = {key: list(value) for key, value in table.items()}
    written = 0

    async def service() -> None:
        nonlocal written
        while True:
            written += 1
            match chance.randrange(4):
                case 0:
                    table[chance.randrange(600)] = [written]
                case 1:
                    table.pop(chance.randrange(600), None)
                case _:
                    key = chance.choice(list(table))
                    table.touch(key)
                    table[key].append(written)
            await asyncio.sleep(0)

    task = asyncio.create_task(service())
    (captured,) = recorded.tables
    pace = Pace(entries=entries)
    batches = captured.capture.full(pace.batch)
    taken = Taken()
    async for chunk in encoded(batches, captured.encode, pace, chunk_bytes=100):
        chunk.write(taken)  # type: ignore[arg-type]
        await asyncio.sleep(0)
    task.cancel()
    content = content_of([raw for raw, _ in taken.chunks])
    assert list(content.items()) == list(before.items())
    assert sum(count for _, count in taken.chunks) == 300
    assert written >= len(taken.chunks)
    recorded.abandoned()


async def test_the_chunks_of_a_long_run_are_longer() -> None:
    states = States()
    table = states.table("table")
    table.update((number, "x" * 20) for number in range(40_000))
    recorded = states.record(full=["table"])
    (captured,) = recorded.tables
    taken = Taken()
    pace = Pace(entries=1_000_000)
    async for chunk in encoded(captured.capture.full(10), captured.encode, pace, chunk_bytes=5000):
        chunk.write(taken)  # type: ignore[arg-type]
    lengths = [len(raw) for raw, _ in taken.chunks]
    assert all(5000 <= length < 6000 for length in lengths[:MANY_CHUNKS])
    assert all(5000 * LONGER <= length < 5000 * LONGER + 1000 for length in lengths[MANY_CHUNKS:-1])
    assert len(lengths) > MANY_CHUNKS + 2
    assert len(content_of([raw for raw, _ in taken.chunks])) == 40_000
    recorded.abandoned()


def test_the_memory_of_a_chunk_is_used_again_once_it_was_written_and_not_before() -> None:
    buffers, taken = Buffers(), Taken()
    first, second = Chunk(buffers), Chunk(buffers)
    first.add(b"a" * 100, 1)
    second.add(b"b" * 50, 1)
    first.write(taken)  # type: ignore[arg-type]
    third = Chunk(buffers)
    third.add(b"c" * 70, 2)
    second.write(taken)  # type: ignore[arg-type]
    third.write(taken)  # type: ignore[arg-type]
    assert taken.chunks == [(b"a" * 100, 1), (b"b" * 50, 1), (b"c" * 70, 2)]
    assert third._memory is first._memory
    assert third._memory is not second._memory


def test_the_memory_of_an_unusually_long_chunk_is_not_kept() -> None:
    buffers, taken = Buffers(), Taken()
    chunk = Chunk(buffers)
    chunk.add(bytes(KEPT_BYTES_MAX + 1), 1)
    chunk.write(taken)  # type: ignore[arg-type]
    assert Chunk(buffers)._memory is not chunk._memory
