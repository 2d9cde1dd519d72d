"""One recovery point as one file: a tar archive of which every byte is known before anything of it is believed.

::

    cutpoint-archive.json            the index: every object with its length and digest; last line: its own digest
    packs/000000000007/<64 hex>      the packs that the recovery point needs, ascending by name
    marks/000000000012/000001.json   its labels and pins
    manifests/000000000012.json      the manifest, last

Any tar program unpacks it. Reading is stricter than tar: each header has to be, byte for byte, the one that
`header_of` makes for what the index says, the members stand in the index's order, and the file ends where the last
one does. So there are no links, no devices, no sparse files, no names that climb out of a folder and no member whose
length is not known from the beginning: not because each is looked for, but because nothing else is accepted. What
the objects mean is not decided here.
"""

from __future__ import annotations

import os
import re
import tarfile
from typing import BinaryIO

import msgspec

from cutpoint.errors import Damaged, UsageError
from cutpoint.names import CutNumber, Digest
from cutpoint.store.digests import digest_of
from cutpoint.store.manifests import MANIFEST_BYTES_MAX
from cutpoint.store.marks import MARK_BYTES_MAX
from cutpoint.store.packs import PACK_BYTES_MAX
from cutpoint.wire.checks import check_digest, check_numbers, check_texts, one_line

ARCHIVE_VERSION = 1
INDEX_NAME = "cutpoint-archive.json"
INDEX_BYTES_MAX = 16 * 1024 * 1024
"""The longest index that is read, in bytes."""

BLOCK = tarfile.BLOCKSIZE
_END = b"\0" * (2 * BLOCK)
_DIGEST_BYTES = len("sha256:") + 64 + len("\n")
_PACK = re.compile(r"packs/[0-9]{12}/([0-9a-f]{64})")
_MARK = re.compile(r"marks/([0-9]{12})/[0-9]{6}\.json")
_MANIFEST = re.compile(r"manifests/([0-9]{12})\.json")
_SIZE = slice(124, 136)
_REMEDY = "nothing was imported; fetch the archive again, or export it anew"


class ArchivedObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a store, as it lies in the archive."""

    name: str
    bytes: int
    digest: Digest


class ArchiveIndex(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cutpoint-archive"):
    """What is in the archive, in the order in which it lies there: packs, marks, the manifest."""

    format: int = ARCHIVE_VERSION
    cut: CutNumber
    computation: str
    objects: tuple[ArchivedObject, ...]

    def named(self, prefix: str) -> tuple[ArchivedObject, ...]:
        """The objects whose names begin with ``prefix``."""
        return tuple(found for found in self.objects if found.name.startswith(prefix))


class _Header(msgspec.Struct, tag_field="kind", tag="cutpoint-archive"):
    format: int


def encode_index(index: ArchiveIndex) -> bytes:
    """Encode ``index``. Raises `UsageError` if it is not one that `read_index` would accept."""
    complaint = _check(index)
    body = msgspec.json.format(msgspec.json.encode(index), indent=1) + b"\n"
    if not complaint and len(body) + _DIGEST_BYTES > INDEX_BYTES_MAX:
        complaint = f"its index has {len(body)} bytes, {INDEX_BYTES_MAX} are allowed"
    if complaint:
        raise UsageError(f"recovery point {index.cut} cannot be archived: {complaint}; nothing was written")
    return body + digest_of(body).encode() + b"\n"


def header_of(name: str, length: int) -> bytes:
    """The one header that a member of this name and length has: a plain file, nobody's, of no time."""
    member = tarfile.TarInfo(name)
    member.size = length
    member.mode = 0o644
    return member.tobuf(format=tarfile.USTAR_FORMAT)


def padding_of(length: int) -> bytes:
    """What fills a member of this length up to whole blocks."""
    return b"\0" * (-length % BLOCK)


def end_of_archive() -> bytes:
    """The last two blocks."""
    return _END


