"""A table written to the store, restored from it and verified, each against a loop that somebody would write by hand.

The loop does what cannot be left out and nothing else: the same batches through the same encoder, chunks of the same
length with the same compression, a sha256 of every chunk and of every file, files of the same length, flushed, their
folder too. It finds nothing again and cannot be built upon. Both run in one process in turn, on the same disk; a
ratio is the loop's time by ours. The encoder looks at every value, to refuse what it could not give back exactly; how
the same loop fares with msgspec's own, which looks at nothing, is recorded beside it.
"""

from __future__ import annotations

import hashlib
import os
import random
import statistics
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import pytest

from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PartSummary
from cutpoint.state import Table
from cutpoint.state.batches import apply_batch, chunked, decode_batches, encode_batch
from cutpoint.state.formats import format_named
from cutpoint.store import DirectoryBackend, Manifest, manifest_part, publish_manifest
from cutpoint.store.reader import open_part
from cutpoint.store.verification import Verifier
from cutpoint.store.writer import PartWriter
from tests.benchmarks.accounts import accounts
from tests.benchmarks.conftest import RecordRatio

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor, ZstdDecompressor
else:
    from backports.zstd import ZstdCompressor, ZstdDecompressor

ENTRIES = 300_000
ENTRIES_IN_BATCH = 1000
CHUNK_BYTES = 512 * 1024
FILE_BYTES = 8 * 1024 * 1024
VERIFIED_BYTES = 128 * 1024 * 1024
ROUNDS = 7
FORMAT = format_named("msgpack")

Content = dict[str, dict[str, Any]]
Encode = Callable[[list[list[Any]]], bytes]


# ---------------------------------------------------------------------------------------------------- Cutpoint's own


def new_writer(backend: DirectoryBackend) -> PartWriter:
    return PartWriter(
        backend,
        process=ProcessName("bank"),
        life=Life("a"),
        incarnation=Incarnation(1),
        cut=CutNumber(1),
        computation="bank",
        era=BEGINNING,
        base=None,
    )


def write(table: Table[str, Any], backend: DirectoryBackend) -> PartWriter:
    """The whole table as one part."""
    writer = new_writer(backend)
    writer.begin_state("accounts", "table", 1, FORMAT.name)
    writer.begin_run("base")
    capture = table.capture(full=True)
    frames = (encode_batch(FORMAT, batch, "accounts") for batch in capture.full(ENTRIES_IN_BATCH))
    for chunk in chunked(frames, CHUNK_BYTES):
        writer.add(chunk)
    writer.end_run()
    writer.end_state()
    writer.finish((), (), 0.0)
    capture.abandoned()
    return writer


def restore(backend: DirectoryBackend, writer: PartWriter) -> Content:
    """The content of the table, every chunk checked."""
    reader = open_part(backend, writer.written.pack)
    content: Content = {}
    for run in reader.head.states[0].runs:
        for batch in decode_batches(FORMAT, reader.chunks(run), "accounts"):
            apply_batch(content, batch, "accounts")
    return content


def publish(backend: DirectoryBackend, summary: PartSummary) -> None:
    """Make a recovery point of one part."""
    manifest = Manifest(
        computation="bank",
        cut=summary.cut,
        incarnation=summary.incarnation,
        parent=BEGINNING,
        created="2026-01-01T00:00:00Z",
        duration_seconds=0.1,
        members=(summary.process,),
        parts=(manifest_part(summary),),
        certificate={},
    )
    publish_manifest(backend, manifest)


# ------------------------------------------------------------------------------------------------------- by hand


def write_by_hand(content: Content, folder: Path, encode: Encode) -> list[tuple[Path, list[tuple[int, int, bytes]]]]:
    """Files of chunks; for each file the chunks' lengths, stored and raw, and their digests."""
    folder.mkdir()
    compressor = ZstdCompressor(level=1)
    files: list[tuple[Path, list[tuple[int, int, bytes]]]] = []
    stored: list[bytes] = []
    index: list[tuple[int, int, bytes]] = []
    for raw in chunks_by_hand(content, encode):
        digest = hashlib.sha256(raw).digest()
        stored.append(compressor.compress(raw, ZstdCompressor.FLUSH_FRAME))
        index.append((len(stored[-1]), len(raw), digest))
        if sum(map(len, stored)) >= FILE_BYTES:
            files.append((file_by_hand(folder, stored), index))
            stored, index = [], []
    files.append((file_by_hand(folder, stored), index))
    return files


