"""Parts that nobody has written, read in a process of its own with little memory.

``python -m tests.store.hostile_parts flipped|restructured`` makes them as it goes; ``make FOLDER`` writes those that
take much memory to make, and ``read FOLDER`` reads these. Prints one line of JSON: how many were tried, how many were
read all the same, every outcome that may not be, the most memory that the process ever had, and the most processor
time that a single one took.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from cutpoint.errors import ConfigurationError, StoreError
from cutpoint.names import CutNumber
from cutpoint.protocol.messages import PackRef
from cutpoint.store import MemoryBackend, digest_of
from cutpoint.store.chunks import CHUNK_RAW_MAX, chunk_id
from cutpoint.store.compression import Compressor
from cutpoint.store.documents import close_document
from cutpoint.store.heads import KnownPart, encode_head
from cutpoint.store.in_flight import IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX
from cutpoint.store.manifests import MANIFEST_BYTES_MAX, MANIFEST_VALUES_MAX, manifest_name, read_manifest
from cutpoint.store.packs import HEAD_RAW_MAX, PACK_CHUNKS_MAX, PackBuilder, read_index
from cutpoint.store.reader import open_part

from .part_samples import finish, put_table, small_part, writer

ADDRESS_SPACE_BYTES = 600 * 1024 * 1024
ERA = CutNumber(0)
Hostile: TypeAlias = tuple[str, dict[str, bytes], PackRef]
"""What it is, the objects of the store, and the pack whose last chunk is said to be a head."""


def pack_of(data: bytes) -> PackRef:
    """What a hostile manifest would name ``data`` by."""
    return PackRef(era=ERA, digest=digest_of(data), bytes=len(data))


def alone(what: str, data: bytes) -> Hostile:
    pack = pack_of(data)
    return what, {pack.name(): data}, pack


def based() -> tuple[MemoryBackend, KnownPart, KnownPart]:
    """A store with a part, and one that needs its pack too."""
    backend = MemoryBackend()
    first = small_part(backend)
    one = writer(backend, 2, base=first)
    put_table(one, "balances", (b"delta",), keep=first)
    finish(one)
    return backend, first, one.written


def damages(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Every bit flipped, every truncation, and a byte more."""
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} flipped", bytes(flipped)
    for length in range(len(data)):
        yield f"cut to {length} bytes", data[:length]
    yield "a byte more", data + b"\0"


def flipped() -> Iterator[Hostile]:
    """Damage to the part's last pack and to one before it; under the old name, and under the name that fits."""
    backend, first, second = based()
    objects = {name: backend.read(name) for name in backend.list("")}
    for what, data in damages(objects[second.pack.name()]):
        yield f"last pack, {what}", objects | {second.pack.name(): data}, second.pack
        pack = pack_of(data)
        yield f"last pack renamed, {what}", objects | {pack.name(): data}, pack
    for what, data in damages(objects[first.pack.name()]):
        yield f"first pack, {what}", objects | {first.pack.name(): data}, second.pack


def forged(head: bytes, *chunks: bytes, raw: int | None = None) -> bytes:
    """A pack of these chunks and this head, of which the index says that it is ``raw`` bytes long."""
    builder = PackBuilder(Compressor(), None)
    for chunk in (*chunks, head):
        builder.add(chunk, chunk_id(chunk))
    if raw is not None:
        builder._entries[-1] = msgspec.structs.replace(builder._entries[-1], raw=raw)
    return builder.finish(ERA, head=True)[1]


NUMBERS = (-1, 0, 1, 7, 255, 2**31, 2**53 - 1, 2**53, 2**63 - 1, 2**64 - 1)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    1.5,
    float("nan"),
    "",
    "x",
    "../../etc/passwd",
    "a\nb",
    "x" * 2000,
    b"",
    b"x" * 32,
    [],
    {},
    [[]],
)


def mutated(tree: Any, chance: random.Random) -> Any:
    """``tree`` with one thing in it replaced, removed or doubled."""
    places: list[tuple[Any, Any]] = []

    def walk(one: Any) -> None:
        if isinstance(one, dict | list):
            for key in list(one) if isinstance(one, dict) else range(len(one)):
                places.append((one, key))
                walk(one[key])

    walk(tree)
    inside, key = chance.choice(places)
    way = chance.randrange(5)
    if way == 0:
        del inside[key]
    elif way == 1 and isinstance(inside, list):
        inside.insert(key, inside[key])
    elif way == 2 and isinstance(inside[key], list):
        chance.shuffle(inside[key])
    elif isinstance(inside[key], int) and way < 4:
        inside[key] = chance.choice((*NUMBERS, inside[key] + 1, inside[key] - 1))
    else:
        inside[key] = chance.choice((*OTHERS, *NUMBERS, copied(chance.choice(places)[0])))
    return tree


def copied(tree: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(tree))


