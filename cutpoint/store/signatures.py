"""Signatures over bytes: what is signed, how it is written down, and when one counts.

A signature is made over ``cutpoint <purpose> v1``, a line feed, and the body's very bytes, so that what was signed
as a manifest can never pass for a mark, nor for anything that another program signs with the same key. Which
algorithm checks a signature is decided by the key that is trusted, never by what the signature says of itself: a
public key cannot be turned into the secret of a weaker scheme. Nothing here knows where keys come from.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

import msgspec

from cutpoint.errors import UsageError
from cutpoint.store import ciphers

ED25519: Final = "ed25519"
HMAC_SHA256: Final = "hmac-sha256"

SIGNATURES_MAX = 16
"""How many signatures one object may carry."""

_PURPOSE = re.compile(r"[a-z][a-z-]{0,31}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_LINE = b'{"signatures":'
_VALUE_BYTES = {ED25519: ciphers.ED25519_SIGNATURE_BYTES, HMAC_SHA256: hashlib.sha256().digest_size}


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the holder of key ``key`` has signed: the key's id, its algorithm, and the signature itself."""

    key: str
    algorithm: str
    value: bytes


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    signatures: tuple[Signature, ...]


def signed_message(purpose: str, body: bytes) -> bytes:
    """The bytes that are signed for ``body``. Raises `UsageError` for a purpose that could be taken for another."""
    if not _PURPOSE.fullmatch(purpose):
        raise UsageError(f"{purpose!r} cannot name what is signed: lower-case letters and hyphens can")
    return f"cutpoint {purpose} v1\n".encode() + body


def make(algorithm: str, secret: bytes, message: bytes) -> bytes:
    """The signature of ``message``, of `signed_message`, by a key of ``algorithm``."""
    if algorithm == ED25519:
        return ciphers.ed25519_sign(secret, message)
    return hmac.digest(secret, message, "sha256")


def holds(algorithm: str, key: bytes, message: bytes, value: bytes) -> bool:
    """Whether ``value`` is the signature of ``message``; ``key`` is public for Ed25519. In constant time for HMAC."""
    if algorithm == ED25519:
        return ciphers.ed25519_holds(key, message, value)
    return hmac.compare_digest(hmac.digest(key, message, "sha256"), value)


def signature_line(signatures: tuple[Signature, ...]) -> bytes:
    """One line that holds ``signatures``; nothing if there are none."""
    return msgspec.json.encode(_Line(signatures=signatures)) + b"\n" if signatures else b""


def split_signatures(text: bytes) -> tuple[bytes, tuple[Signature, ...]]:
    """What `signature_line` was put after, and its signatures, not yet checked against any key.

    Raises `ValueError` for a line of signatures that `signature_line` cannot have made.
    """
    start = text.rfind(b"\n", 0, -1) + 1
    line = text[start:]
    if not line.startswith(_LINE):
        return text, ()
    signatures = msgspec.json.decode(line, type=_Line).signatures
    if complaint := _check(signatures):
        raise ValueError(complaint)
    if signature_line(signatures) != line:
        raise ValueError("its signatures are written in another way than Cutpoint's")
    return text[:start], signatures


def _check(signatures: tuple[Signature, ...]) -> str:
    """Complain of signatures that no key ring can have made."""
    if not 1 <= len(signatures) <= SIGNATURES_MAX:
        return f"it has {len(signatures)} signatures, 1 to {SIGNATURES_MAX} are allowed"
    if len({signature.key for signature in signatures}) != len(signatures):
        return "one key has signed it twice"
    for signature in signatures:
        if not _KEY_ID.fullmatch(signature.key):
            return "a signature names no key"
        if _VALUE_BYTES.get(signature.algorithm) != len(signature.value):
            return f"the signature of key {signature.key} has no known algorithm, or another length"
    return ""
