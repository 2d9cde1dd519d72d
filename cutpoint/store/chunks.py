"""Chunks: the pieces that state is stored in, each named by the sha256 of its raw bytes and stored once.

What is long is cut where its content says so (FastCDC), so that a change in the middle of a long value moves few
borders and everything else keeps its name. How a chunk is kept (compressed, sealed, in which pack) is no part of
its name. Nothing here reads or writes a store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Annotated, Literal, Protocol

import msgspec
from pyfastcdc import FastCDC

CHUNK_RAW_MAX = 4 * 1024 * 1024
"""The most raw bytes in one chunk."""

CONTENT_RAW_MIN, CONTENT_RAW_AVERAGE, CONTENT_RAW_MAX = 64 * 1024, 256 * 1024, 1024 * 1024
"""How long the chunks are that content is cut into; what is not longer than the shortest stays whole."""

ChunkId = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
RunKind = Literal["base", "delta"]
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class ChunkRef(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a chunk is: ``stored`` bytes from ``offset`` on in a pack, which are ``raw`` bytes when opened.

    ``pack`` is a place in a list of packs that comes with it: of a head, its ``packs``, and the pack that holds the
    head itself comes after the last of them.
    """

    pack: _Number
    offset: _Number
    stored: _Number
    raw: _Number
    id: ChunkId


class Run(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Chunks in order: a whole content (``base``), or the changes since the run before (``delta``).

    ``entries``: how many keys a table's run sets or removes; 0 for what is no table.
    """

    kind: RunKind
    chunks: tuple[ChunkRef, ...]
    entries: _Number
    raw_bytes: _Number


class Seal(Protocol):
    """The cipher of one pack. ``counter`` is where in the pack the sealed bytes begin, so it never repeats.

    ``kind`` is ``"chunk"`` or ``"trailer"``; one never passes for the other.
    """

    def seal(self, plain: bytes, counter: int, *, kind: str = "chunk") -> bytes:
        """Encrypt ``plain`` and vouch for it."""
        ...

    def open(self, sealed: bytes, counter: int, *, kind: str = "chunk", where: str = "a pack") -> bytes:
        """What `seal` was given. Raises `cutpoint.errors.Damaged`, beginning with ``where``, for anything else."""
        ...


class Sealing(Protocol):
    """What makes the cipher of each pack: a new one from a fresh salt, or that of a pack that was written."""

    def new_pack(self) -> tuple[str, bytes, Seal]:
        """The id of the key in use (letters, digits, ``-``), a fresh salt (at most 64 bytes), and the cipher."""
        ...

    def of_pack(self, key: str, salt: bytes, *, where: str = "a pack") -> Seal:
        """The cipher of a pack whose header names ``key`` and ``salt``. Raises `ConfigurationError` without the key."""
        ...


def chunk_id(raw: bytes | memoryview) -> bytes:
    """The name of a chunk: the sha256 of its raw bytes, 32 bytes."""
    return hashlib.sha256(raw).digest()


def cut_content(content: bytes) -> Iterator[memoryview]:
    """The chunks of ``content``, in order, cut where the content says so; none if it is empty."""
    view = memoryview(content)
    if len(view) <= CONTENT_RAW_MIN:
        if len(view):
            yield view
        return
    for piece in _cutter.cut_buf(content):
        yield view[piece.offset : piece.offset + piece.length]


_cutter = FastCDC(avg_size=CONTENT_RAW_AVERAGE, min_size=CONTENT_RAW_MIN, max_size=CONTENT_RAW_MAX)