def restructured() -> Iterator[Hostile]:
    """Heads with one to three things changed, in packs that are sound and hold the chunks that were there."""
    backend, first, second = based()
    objects = {name: backend.read(name) for name in backend.list("")}
    for seed in range(4000):
        chance = random.Random(seed)
        part = (first, second)[seed % 2]
        tree = copied(msgspec.msgpack.decode(encode_head(part.head)))
        for _ in range(chance.randint(1, 3)):
            tree = mutated(tree, chance)
        made = with_head(objects[part.pack.name()], encoded(tree))
        pack = pack_of(made)
        yield f"seed {seed}", objects | {pack.name(): made}, pack


def encoded(tree: Any) -> bytes:
    return msgspec.msgpack.encode(tree)


def with_head(data: bytes, head: bytes) -> bytes:
    """The pack ``data`` with another head."""
    index, _ = read_index(data, None, "it")
    assert index.head is not None
    entries = [[e.stored, e.raw, e.id] for offset, e in index.entries.items() if offset != index.head]
    frame = Compressor().compress(encoded([True, [*entries, [len(head), len(head), chunk_id(head)]]]))
    return data[: index.head] + head + frame + len(frame).to_bytes(8, "big") + b"\nend\n"


FIELDS: dict[str, Any] = msgspec.msgpack.decode(encode_head(small_part(MemoryBackend()).head))
EMPTY = FIELDS | {"sessions": [], "messages": [], "states": [], "boundary": [], "packs": [], "kept": 0}


