"""The store that docs/reference/store-format.md prints is one: it is built from the page, read back and verified."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec
import pytest

from cutpoint.names import CutNumber
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.consistency import recheck
from cutpoint.protocol.messages import PartSummary
from cutpoint.store import Manifest, MemoryBackend, chunks, digest_of, in_flight, manifests, packs, read_manifest
from cutpoint.store.collection_plan import ERA_SPAN
from cutpoint.store.compression import expand, expand_at_most
from cutpoint.store.heads import PartHead
from cutpoint.store.identity import STORE_BYTES_MAX, STORE_NAME, STORE_VERSION, read_identity
from cutpoint.store.marks import MARK_BYTES_MAX, MARK_VERSION, read_marks
from cutpoint.store.packs import read_index
from cutpoint.store.reader import PartReader, open_part
from cutpoint.store.survey import kind_of
from cutpoint.store.verification import Verifier
from cutpoint.wire.checks import PACKS_MAX
from tests.docs.documented import ROOT, fenced

PAGE = "docs/reference/store-format.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
FENCES = [(language, body) for _, language, body in fenced(TEXT)]
ONE = CutNumber(1)


def text_of(language: str) -> str:
    """The only block of its kind."""
    (found,) = (body for kind, body in FENCES if kind == language)
    return found


def sections() -> list[tuple[str, int, bytes]]:
    """The dump: what each section is said to be, where it begins, and its bytes."""
    found: list[tuple[str, int, bytes]] = []
    for line in text_of("hexdump").splitlines():
        if line.startswith("# "):
            found.append((line.removeprefix("# "), -1, b""))
            continue
        offset, digits, shown = line[:8], line[10:57], line[59:]
        data = bytes.fromhex(digits)
        assert shown == "|" + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data) + "|"
        title, start, before = found[-1]
        start = start if before else int(offset, 16)
        assert start + len(before) == int(offset, 16)
        found[-1] = (title, start, before + data)
    return found


DATA = b"".join(data for _, _, data in sections())


@pytest.fixture
def store() -> MemoryBackend:
    """All objects that the page prints."""
    backend = MemoryBackend()
    (pack,) = re.findall(r"bytes, `(packs/\d{12}/[0-9a-f]{64})`", TEXT)
    backend.create(pack, DATA)
    for language, body in FENCES:
        if title := re.fullmatch(r'json title="(.+)"', language):
            backend.create(title[1], body.encode())
    return backend


@pytest.fixture
def reader(store: MemoryBackend) -> PartReader:
    (part,) = read_manifest(store, ONE).parts
    return open_part(store, part.packs[-1])


def test_the_printed_store_is_whole_and_its_certificate_holds(store: MemoryBackend) -> None:
    def check(manifest: Manifest, summaries: tuple[PartSummary, ...]) -> tuple[str, ...]:
        given = {summary.process: summary for summary in summaries}
        return tuple(each.complaint for each in recheck(msgspec.convert(manifest.certificate, Certificate), given))

    found = Verifier(backend=store, recheck=check).full()
    assert (found.good, found.complaints) == ((1,), ())
    assert read_marks(store, ONE).labels == ("release-7",)
    assert read_identity(store) is not None
    assert [kind_of(name) for name in store.list("")] == ["manifest", "mark", "pack", "store"]


def test_the_dump_has_the_sections_that_the_page_says() -> None:
    assert f"This is a pack of {len(DATA)} bytes" in TEXT
    index, _ = read_index(DATA, None, "it")
    titles, starts, parts = zip(*sections(), strict=True)
    assert list(starts[1:-3]) == list(index.entries)
    assert [start + len(part) for start, part in zip(starts, parts, strict=True)] == [*starts[1:], len(DATA)]
    assert parts[0] == b"cutpoint-pack 1\n"
    assert int.from_bytes(parts[-2], "big") == len(parts[-3])
    assert parts[-1] == b"\nend\n"
    assert msgspec.msgpack.decode(expand_at_most(parts[-3], 10_000)) == [
        True,
        [[entry.stored, entry.raw, entry.id] for entry in index.entries.values()],
    ]
    raw, stored = map(int, re.findall(r"\d+", titles[-4]))
    assert (len(parts[-4]), len(expand(parts[-4], raw))) == (stored, raw)


def test_the_head_is_what_the_page_says(reader: PartReader) -> None:
    assert msgspec.json.decode(text_of("json"), type=PartHead) == reader.head


def test_whoever_follows_the_page_reads_what_was_written(reader: PartReader) -> None:
    """As it is told under "To read a recovery point" and "The head", with nothing of Cutpoint's."""
    head = msgspec.msgpack.decode(msgspec.msgpack.encode(reader.head))
    table: dict[Any, Any] = {}
    for _kind, refs, _entries, _raw_bytes in head["states"][0]["runs"]:
        for pack, offset, stored, raw_length, name in refs:
            assert pack == len(head["packs"])
            assert stored == raw_length
            raw = DATA[offset : offset + stored]
            assert hashlib.sha256(raw).digest() == name
            gone, keys, values = msgspec.msgpack.decode(raw[4 : 4 + int.from_bytes(raw[:4], "big")])
            for key in gone:
                table.pop(key, None)
            table.update(zip(keys, values, strict=True))
    assert table == {"apple": 3, "fig": 7}
    ((_kind, [[_pack, offset, stored, _raw, _name]], _entries, _raw_bytes),) = head["states"][1]["runs"]
    assert msgspec.msgpack.decode(DATA[offset : offset + stored]) == "fresh every day"


