"""Packs: the append-only objects that hold chunks, written once, each named by the sha256 of its bytes.

::

    cutpoint-pack 1                  or: cutpoint-pack 1 sealed <key id> <salt in hexadecimal digits>
    <stored chunks, back to back>    a stored chunk is one Zstandard frame, or the raw bytes where that is not longer
    <index>                          one Zstandard frame of MessagePack: [holds a head, [[stored, raw, id], ...]]
    <length of the index>            8 bytes, big-endian
    <line feed> end <line feed>

In a sealed pack every stored chunk and the index are encrypted, each with its offset as the counter. The index
accounts for every byte of the pack. Nothing here knows what is in a chunk.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import msgspec

from cutpoint.errors import ConfigurationError, CutpointError, Damaged, ObjectExists, ObjectMissing
from cutpoint.names import CutNumber, Digest
from cutpoint.protocol.messages import PackRef
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import CHUNK_RAW_MAX, ChunkId, Seal, Sealing, chunk_id
from cutpoint.store.compression import Compressor, expand, expand_at_most
from cutpoint.store.digests import digest_of
from cutpoint.store.joining import joined
from cutpoint.wire.checks import one_line

PACK_VERSION = 1
PACK_BYTES = 8 * 1024 * 1024
"""A pack that has grown to this length is full."""

PACK_BYTES_MAX = 32 * 1024 * 1024
"""The longest pack that is read."""

PACK_CHUNKS_MAX = 65_536
"""The most chunks in one pack; their index then fits into `CHUNK_RAW_MAX`."""

HEAD_RAW_MAX = CHUNK_RAW_MAX
"""The longest head, which is a pack's last chunk, in bytes. Decoding it takes up to thirty times as much memory."""

HEADER_BYTES_MAX = 256
_HEADER = f"cutpoint-pack {PACK_VERSION}\n".encode()
_SEALED = re.compile(rb"cutpoint-pack 1 sealed ([A-Za-z0-9-]{1,64}) ((?:[0-9a-f]{2}){1,64})\n")
_LENGTH_BYTES = 8
_END = b"\nend\n"
_TAIL_BYTES = _LENGTH_BYTES + len(_END)
_ADVICE = "recover to another recovery point, or bring the object back from a copy"


