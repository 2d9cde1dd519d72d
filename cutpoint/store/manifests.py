"""What names a recovery point's bytes: one readable JSON object for each published cut.

It is a document (`cutpoint.store.documents`): its last line is the digest of everything before it, and the line
before that holds the signatures over the body, where there are keys. It is written once: a second manifest for the same
cut is refused, unless it says the very same, which makes publishing safe to repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cutpoint.errors import Damaged, ObjectExists, UsageError
from cutpoint.names import CutNumber, Digest, Incarnation, ProcessName
from cutpoint.protocol.messages import PackRef, PartSummary, StateSummary
from cutpoint.store.backend import Backend
from cutpoint.store.documents import DIGEST_LINE_BYTES, close_document, open_document, write_body
from cutpoint.wire.checks import check_digest, check_numbers, check_processes, check_seconds, check_texts, one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

MANIFEST_VERSION = 1
MANIFEST_BYTES_MAX = 16 * 1024 * 1024
"""The longest manifest that is written or read, in bytes."""

MANIFEST_VALUES_MAX = 1_500_000
"""The most values in a manifest, an array or object counting as three: what they take in memory stays bounded."""

_PREFIX = "manifests/"
_NUMBER_DIGITS = 12
_PURPOSE = "manifest"


class ManifestPart(msgspec.Struct, frozen=True, kw_only=True):
    """What a manifest says of one process: where its part is, how long, and what is in it.

    Fields as in `cutpoint.protocol.messages.PartSummary`.
    """

    process: ProcessName
    object: Digest
    bytes: int
    in_flight_messages: int
    stall_seconds: float
    states: tuple[StateSummary, ...]
    packs: tuple[PackRef, ...] = ()
    fresh_bytes: int = 0
    base: CutNumber = CutNumber(0)


class Manifest(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cutpoint-manifest"):
    """One published cut. ``parent`` is the last published cut when it began, 0: none; ``created`` is RFC 3339, UTC.

    ``certificate`` is the evidence that the cut is consistent, in JSON's own types; ``boundary`` lists the open
    channels that lie outside it, ``left`` the processes that had left by this cut: a recovery does not wait for them.
    """

    format: int = MANIFEST_VERSION
    computation: str
    cut: CutNumber
    incarnation: Incarnation
    parent: CutNumber
    created: str
    duration_seconds: float
    members: tuple[ProcessName, ...]
    parts: tuple[ManifestPart, ...]
    certificate: dict[str, Any]
    boundary: tuple[str, ...] = ()
    left: tuple[ProcessName, ...] = ()


class _Header(msgspec.Struct, tag_field="kind", tag="cutpoint-manifest"):
    format: int


_decoder: msgspec.json.Decoder[Manifest] = msgspec.json.Decoder(Manifest)


def manifest_name(cut: CutNumber) -> str:
    """The object that holds the manifest of ``cut``."""
    if not 1 <= cut < 10**_NUMBER_DIGITS:
        raise UsageError(f"cut {cut} has no manifest: cuts are numbered from 1")
    return f"{_PREFIX}{cut:0{_NUMBER_DIGITS}}.json"


def manifest_part(summary: PartSummary) -> ManifestPart:
    """What a manifest keeps of a part's summary."""
    return ManifestPart(
        process=summary.process,
        object=summary.object,
        bytes=summary.bytes,
        in_flight_messages=summary.in_flight_messages,
        stall_seconds=summary.stall_seconds,
        states=summary.states,
        packs=summary.packs,
        fresh_bytes=summary.fresh_bytes,
        base=summary.base,
    )


def encode_manifest(manifest: Manifest, keys: KeyRing | None = None) -> bytes:
    """Encode ``manifest``, signed by ``keys``; the last line is the digest.

    Raises `UsageError` for one that would not be read back, `ConfigurationError` if ``keys`` verify and cannot sign.
    """
    where = f"the manifest of cut {manifest.cut}"
    if complaint := _check(manifest):
        raise UsageError(f"{where} cannot be published: {complaint}; nothing was written")
    try:
        body = write_body(manifest)
    except (UnicodeEncodeError, RecursionError, OverflowError, TypeError, ValueError) as error:
        raise UsageError(f"{where} cannot be published: {one_line(error)}; nothing was written") from error
    data = close_document(body, _PURPOSE, keys)
    if len(data) > MANIFEST_BYTES_MAX:
        raise UsageError(f"{where} has {len(data)} bytes, {MANIFEST_BYTES_MAX} are allowed; nothing was written")
    if complaint := _check_values(body):
        raise UsageError(f"{where} cannot be published: {complaint}; nothing was written")
    return data


