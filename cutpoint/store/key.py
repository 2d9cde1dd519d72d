"""One key: what it is for, how it is named, and whether it can be what it says.

A key's id is made of the key itself, so two files never mean different keys by one id, and a key that was altered
in a file shows. Secrets are in no ``repr`` and in no message.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import Literal

import msgspec

from cutpoint.store import ciphers
from cutpoint.store.sealing import AES_256_GCM
from cutpoint.store.signatures import ED25519, HMAC_SHA256
from cutpoint.wire.checks import one_line

Algorithm = Literal["ed25519", "hmac-sha256", "aes-256-gcm"]
Use = Literal["sign", "verify", "seal"]
KeyState = Literal["active", "retired"]

ALGORITHMS: dict[Use, tuple[Algorithm, ...]] = {
    "sign": (ED25519, HMAC_SHA256),
    "verify": (ED25519,),
    "seal": (AES_256_GCM,),
}
"""Which algorithms a use has; the first is the one to take."""

_CREATED_MAX = 40


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One key. ``created`` is RFC 3339, UTC; Ed25519 has a ``public`` part, all but a public part has a ``secret``."""

    id: str
    algorithm: Algorithm
    use: Use
    state: KeyState
    created: str = ""
    public: bytes = b""
    secret: bytes = b""

    def __repr__(self) -> str:
        return f"Key({self.title}, {self.use})"

    @property
    def verifying(self) -> bytes:
        """What checks this key's signatures: the public part for Ed25519, else the secret."""
        return self.public if self.algorithm == ED25519 else self.secret

    @property
    def title(self) -> str:
        """The key, for people: ``9f0c... (ed25519)``."""
        return f"{self.id} ({self.algorithm}{', retired' if self.state == 'retired' else ''})"


def new_key(use: Use, algorithm: Algorithm, *, created: str = "") -> Key:
    """A new active key, drawn from the operating system's entropy."""
    secret = secrets.token_bytes(ciphers.SECRET_BYTES)
    public = ciphers.ed25519_public(secret) if algorithm == ED25519 else b""
    key_id = id_of(algorithm, public or secret)
    return Key(id=key_id, algorithm=algorithm, use=use, state="active", created=created, public=public, secret=secret)


def retired(key: Key) -> Key:
    """``key``, that makes nothing new any more."""
    return msgspec.structs.replace(key, state="retired")


def public_part(key: Key) -> Key:
    """What can be handed out of an Ed25519 key: it verifies."""
    return msgspec.structs.replace(key, use="verify", secret=b"")


def id_of(algorithm: Algorithm, material: bytes) -> str:
    """The id that follows from a public part, or from a secret where there is none: 16 hexadecimal digits."""
    label = f"cutpoint key id\n{algorithm}".encode()
    if algorithm == ED25519:
        return hashlib.sha256(label + b"\n" + material).hexdigest()[:16]
    return hmac.digest(material, label, "sha256").hex()[:16]


def titles(keys: Iterable[Key]) -> str:
    """Several keys, for people."""
    return ", ".join(key.title for key in keys) or "none"


def complaint_of(key: Key) -> str:
    """Complain of a key that `new_key` and `public_part` cannot have made. Raises `ConfigurationError` for Ed25519
    where its library is not installed.
    """
    name = f"key {one_line(repr(key.id))}"
    if key.algorithm not in ALGORITHMS[key.use]:
        return f"{name} is of {key.algorithm}, which cannot {key.use}"
    wanted = (
        0 if key.use == "verify" else ciphers.SECRET_BYTES,
        ciphers.SECRET_BYTES if key.algorithm == ED25519 else 0,
    )
    if (len(key.secret), len(key.public)) != wanted:
        return (
            f"{name} has a secret of {len(key.secret)} bytes and a public part of {len(key.public)}, "
            f"{wanted[0]} and {wanted[1]} are needed"
        )
    if key.public and key.secret and not hmac.compare_digest(ciphers.ed25519_public(key.secret), key.public):
        return f"{name} has a public part that does not belong to its secret"
    if id_of(key.algorithm, key.public or key.secret) != key.id:
        return f"{name} is not the key that its id names: one of both was altered"
    if len(key.created) > _CREATED_MAX or not key.created.isprintable():
        return f"{name} does not say properly when it was created"
    return ""