def read_index(file: BinaryIO, bytes_found: int, where: str) -> tuple[ArchiveIndex, dict[str, int]]:
    """Read the index of an archive of ``bytes_found`` bytes, and where each object's first byte is, by name.

    Reads the index and the headers, no object. Raises `Damaged` that begins with ``where``.
    """
    length = _index_length(file.read(BLOCK), bytes_found, where)
    data = file.read(length)
    index = _decode(data, where)
    if file.read(len(padding_of(length))) != padding_of(length):
        raise _strange(where, "something else follows its index")
    offsets: dict[str, int] = {}
    at = file.tell()
    for found in index.objects:
        offsets[found.name] = at + BLOCK
        at += BLOCK + found.bytes + len(padding_of(found.bytes))
    if bytes_found != at + len(_END):
        raise _strange(where, f"it is {bytes_found} bytes long, its index makes it {at + len(_END)}")
    for found in index.objects:
        file.seek(offsets[found.name] - BLOCK)
        if file.read(BLOCK) != header_of(found.name, found.bytes):
            raise _strange(where, f"the header of {found.name} is not the one that an export writes")
        file.seek(found.bytes, os.SEEK_CUR)
        if any(file.read(len(padding_of(found.bytes)))):
            raise _strange(where, f"something is between {found.name} and what follows it")
    file.seek(at)
    if file.read() != _END:
        raise _strange(where, "its last blocks are not empty")
    return index, offsets


def _index_length(header: bytes, bytes_found: int, where: str) -> int:
    """The index's length, from a header that is exactly the index's."""
    digits = header[_SIZE].rstrip(b"\0")
    if len(header) == BLOCK and re.fullmatch(rb"[0-7]{11}", digits):
        length = int(digits, 8)
        if length > min(INDEX_BYTES_MAX, bytes_found):
            raise _strange(where, f"its index would have {length} bytes")
        if header == header_of(INDEX_NAME, length):
            return length
    raise _strange(where, f"it does not begin with {INDEX_NAME} as an export writes it")


def _decode(data: bytes, where: str) -> ArchiveIndex:
    body, last = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if last != digest_of(body).encode() + b"\n":
        raise _strange(where, "its index is cut short or altered")
    try:
        version = msgspec.json.decode(body, type=_Header).format
        if version != ARCHIVE_VERSION:
            raise Damaged(
                f"{where} is an archive of format version {version}, this program reads version {ARCHIVE_VERSION}; "
                "nothing was imported; use the newer program"
            )
        index = msgspec.json.decode(body, type=ArchiveIndex)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise _strange(where, one_line(error)) from error
    if complaint := _check(index):
        raise _strange(where, complaint)
    return index


def _check(index: ArchiveIndex) -> str:
    """Complain of an index that no export can have written."""
    complaint = check_numbers(index, ("cut",), least=1) or check_texts(index, ("computation",))
    cut = f"{index.cut:012d}"
    kinds: list[int] = []
    for found in index.objects:
        longest = MARK_BYTES_MAX
        if pack := _PACK.fullmatch(found.name):
            kinds.append(0)
            longest = PACK_BYTES_MAX
            if found.digest != f"sha256:{pack[1]}":
                complaint = complaint or f"{found.name} has the digest of another pack"
        elif (mark := _MARK.fullmatch(found.name)) and mark[1] == cut:
            kinds.append(1)
        elif (manifest := _MANIFEST.fullmatch(found.name)) and manifest[1] == cut:
            kinds.append(2)
            longest = MANIFEST_BYTES_MAX
        else:
            complaint = complaint or f"{one_line(repr(found.name))} does not belong to recovery point {index.cut}"
        if not 1 <= found.bytes <= longest:
            complaint = complaint or f"{found.name} would have {found.bytes} bytes"
        complaint = complaint or check_digest(found.digest)
    names = [(kind, found.name) for kind, found in zip(kinds, index.objects, strict=False)]
    if not complaint and (sorted(set(names)) != names or kinds.count(2) != 1):
        complaint = "its objects are not packs, marks and one manifest, ascending, each once"
    return complaint


def _strange(where: str, what: str) -> Damaged:
    return Damaged(f"{where} is not an archive of a recovery point: {what}; {_REMEDY}")