class IndexEntry(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One chunk of a pack; it begins where the one before it ends."""

    stored: Annotated[int, msgspec.Meta(ge=1, le=PACK_BYTES_MAX)]
    raw: Annotated[int, msgspec.Meta(ge=0, le=HEAD_RAW_MAX)]
    id: ChunkId


class _Index(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    head: bool
    chunks: Annotated[tuple[IndexEntry, ...], msgspec.Meta(max_length=PACK_CHUNKS_MAX)]


class PackIndex(msgspec.Struct, frozen=True, kw_only=True):
    """What a pack holds: its chunks by where they begin. ``head``: where the head begins, its last chunk, or None."""

    entries: dict[int, IndexEntry]
    head: int | None


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[_Index] = msgspec.msgpack.Decoder(_Index)


class PackBuilder:
    """One pack that is being filled, in memory."""

    def __init__(self, compressor: Compressor, sealing: Sealing | None, *, bytes_wanted: int | None = None) -> None:
        self._compressor = compressor
        self._bytes_wanted = PACK_BYTES if bytes_wanted is None else bytes_wanted
        self._seal: Seal | None = None
        header = _HEADER
        if sealing is not None:
            key, salt, self._seal = sealing.new_pack()
            header = f"cutpoint-pack {PACK_VERSION} sealed {key} {salt.hex()}\n".encode()
        self._pieces: list[bytes] = []
        self._entries: list[IndexEntry] = []
        self._hash = hashlib.sha256()
        self.bytes = 0
        self._append(header)

    @property
    def full(self) -> bool:
        """Whether the next chunk belongs into another pack."""
        return self.bytes >= self._bytes_wanted or len(self._entries) >= PACK_CHUNKS_MAX - 1

    def add(self, raw: bytes | memoryview, name: bytes) -> tuple[int, int]:
        """Keep the chunk ``raw``, whose id is ``name``; where it begins and how long it is stored."""
        plain = self._compressor.compress(raw)
        if len(plain) >= len(raw):
            plain = bytes(raw)
        stored = plain if self._seal is None else self._seal.seal(plain, self.bytes)
        offset = self.bytes
        self._append(stored)
        self._entries.append(IndexEntry(stored=len(stored), raw=len(raw), id=name))
        return offset, len(stored)

    def finish(self, era: CutNumber, *, head: bool) -> tuple[PackRef, bytes]:
        """The whole pack and its name; ``head``: its last chunk is one. Nothing can be added after that."""
        index = self._compressor.compress(_encoder.encode(_Index(head=head, chunks=tuple(self._entries))))
        if self._seal is not None:
            index = self._seal.seal(index, self.bytes, kind="trailer")
        self._append(index)
        self._append(len(index).to_bytes(_LENGTH_BYTES, "big") + _END)
        data = joined(self._pieces)
        self._pieces.clear()
        return PackRef(era=era, digest=Digest(f"sha256:{self._hash.hexdigest()}"), bytes=len(data)), data

    def _append(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._hash.update(piece)
        self.bytes += len(piece)


def create_pack(backend: Backend, pack: PackRef, data: bytes) -> None:
    """Write ``pack`` durably. The very same one again succeeds; `Damaged` if other bytes are in its place."""
    try:
        backend.create(pack.name(), data)
    except ObjectExists:
        if backend.size(pack.name()) != len(data) or digest_of(backend.read(pack.name())) != pack.digest:
            raise Damaged(
                f"object {pack.name()} in {backend.url} is there already and its bytes are not what its name says; "
                "nothing was overwritten; run verify, then move the object away"
            ) from None


def read_pack(backend: Backend, pack: PackRef) -> bytes:
    """Read every byte of ``pack``. Raises `ObjectMissing`, or `Damaged` if they are not those of its name."""
    where = location(backend, pack)
    if pack.bytes > PACK_BYTES_MAX:
        raise Damaged(f"{where} is said to be {pack.bytes} bytes long, no pack is longer than {PACK_BYTES_MAX}")
    try:
        data = backend.read(pack.name(), bytes_max=pack.bytes)
    except (Damaged, ObjectMissing, ConfigurationError):
        raise
    except CutpointError:
        if (found := backend.size(pack.name())) in (None, pack.bytes):
            raise
        raise _of_another_length(where, found or 0, pack.bytes) from None
    if len(data) != pack.bytes:
        raise _of_another_length(where, len(data), pack.bytes)
    if (digest := digest_of(data)) != pack.digest:
        raise Damaged(f"{where} has {digest}: its {len(data)} bytes are not those that were written; {_ADVICE}")
    return data


def _of_another_length(where: str, found: int, expected: int) -> Damaged:
    return Damaged(f"{where} is {found} bytes long, {expected} were written; {_ADVICE}")


def location(backend: Backend, pack: PackRef) -> str:
    """How an error names ``pack``."""
    return f"object {pack.name()} in {backend.url}"


def read_seal(header: bytes | memoryview, sealing: Sealing | None, where: str) -> tuple[int, Seal | None]:
    """How long the header of a pack is that begins with ``header``, and the pack's cipher if it is sealed.

    Raises `Damaged` for what is no pack, `ConfigurationError` if the key is not there.
    """
    start = bytes(header[:HEADER_BYTES_MAX])
    if start.startswith(_HEADER):
        return len(_HEADER), None
    if not (sealed := _SEALED.match(start)):
        raise Damaged(f"{where} {_strange_header(start)}")
    key = sealed[1].decode()
    if sealing is None:
        raise ConfigurationError(f"{where} is sealed with key {key}; nothing was read; name the file with that key")
    return sealed.end(), sealing.of_pack(key, bytes.fromhex(sealed[2].decode()), where=where)


def _strange_header(start: bytes) -> str:
    found = re.match(rb"cutpoint-pack (\d{1,9})[ \n]", start)
    if found and int(found[1]) != PACK_VERSION:
        return (
            f"is of format version {int(found[1])}, this program reads version {PACK_VERSION}; start the newer program"
        )
    return f"is not a pack, or its first bytes are not those that were written; {_ADVICE}"


def read_index(data: bytes, sealing: Sealing | None, where: str) -> tuple[PackIndex, Seal | None]:
    """The index of the whole pack ``data``, whose digest was checked. Raises `Damaged`."""
    offset, seal = read_seal(data, sealing, where)
    length = int.from_bytes(data[-_TAIL_BYTES : -len(_END)], "big")
    start = len(data) - _TAIL_BYTES - length
    if not data.endswith(_END) or start < offset:
        raise Damaged(f"{where} does not end as a pack does; {_ADVICE}")
    frame: bytes | memoryview = memoryview(data)[start : start + length]
    try:
        if seal is not None:
            frame = seal.open(bytes(frame), start, kind="trailer", where=where)
        index = _decoder.decode(expand_at_most(frame, CHUNK_RAW_MAX))
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise Damaged(f"{where} has no sound index: {one_line(error)}; {_ADVICE}") from error
    entries = {}
    last = None
    for entry in index.chunks:
        entries[offset] = entry
        last = offset
        offset += entry.stored
    if offset != start:
        raise Damaged(f"{where} has an index that does not account for all of its bytes; {_ADVICE}")
    if index.head and last is None:
        raise Damaged(f"{where} says that its last chunk is a head and holds no chunk; {_ADVICE}")
    return PackIndex(entries=entries, head=last if index.head else None), seal


def open_chunk(stored: bytes | memoryview, offset: int, entry: IndexEntry, seal: Seal | None, where: str) -> bytes:
    """The raw bytes of a chunk that is stored as ``stored`` at ``offset``. Raises `Damaged`, naming ``where``."""
    try:
        plain = stored if seal is None else seal.open(bytes(stored), offset, where=where)
        raw = bytes(plain) if len(plain) == entry.raw else expand(plain, entry.raw)
    except ValueError as error:
        raise Damaged(f"{where} holds a damaged chunk at byte {offset}: {one_line(error)}; {_ADVICE}") from error
    if chunk_id(raw) != entry.id:
        raise Damaged(f"{where} holds another chunk at byte {offset} than was written there; {_ADVICE}")
    return raw