def exactly(columns: list[list[Any]]) -> bytes:
    return FORMAT.encode_columns(columns, "accounts")


def chunks_by_hand(content: Content, encode: Encode) -> Iterator[bytes]:
    items = iter(content.items())
    frames: list[bytes] = []
    length = 0
    while some := list(islice(items, ENTRIES_IN_BATCH)):
        data = encode([[], [key for key, _ in some], [value for _, value in some]])
        frames += (len(data).to_bytes(4, "big"), data)
        length += 4 + len(data)
        if length >= CHUNK_BYTES:
            yield b"".join(frames)
            frames, length = [], 0
    yield b"".join(frames)


def file_by_hand(folder: Path, stored: list[bytes]) -> Path:
    data = b"".join(stored)
    path = folder / hashlib.sha256(data).hexdigest()
    aside = path.with_suffix(".new")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)
    flush_folder(folder)
    return path


def flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def restore_by_hand(files: list[tuple[Path, list[tuple[int, int, bytes]]]]) -> Content:
    decode = msgspec.msgpack.Decoder().decode
    content: Content = {}
    for path, index in files:
        data = memoryview(path.read_bytes())
        start = 0
        for stored, length, digest in index:
            raw = ZstdDecompressor().decompress(data[start : start + stored], length)
            start += stored
            assert hashlib.sha256(raw).digest() == digest
            at = 0
            while at < length:
                end = at + 4 + int.from_bytes(raw[at : at + 4], "big")
                _gone, keys, values = decode(raw[at + 4 : end])
                content.update(zip(keys, values, strict=True))
                at = end
    return content


# ---------------------------------------------------------------------------------------------------- side by side


def seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def ratio(by_hand: Callable[[int], object], ours: Callable[[int], object]) -> tuple[float, tuple[float, float]]:
    """The loop's time by ours: the median of several rounds, in turn one and the other first, and the spread."""
    found = []
    for number in range(ROUNDS):
        if number % 2:
            loop, own = seconds(lambda: by_hand(number)), seconds(lambda: ours(number))  # noqa: B023
        else:
            own, loop = seconds(lambda: ours(number)), seconds(lambda: by_hand(number))  # noqa: B023
        found.append(loop / own)
    return statistics.median(found), (min(found), max(found))


@pytest.mark.timeout(600)
def test_writing_a_table_against_a_loop_by_hand(tmp_path: Path, record_ratio: RecordRatio) -> None:
    content = dict(accounts(ENTRIES))
    table: Table[str, Any] = Table()
    table.replace(dict(content))
    for name, encode in (("write_ratio", exactly), ("write_ratio_bare_encoder", msgspec.msgpack.Encoder().encode)):
        found = ratio(
            lambda number: write_by_hand(content, tmp_path / f"{name}-hand-{number}", encode),  # noqa: B023
            lambda number: write(table, DirectoryBackend(tmp_path / f"{name}-own-{number}")),  # noqa: B023
        )
        record_ratio(name, *found)


@pytest.mark.timeout(600)
def test_restoring_a_table_against_a_loop_by_hand(tmp_path: Path, record_ratio: RecordRatio) -> None:
    content = dict(accounts(ENTRIES))
    table: Table[str, Any] = Table()
    table.replace(dict(content))
    files = write_by_hand(content, tmp_path / "hand", exactly)
    backend = DirectoryBackend(tmp_path / "own")
    writer = write(table, backend)
    assert restore_by_hand(files) == restore(backend, writer) == content
    found = ratio(lambda number: restore_by_hand(files), lambda number: restore(backend, writer))
    record_ratio("restore_ratio", *found)


@pytest.mark.timeout(600)
def test_verifying_a_store_in_full_against_the_digests_of_its_files(tmp_path: Path, record_ratio: RecordRatio) -> None:
    backend = DirectoryBackend(tmp_path)
    chance = random.Random(1)
    writer = new_writer(backend)
    writer.begin_state("picture", "value", 1, FORMAT.name)
    writer.begin_run("base")
    for _ in range(VERIFIED_BYTES // CHUNK_BYTES):
        writer.add(chance.randbytes(CHUNK_BYTES))
    writer.end_run()
    writer.end_state()
    publish(backend, writer.finish((), (), 0.0))
    paths = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]

    def by_hand(number: int) -> None:
        for path in paths:
            hashlib.sha256(path.read_bytes()).hexdigest()

    def ours(number: int) -> None:
        assert Verifier(backend=backend).full().good == (1,)

    record_ratio("verify_ratio", *ratio(by_hand, ours))