def bombs() -> Iterator[Hostile]:
    """Little that says it is much, and much that says it is sound."""
    yield alone("a head that expands to more than it says", forged(bytes(300 << 20), raw=1000))
    yield alone("a head that is said to be 4 MiB and expands to 300", forged(bytes(300 << 20), raw=HEAD_RAW_MAX))
    for what, filler in (
        ("boundary", {"boundary": ["é"] * (HEAD_RAW_MAX // 4)}),
        ("long boundary", {"boundary": ["ééé"] * (HEAD_RAW_MAX // 8)}),
        ("runs", {"states": [state([["delta", [], 0, 0]] * (HEAD_RAW_MAX // 16))]}),
        ("states", {"states": [state([])] * (HEAD_RAW_MAX // 48)}),
        ("chunks", {"states": [state([["base", [[0, 16, 1, 4 << 20, bytes(32)]] * 90_000, 0, 0]])]}),
        ("packs", {"packs": [{"era": 0, "digest": "sha256:" + "0" * 64, "bytes": 9}] * 40_000}),
        ("received", {"sessions": [received([[1, 1]] * (HEAD_RAW_MAX // 3 - 1000))]}),
        ("gaps", {"sessions": [received([[2 * n + 1, 2 * n + 1] for n in range(HEAD_RAW_MAX // 12)])]}),
    ):
        yield alone(f"a head full of {what}", forged(msgspec.msgpack.encode(EMPTY | filler)))
    for nesting in (b"\x91", b"\x81\x01", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
        yield alone(f"a head of nothing but {nesting.hex()}", forged(nesting * (HEAD_RAW_MAX // len(nesting))))
    yield from indexes()
    yield from streams()


def state(runs: list[Any]) -> dict[str, Any]:
    return {"name": "a", "kind": "table", "version": 1, "format": "msgpack", "runs": runs}


def received(ranges: list[Any]) -> dict[str, Any]:
    evidence = FIELDS["sessions"][0]["evidence"]
    return {"evidence": evidence | {"incoming": evidence["incoming"] | {"received": ranges, "in_flight": []}}}


def indexes() -> Iterator[Hostile]:
    for what, raw in (
        ("300 MiB of nothing", bytes(300 << 20)),
        ("4 MiB of nothing", bytes(CHUNK_RAW_MAX)),
        ("nesting", b"\x91" * CHUNK_RAW_MAX),
        ("as many chunks as may be", msgspec.msgpack.encode([True, [[1, 1, bytes(32)]] * PACK_CHUNKS_MAX])),
        ("more chunks than may be", msgspec.msgpack.encode([True, [[1, 1, bytes(32)]] * (PACK_CHUNKS_MAX + 1)])),
    ):
        frame = Compressor().compress(raw)
        body = b"x" * PACK_CHUNKS_MAX
        yield alone(
            f"an index: {what}", b"cutpoint-pack 1\n" + body + frame + struct.pack(">Q", len(frame)) + b"\nend\n"
        )


def streams() -> Iterator[Hostile]:
    """In-flight messages: as much as is allowed, and what is no message."""
    each = IN_FLIGHT_BYTES_MAX // IN_FLIGHT_MAX - 13
    for what, payload in (("bytes", b"\x01"), ("text", b"\x00"), ("closes", b"\x02")):
        frame = struct.Struct(">BQI")
        stream = bytearray()
        for number in range(IN_FLIGHT_MAX):
            stream += frame.pack(payload[0], 6 + number, each) + bytes(each)
        pieces = [bytes(stream[at : at + CHUNK_RAW_MAX]) for at in range(0, len(stream), CHUNK_RAW_MAX)]
        yield alone(f"messages: as many {what} as may be", with_messages(pieces, IN_FLIGHT_MAX))
    zeros = bytes(CHUNK_RAW_MAX)
    yield alone("messages: zeros", with_messages([zeros] * (IN_FLIGHT_BYTES_MAX // CHUNK_RAW_MAX), IN_FLIGHT_MAX))
    longest = b"\x01" + (6).to_bytes(8, "big") + (IN_FLIGHT_BYTES_MAX - 13).to_bytes(4, "big")
    pieces = [longest + zeros[13:]] + [zeros] * (IN_FLIGHT_BYTES_MAX // CHUNK_RAW_MAX - 1)
    yield alone("messages: one", with_messages(pieces, 1))


def with_messages(pieces: list[bytes], count: int) -> bytes:
    """A part of which the evidence counts ``count`` messages, and these are the chunks that hold them."""
    builder = PackBuilder(Compressor(), None)
    places = {piece: builder.add(piece, chunk_id(piece)) for piece in dict.fromkeys(pieces)}
    evidence = FIELDS["sessions"][0]["evidence"]
    evidence = evidence | {
        "outgoing": evidence["outgoing"] | {"sent": 5 + count},
        "incoming": evidence["incoming"] | {"in_flight": []},
    }
    refs = [[0, *places[piece], len(piece), chunk_id(piece)] for piece in pieces]
    head = msgspec.msgpack.encode(EMPTY | {"sessions": [{"evidence": evidence}], "messages": refs})
    builder.add(head, chunk_id(head))
    return builder.finish(ERA, head=True)[1]


def made(folder: Path) -> None:
    for number, (what, objects, pack) in enumerate(bombs()):
        (folder / f"{number:03d} {what}").write_bytes(objects[pack.name()])
    for what, data in manifests():
        (folder / what).write_bytes(data)


def found(folder: Path) -> Iterator[Hostile]:
    """What `made` has made. A manifest has a name of its own."""
    for path in sorted(folder.iterdir()):
        what, objects, pack = alone(path.name, path.read_bytes())
        if "manifest" in path.name:
            objects = {manifest_name(CutNumber(1)): objects[pack.name()]}
        yield what, objects, pack


MANIFEST = (
    b'{"kind":"cutpoint-manifest","format":1,"computation":"c","cut":1,"incarnation":1,"parent":0,"created":"c",'
    b'"duration_seconds":1,"members":@members,"parts":@parts,"certificate":{"a":@certificate}}\n'
)


def manifests() -> Iterator[tuple[str, bytes]]:
    """Manifests whose digest is right, and which would be far more in memory than they are."""
    for what, field, each in (
        ("arrays", b"@certificate", b"[],"),
        ("objects", b"@certificate", b'{"":0},'),
        ("numbers", b"@certificate", b"0.1,"),
        ("nesting", b"@certificate", b"["),
        ("names", b"@members", '"ab\u0101",'.encode()),
        ("parts", b"@parts", b"{},"),
    ):
        for values in (MANIFEST_VALUES_MAX // 4 - 100, MANIFEST_BYTES_MAX // len(each) - 100):
            body = MANIFEST.replace(field, b"[" + each * values + b"0]")
            for other in (b"@certificate", b"@members", b"@parts"):
                body = body.replace(other, b"[]", 1)
            yield f"a manifest full of {values} {what}", close_document(body, "manifest", None)


def read_all(backend: MemoryBackend, pack: PackRef) -> bytes:
    """Everything of a part, one thing at a time, as a restore does: a digest of it. Or the manifest if there is one."""
    digest = hashlib.sha256()
    if backend.list("manifests/"):
        read_manifest(backend, CutNumber(1))
        return digest.digest()
    reader = open_part(backend, pack)
    for record in reader.sessions():
        digest.update(record.evidence.session.encode())
    for state in reader.head.states:
        for run in state.runs:
            for chunk in reader.chunks(run):
                digest.update(chunk)
    return digest.digest()


def main(hostile: Iterator[Hostile], expected: bytes | None) -> None:
    """``expected``: what may be read, if only that may."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    wrong: list[str] = []
    read = tried = 0
    slowest = ("", 0.0)
    for what, objects, pack in hostile:
        backend = MemoryBackend()
        for each, data in objects.items():
            backend.create(each, data)
        tried += 1
        began = time.process_time()
        try:
            if expected not in (None, read_all(backend, pack)):
                wrong.append(f"{what}: something else was read")
            read += 1
        except (StoreError, ConfigurationError) as error:
            if not str(error).startswith("object ") or not str(error).isprintable():
                wrong.append(f"{what}: {error}")
        except BaseException as error:
            wrong.append(f"{what}: {error!r}"[:300])
        slowest = max(slowest, (what, time.process_time() - began), key=lambda one: one[1])
    peak = peak_bytes()
    print(json.dumps({"tried": tried, "read": read, "wrong": wrong[:20], "peak_bytes": peak, "slowest": slowest}))


def peak_bytes() -> int:
    """The most memory that this program ever had; `getrusage` would count what its parent had too."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    if sys.argv[1] == "make":
        made(Path(sys.argv[2]))
    elif sys.argv[1] == "read":
        main(found(Path(sys.argv[2])), None)
    elif sys.argv[1] == "flipped":
        sound, _, second = based()
        main(flipped(), read_all(sound, second.pack))
    else:
        main(restructured(), None)
