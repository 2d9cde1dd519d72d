"""Digests of bytes, and the names that follow from them."""

from __future__ import annotations

import hashlib

from cutpoint.names import Digest


def digest_of(data: bytes) -> Digest:
    """The digest of ``data``: ``sha256:`` and 64 hexadecimal digits."""
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
