"""Packs that only those who hold a key can read: AES-256-GCM, with a key of its own for every pack.

A pack draws a random salt when it is begun and keeps it, with the key's id, in its header. HKDF-SHA256 makes the
pack's key of the secret key and the salt. Whatever is stored in the pack is sealed with the place at which it begins as
the nonce, and its kind ("chunk", "trailer") as associated data: something that was moved to another place, to another
pack, or passed off as another kind does not open. A place is used once, because places only grow.

What sealing hides is what is in the packs. It does not hide how many packs there are, how long they are and when
they came, nor anything that a manifest says.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cutpoint.errors import ConfigurationError, Damaged, UsageError
from cutpoint.store import ciphers
from cutpoint.wire.checks import one_line

AES_256_GCM: Final = "aes-256-gcm"
SALT_BYTES = 16
OVERHEAD_BYTES = ciphers.TAG_BYTES
"""How much longer something is sealed than plain."""

KINDS = ("chunk", "trailer")


class PackSeal:
    """The seal of one pack, see `cutpoint.store.chunks.Seal`: for its one writer, or for any number of readers."""

    def __init__(self, key: str, secret: bytes, salt: bytes) -> None:
        self.key = key
        """The id of the key."""
        self._cipher = ciphers.derived_cipher(secret, salt, f"cutpoint pack v1 {key}".encode())
        self._sealed_up_to = -1

    def __repr__(self) -> str:
        return f"PackSeal(key={self.key!r})"

    def seal(self, plain: bytes, counter: int, *, kind: str = "chunk") -> bytes:
        """Seal what will begin at ``counter`` in the pack; `OVERHEAD_BYTES` longer than ``plain``.

        Raises `UsageError` for a place that is not beyond the last: two texts under one nonce would betray both.
        """
        associated = _associated(kind)
        if counter <= self._sealed_up_to:
            raise UsageError(f"place {counter} of a pack was sealed before; begin another pack, with its own salt")
        nonce = _nonce(counter)
        self._sealed_up_to = counter
        return self._cipher.encrypt(nonce, plain, associated)

    def open(self, sealed: bytes, counter: int, *, kind: str = "chunk", where: str = "a pack") -> bytes:
        """What was sealed. Raises `Damaged`, beginning with ``where``, if this is not what was sealed here."""
        plain = ciphers.decrypted(self._cipher, _nonce(counter), sealed, _associated(kind))
        if plain is None:
            raise Damaged(
                f"{where} has at byte {counter} no {kind} that key {self.key} sealed there: it was altered or moved; "
                "recover to another recovery point, or bring the object back from a copy"
            )
        return plain


@dataclass(frozen=True, kw_only=True)
class KeySealing:
    """What makes the seals of packs, see `cutpoint.store.chunks.Sealing`.

    New packs are sealed with ``current``, old ones are opened with any of ``secrets``, which are by id.
    """

    secrets: Mapping[str, bytes]
    current: str | None

    def __repr__(self) -> str:
        return f"KeySealing(keys={sorted(self.secrets)}, current={self.current!r})"

    def new_pack(self) -> tuple[str, bytes, PackSeal]:
        """The key's id and a fresh salt, for the header, and the seal of a new pack.

        Raises `ConfigurationError` if all keys are retired.
        """
        if self.current is None:
            raise ConfigurationError(
                "none of the keys that were given seals new packs: all are retired; nothing was written; "
                "make another: cutpoint keys rotate --use seal"
            )
        salt = secrets.token_bytes(SALT_BYTES)
        return self.current, salt, PackSeal(self.current, self.secrets[self.current], salt)

    def of_pack(self, key: str, salt: bytes, *, where: str = "a pack") -> PackSeal:
        """The seal of the pack whose header names ``key`` and ``salt``.

        Raises `ConfigurationError`, which begins with ``where``, without the key: the pack may be sound, and waits for
        a program that has it. Raises `Damaged` for a salt of another length.
        """
        secret = self.secrets.get(key)
        if secret is None:
            raise ConfigurationError(
                f"{where} is sealed with key {one_line(key)}, and the keys that were given are "
                f"{', '.join(sorted(self.secrets))}; nothing was changed; start again with the key file that holds it"
            )
        if len(salt) != SALT_BYTES:
            raise Damaged(
                f"{where} has a salt of {len(salt)} bytes, {SALT_BYTES} are needed; recover to another recovery point"
            )
        return PackSeal(key, secret, salt)


def _nonce(counter: int) -> bytes:
    if not 0 <= counter < 2**63:
        raise UsageError(f"{counter} is no place in a pack")
    return counter.to_bytes(ciphers.NONCE_BYTES, "big")


def _associated(kind: str) -> bytes:
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is nothing that a pack stores; {' and '.join(KINDS)} are")
    return kind.encode()