def decode_manifest(data: bytes, *, name: str = "the manifest", keys: KeyRing | None = None) -> Manifest:
    """Decode what `encode_manifest` made. Raises `Damaged` that begins with ``name`` for anything else.

    With ``keys`` that verify, a manifest that none of them has signed is `NotAuthentic`.
    """
    body = open_document(data, _PURPOSE, keys, name=name)
    if complaint := _check_values(body):
        raise Damaged(f"{name} is not a manifest: {complaint}; recover to another recovery point")
    try:
        version = msgspec.json.decode(body, type=_Header).format
        if version != MANIFEST_VERSION:
            raise Damaged(
                f"{name} is of format version {version}, this program reads version {MANIFEST_VERSION}; "
                "start the newer program"
            )
        manifest = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise Damaged(f"{name} is not a manifest: {one_line(error)}; recover to another recovery point") from error
    if complaint := _check(manifest):
        raise Damaged(f"{name} is not a sound manifest: {complaint}; recover to another recovery point")
    return manifest


def publish_manifest(backend: Backend, manifest: Manifest, keys: KeyRing | None = None) -> tuple[Digest, int]:
    """Write ``manifest`` durably and once, signed by ``keys``; the digest of what is there then, and its length.

    The very same one again succeeds, also if other keys have signed it that ``keys`` trust. Raises `ObjectExists` if
    another manifest of this cut is there, or one that is not authentic: then this cut must be abandoned.
    """
    name, data = manifest_name(manifest.cut), encode_manifest(manifest, keys)
    try:
        backend.create(name, data)
    except ObjectExists:
        present = backend.read(name, bytes_max=MANIFEST_BYTES_MAX)
        if present != data and not _says_the_same(present, manifest, keys):
            raise ObjectExists(
                f"object {name} in {backend.url} is there already and is another manifest; nothing was overwritten, "
                "the number of this cut was used before: abandon it"
            ) from None
        data = present
    return manifest_digest(data), len(data)


def manifest_digest(data: bytes) -> Digest:
    """The digest in the last line of a manifest's bytes."""
    return Digest(data[-DIGEST_LINE_BYTES:-1].decode())


def read_manifest(backend: Backend, cut: CutNumber, keys: KeyRing | None = None) -> Manifest:
    """Read and check the manifest of ``cut``.

    Raises `ObjectMissing`, or `Damaged` that names the object; with ``keys`` that verify, `NotAuthentic`.
    """
    name = manifest_name(cut)
    where = f"object {name} in {backend.url}"
    manifest = decode_manifest(backend.read(name, bytes_max=MANIFEST_BYTES_MAX), name=where, keys=keys)
    if manifest.cut != cut:
        raise Damaged(f"{where} is the manifest of cut {manifest.cut}; recover to another recovery point")
    return manifest


def list_manifests(backend: Backend) -> tuple[CutNumber, ...]:
    """The cuts that have a manifest, ascending; nothing is read."""
    numbers = (name.removeprefix(_PREFIX).removesuffix(".json") for name in backend.list(_PREFIX))
    return tuple(CutNumber(int(n)) for n in numbers if len(n) == _NUMBER_DIGITS and n.isdigit() and int(n) > 0)


def _says_the_same(present: bytes, manifest: Manifest, keys: KeyRing | None) -> bool:
    try:
        return open_document(present, _PURPOSE, keys, name="the manifest") == write_body(manifest)
    except Damaged:
        return False


def _check_values(body: bytes) -> str:
    """Complain of a body that would become far more in memory than it is; at most what is in it is counted."""
    values = body.count(b",") + 3 * (body.count(b"[") + body.count(b"{"))
    return f"it has {values} values, {MANIFEST_VALUES_MAX} are allowed" if values > MANIFEST_VALUES_MAX else ""


def _check(manifest: Manifest) -> str:
    """Complain of a manifest that no coordinator can have published."""
    complaint = (
        check_numbers(manifest, ("cut", "incarnation"), least=1)
        or check_numbers(manifest, ("parent",))
        or check_texts(manifest, ("computation", "created"))
        or check_seconds(manifest.duration_seconds, "duration_seconds")
        or check_processes(manifest.members)
        or check_processes(manifest.left)
    )
    if not complaint and manifest.parent >= manifest.cut:
        complaint = f"its parent {manifest.parent} is not before it"
    if not complaint and sorted(part.process for part in manifest.parts) != sorted(manifest.members):
        complaint = "its parts are not one for each member"
    if not complaint and len(set(manifest.members)) != len(manifest.members):
        complaint = "a member is in it twice"
    for part in manifest.parts:
        complaint = (
            complaint
            or check_digest(part.object)
            or _check_packs(part)
            or check_numbers(part, ("bytes", "in_flight_messages"))
            or check_seconds(part.stall_seconds, "stall_seconds")
        )
        for state in part.states:
            complaint = complaint or check_texts(state, ("name", "kind", "format")) or check_digest(state.digest)
    return complaint


def _check_packs(part: ManifestPart) -> str:
    """Complain of packs that are not those of one part: the last one holds its head."""
    if not part.packs or part.packs[-1].digest != part.object:
        return f"the last pack of {part.process} is not its object {part.object}"
    if len({pack.name() for pack in part.packs}) != len(part.packs):
        return f"a pack of {part.process} is in it twice"
    return ""