def test_a_state_s_digest_is_that_of_its_chunks_ids(store: MemoryBackend, reader: PartReader) -> None:
    (part,) = read_manifest(store, ONE).parts
    for summary, state in zip(part.states, reader.head.states, strict=True):
        assert summary.digest == digest_of(b"".join(chunk.id for run in state.runs for chunk in run.chunks))


def test_the_tree_has_names_that_a_store_has() -> None:
    names = text_of("").split()
    assert {kind_of(name) for name in names} == {"store", "manifest", "mark", "pack"}


def test_the_fields_of_a_head_are_all_told() -> None:
    table = TEXT[TEXT.index("| field | what |") : TEXT.index("\n\nA **table** has one base run")]
    told = {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert told >= set(PartHead.__struct_fields__)
    assert told - set(PartHead.__struct_fields__) == {"runs"}


def test_limits_and_numbers_are_those_of_the_program() -> None:
    sizes = (
        (chunks.CHUNK_RAW_MAX, 4, "| a chunk, and a head, raw | 4 MiB |"),
        (packs.HEAD_RAW_MAX, 4, "| a chunk, and a head, raw | 4 MiB |"),
        (packs.PACK_BYTES_MAX, 32, "| a pack | 32 MiB; a writer begins another at 8 MiB |"),
        (packs.PACK_BYTES, 8, "| a pack | 32 MiB; a writer begins another at 8 MiB |"),
        (in_flight.IN_FLIGHT_BYTES_MAX, 64, f"part | {in_flight.IN_FLIGHT_MAX:,}, and 64 MiB"),
        (manifests.MANIFEST_BYTES_MAX, 16, f"| a manifest | 16 MiB, and {manifests.MANIFEST_VALUES_MAX:,} values"),
    )
    for found, mebibytes, told in sizes:
        assert found == mebibytes * 1024 * 1024
        assert told in TEXT
    assert f"| chunks in a pack | {packs.PACK_CHUNKS_MAX:,} |" in TEXT
    assert f"| packs of a part | {PACKS_MAX:,} |" in TEXT
    for bytes_max in (MARK_BYTES_MAX, STORE_BYTES_MAX):
        assert bytes_max == 64 * 1024
    assert f"| a mark, or `{STORE_NAME}` | 64 KiB |" in TEXT
    assert f"(era + {ERA_SPAN} is over)" in TEXT
    for version in (packs.PACK_VERSION, manifests.MANIFEST_VERSION, MARK_VERSION, STORE_VERSION):
        assert version == 1
