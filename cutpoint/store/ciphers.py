"""The one place that meets `cryptography`: Ed25519, AES-256-GCM and HKDF-SHA256, as functions on bytes.

Keys are drawn from the operating system by `secrets`, not by the library. The library is imported when a key needs
it, so that a service without keys does without it; where it is missing, the error names the extra to install.
Nothing here knows what is signed or encrypted, or keeps a key.
"""

from __future__ import annotations

from typing import Protocol

from cutpoint.errors import ConfigurationError
from cutpoint.installing import how_to_install

SECRET_BYTES = 32
"""The length of every secret key, and of an Ed25519 public key."""

ED25519_SIGNATURE_BYTES = 64
TAG_BYTES = 16
"""How much longer AES-GCM makes what it encrypts."""

NONCE_BYTES = 12


class AuthenticatedCipher(Protocol):
    """What is used of `cryptography`'s AESGCM."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Encrypt ``data`` and vouch for it and for ``associated_data``."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Decrypt what `encrypt` made; raises for anything else."""
        ...


def ed25519_public(secret: bytes) -> bytes:
    """The public key that belongs to ``secret``."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise _missing("Ed25519 signatures") from error
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def ed25519_sign(secret: bytes, message: bytes) -> bytes:
    """Sign ``message``; the same message has the same signature."""
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    except ImportError as error:
        raise _missing("Ed25519 signatures") from error
    return Ed25519PrivateKey.from_private_bytes(secret).sign(message)


def ed25519_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is that of ``message`` by the holder of the secret to ``public``."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise _missing("Ed25519 signatures") from error
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def derived_cipher(secret: bytes, salt: bytes, purpose: bytes) -> AuthenticatedCipher:
    """AES-256-GCM with a key that HKDF-SHA256 (RFC 5869) makes of ``secret``, ``salt`` and ``purpose``."""
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise _missing("sealed packs") from error
    return AESGCM(HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=salt, info=purpose).derive(secret))


def decrypted(cipher: AuthenticatedCipher, nonce: bytes, data: bytes, associated_data: bytes) -> bytes | None:
    """What ``data`` was before it was encrypted; None if it was not made by this cipher, nonce and associated data."""
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(nonce, data, associated_data)
    except (InvalidTag, ValueError):
        return None


def _missing(what: str) -> ConfigurationError:
    return ConfigurationError(f"{what} need an extra; nothing was started; do: {how_to_install('keys')}")
