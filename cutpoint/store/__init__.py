"""Recovery points as bytes: parts and manifests in a `Backend`, written once, checked whenever they are read.

::

    parts/3f/3f9c...e1               one process's contribution to one cut, named by its sha256
    manifests/000000000012.json      what names the parts of cut 12, with the certificate; written once
    tmp/                             what is being written (folders only)

A store publishes nothing by itself: that a manifest is a recovery point is for the registry to say.
"""

from __future__ import annotations

from cutpoint.store.authentic import authentic_manifest, authentic_part
from cutpoint.store.backend import Backend
from cutpoint.store.digests import digest_of
from cutpoint.store.directory import DirectoryBackend
from cutpoint.store.keys import KeyRing, loaded_keys
from cutpoint.store.locate import open_backend
from cutpoint.store.manifests import (
    MANIFEST_BYTES_MAX,
    Manifest,
    ManifestPart,
    decode_manifest,
    encode_manifest,
    list_manifests,
    manifest_name,
    manifest_part,
    publish_manifest,
    read_manifest,
)
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.part_format import Part, StoredState, decode_part, encode_part
from cutpoint.store.parts import PART_BYTES_MAX, part_name, read_part, summarise, write_part
from cutpoint.store.verify import PointReport, VerifyReport, verify

__all__ = [
    "MANIFEST_BYTES_MAX",
    "PART_BYTES_MAX",
    "Backend",
    "DirectoryBackend",
    "KeyRing",
    "Manifest",
    "ManifestPart",
    "MemoryBackend",
    "Part",
    "PointReport",
    "StoredState",
    "VerifyReport",
    "authentic_manifest",
    "authentic_part",
    "decode_manifest",
    "decode_part",
    "digest_of",
    "encode_manifest",
    "encode_part",
    "list_manifests",
    "loaded_keys",
    "manifest_name",
    "manifest_part",
    "open_backend",
    "part_name",
    "publish_manifest",
    "read_manifest",
    "read_part",
    "summarise",
    "verify",
    "write_part",
]
