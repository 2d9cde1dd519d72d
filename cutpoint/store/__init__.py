"""Recovery points as bytes: packs, manifests and marks in a `Backend`, written once, checked whenever they are read.

::

    packs/000000000011/3f9c...e1     chunks, and at the end of the last pack of a part its head; named by its sha256
    manifests/000000000012.json      what names the parts of cut 12, with the certificate; written once, signed
    marks/000000000012/000001.json   a label or a pin of recovery point 12
    tmp/                             what is being written (folders only)

docs/reference/store-format.md tells every byte of it. A store publishes nothing by itself: that a manifest is a
recovery point is for the registry to say.
"""

from __future__ import annotations

from cutpoint.protocol.messages import PackRef
from cutpoint.store.authentic import authentic_manifest, authentic_part
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import ChunkRef, Run, RunKind
from cutpoint.store.collection_plan import ERA_SPAN
from cutpoint.store.digests import digest_of
from cutpoint.store.directory import DirectoryBackend
from cutpoint.store.heads import KnownPart, PartHead, StoredState, in_flight_bytes, summarise
from cutpoint.store.keys import KeyRing, loaded_keys
from cutpoint.store.locate import open_backend
from cutpoint.store.manifests import (
    MANIFEST_BYTES_MAX,
    Manifest,
    ManifestPart,
    decode_manifest,
    encode_manifest,
    list_manifests,
    manifest_digest,
    manifest_name,
    manifest_part,
    publish_manifest,
    read_manifest,
)
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.packs import read_pack
from cutpoint.store.reader import PartReader, open_part
from cutpoint.store.tiers import TIERS, Merge, Tiers, anew, merge_due
from cutpoint.store.verification import Verification, Verifier
from cutpoint.store.whole import Part, WholeState, read_part
from cutpoint.store.writer import LooseRun, PartWriter, RunWriter

__all__ = [
    "ERA_SPAN",
    "MANIFEST_BYTES_MAX",
    "TIERS",
    "Backend",
    "ChunkRef",
    "DirectoryBackend",
    "KeyRing",
    "KnownPart",
    "LooseRun",
    "Manifest",
    "ManifestPart",
    "MemoryBackend",
    "Merge",
    "PackRef",
    "Part",
    "PartHead",
    "PartReader",
    "PartWriter",
    "Run",
    "RunKind",
    "RunWriter",
    "StoredState",
    "Tiers",
    "Verification",
    "Verifier",
    "WholeState",
    "anew",
    "authentic_manifest",
    "authentic_part",
    "decode_manifest",
    "digest_of",
    "encode_manifest",
    "in_flight_bytes",
    "list_manifests",
    "loaded_keys",
    "manifest_digest",
    "manifest_name",
    "manifest_part",
    "merge_due",
    "open_backend",
    "open_part",
    "publish_manifest",
    "read_manifest",
    "read_pack",
    "read_part",
    "summarise",
]
