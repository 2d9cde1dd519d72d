"""A token, and the verifier that a coordinator keeps of it.

::

    cutp_k3vq7n2m4x_Jb3...43 characters..._1a2b3c
         name of    the secret:             CRC-32 of what is before it, so that a slip
         the token  256 random bits         is told from a wrong token, also by secret scanners

The secret is random and long, so no slow hash is needed to keep it from being guessed. What is derived from it are
the keys of SCRAM (RFC 5802, section 3) with HMAC-SHA-256 and without its iterations::

    client key = HMAC(secret, "cutpoint client key")      stored key = SHA-256(client key)
    server key = HMAC(secret, "cutpoint server key")

A coordinator keeps the stored key and the server key. Whoever reads them cannot log in: that takes the client key. They
can pass for a coordinator, as whoever writes to the registry can anyway.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

import msgspec

from cutpoint.errors import ConfigurationError

PREFIX = "cutp"
_SECRET_BYTES = 32
_ID_CHARACTERS = "abcdefghijkmnpqrstuvwxyz23456789"
_ID_LENGTH = 10
_FORM = re.compile(r"cutp_([a-km-np-z2-9]{10})_([A-Za-z0-9_-]{43})_([0-9a-f]{8})")


class Verifier(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a token: enough to recognise it and to prove that it is known, too little to log in."""

    id: str
    stored_key: bytes
    server_key: bytes

    def __repr__(self) -> str:
        return f"Verifier(id={self.id!r})"

    def recognises(self, client_key: bytes) -> bool:
        """Whether ``client_key`` is that of the token; takes as long for one as for another."""
        return hmac.compare_digest(hashlib.sha256(client_key).digest(), self.stored_key)


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token. ``id`` is public; ``str`` and ``repr`` do not show the secret, `reveal` does."""

    id: str
    secret: bytes

    @classmethod
    def generate(cls) -> Token:
        """A new token that nobody else has."""
        name = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(_ID_LENGTH))
        return cls(name, secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read a token as `reveal` writes it. Raises `ConfigurationError`, which does not show it."""
        found = _FORM.fullmatch(text) if text.isascii() and len(text) < 200 else None
        if found is None:
            raise ConfigurationError(
                "this is no token of Cutpoint: one begins with cutp_; nothing was done; "
                "give one that `cutpoint tokens create` has printed"
            )
        body = text.rpartition("_")[0]
        if not hmac.compare_digest(_checksum(body), found[3]):
            raise ConfigurationError(
                f"this token is damaged: token {found[1]} was cut short or mistyped; nothing was done; copy it again"
            )
        try:
            secret = base64.urlsafe_b64decode(found[2] + "=")
        except (binascii.Error, ValueError) as error:
            raise ConfigurationError(
                f"this token is damaged: token {found[1]} holds no secret; nothing was done; copy it again"
            ) from error
        return cls(found[1], secret)

    def reveal(self) -> str:
        """The whole token, secret included, for its holder alone."""
        body = f"{PREFIX}_{self.id}_{base64.urlsafe_b64encode(self.secret).decode().rstrip('=')}"
        return f"{body}_{_checksum(body)}"

    @property
    def client_key(self) -> bytes:
        """What proves to a coordinator that the token is known."""
        return hmac.digest(self.secret, b"cutpoint client key", "sha256")

    @property
    def server_key(self) -> bytes:
        """What a coordinator proves with that it knows the token's verifier."""
        return hmac.digest(self.secret, b"cutpoint server key", "sha256")

    def verifier(self) -> Verifier:
        """What a coordinator keeps of it."""
        stored = hashlib.sha256(self.client_key).digest()
        return Verifier(id=self.id, stored_key=stored, server_key=self.server_key)

    def __repr__(self) -> str:
        return f"Token({self.id!r})"

    __str__ = __repr__


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
