"""The keys that sign what a store publishes, and seal its packs: a ring of them, kept in one file.

::

    use      algorithm      what it does
    sign     ed25519        signs and verifies; its public part can be handed out
    sign     hmac-sha256    signs and verifies with one shared secret: whoever verifies could sign
    verify   ed25519        the public part: verifies only
    seal     aes-256-gcm    encrypts new packs (the last active one does) and reads those it has encrypted

An active key signs (every active one does, so that a reader who knows only one of them is content) or seals; a
retired one only verifies or reads; one that is in the ring no more does nothing. A ring is a value: a change makes
another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from cutpoint.errors import ConfigurationError, NotAuthentic
from cutpoint.store import signatures
from cutpoint.store.documents import write_body
from cutpoint.store.key import ALGORITHMS, Key, complaint_of, new_key, public_part, retired, titles
from cutpoint.store.private_files import Found, change_private, check_secret, create_private, read_private, shown
from cutpoint.store.sealing import KeySealing
from cutpoint.store.signatures import ED25519, SIGNATURES_MAX, Signature
from cutpoint.wire.checks import one_line

KEYS_MAX = 1000
"""How many keys a ring may hold."""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["cutpoint-keys"]
    format: Literal[1]
    keys: tuple[Key, ...]


@dataclass(frozen=True, kw_only=True)
class KeyRing:
    """Keys, oldest first. Checked when built: raises `ConfigurationError` for keys that cannot be what they say."""

    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        if complaint := _complaint(self.keys):
            raise ConfigurationError(f"these keys cannot be used: {complaint}; nothing was changed")

    @classmethod
    def generate(
        cls, *, signing: Literal["ed25519", "hmac-sha256"] | None = ED25519, sealing: bool = False, created: str = ""
    ) -> KeyRing:
        """A new ring with a key that signs, unless ``signing`` is None, and one that seals, if ``sealing``."""
        signer = (new_key("sign", signing, created=created),) if signing else ()
        sealer = (new_key("seal", ALGORITHMS["seal"][0], created=created),) if sealing else ()
        return cls(keys=signer + sealer)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> KeyRing:
        """Read the ring in the file at ``path``.

        Raises `ConfigurationError`, also if others than its owner may read a secret in it, or change it.
        """
        return _decode(Path(path), read_private(Path(path)))

    @classmethod
    def decode(cls, data: bytes) -> KeyRing:
        """The ring that `encode` made ``data`` of. Raises `ConfigurationError`."""
        return _decode(Path("what was handed over"), Found(data, 0o600))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a new file at ``path``, durable on return; for its owner alone if there is a secret in it.

        Raises `ConfigurationError` if there is a file already; it is untouched.
        """
        create_private(Path(path), self.encode(), 0o600 if self.secret else 0o644)

    @classmethod
    def change(cls, path: str | os.PathLike[str], change: Callable[[KeyRing], KeyRing]) -> KeyRing:
        """Replace the ring in the file by what ``change`` makes of it, durable on return; the new one.

        The file's permissions stay, but others never get to read a secret. Raises `ConfigurationError`; then the
        file is as it was.
        """
        changed: list[KeyRing] = []

        def encoded(found: Found) -> Found:
            changed.append(change(_decode(Path(path), found)))
            return Found(changed[0].encode(), found.mode & (0o700 if changed[0].secret else 0o777))

        change_private(Path(path), encoded)
        return changed[0]

    def encode(self) -> bytes:
        """The ring as a file's bytes."""
        return write_body(_File(kind="cutpoint-keys", format=1, keys=self.keys))

    @property
    def secret(self) -> bool:
        """Whether anything in it must be kept from others."""
        return any(key.secret for key in self.keys)

    @property
    def signing(self) -> tuple[Key, ...]:
        """The keys that sign."""
        return tuple(key for key in self.keys if key.use == "sign" and key.state == "active")

    @property
    def trusted(self) -> tuple[Key, ...]:
        """The keys whose signatures count. If there are any, what none of them has signed is refused."""
        return tuple(key for key in self.keys if key.use in ("sign", "verify"))

    @property
    def sealing(self) -> KeySealing | None:
        """What seals new packs, and opens old ones; None if no key of the ring is for that."""
        sealers = [key for key in self.keys if key.use == "seal"]
        active = [key.id for key in sealers if key.state == "active"]
        if not sealers:
            return None
        return KeySealing(secrets={key.id: key.secret for key in sealers}, current=active[-1] if active else None)

    def sign(self, purpose: str, body: bytes) -> tuple[Signature, ...]:
        """Sign ``body`` as a ``purpose`` ("manifest", "mark") with every key that signs; () if none of the ring's is
        for signatures.

        Raises `ConfigurationError` if its keys can only verify: what they would not accept must not be written.
        """
        if self.trusted and not self.signing:
            raise ConfigurationError(
                f"a {purpose} cannot be signed: the keys that were given can only verify ({titles(self.trusted)}); "
                "nothing was written; give the key file that signs"
            )
        message = signatures.signed_message(purpose, body)
        return tuple(
            Signature(key=key.id, algorithm=key.algorithm, value=signatures.make(key.algorithm, key.secret, message))
            for key in self.signing
        )

    def verify(self, purpose: str, body: bytes, given: Iterable[Signature], *, what: str = "this object") -> None:
        """Raise `NotAuthentic`, beginning with ``what``, unless a trusted key has signed ``body`` as a ``purpose``.

        Signatures by unknown keys are passed over, but never a wrong one that claims a trusted key.
        """
        given, trusted = tuple(given), {key.id: key for key in self.trusted}
        message = signatures.signed_message(purpose, body)
        vouched = False
        for signature in given:
            key = trusted.get(signature.key)
            if key is None:
                continue
            if not holds(key, signature, message):
                raise _not_authentic(
                    what,
                    f"it is not what key {key.title} has signed, though it claims its {one_line(signature.algorithm)}",
                )
            vouched = True
        if not vouched:
            signers = ", ".join(f"{one_line(s.key)} ({one_line(s.algorithm)})" for s in given[:SIGNATURES_MAX])
            reason = f"it is signed by {signers}" if given else "it is not signed"
            raise _not_authentic(what, f"{reason}; trusted are {titles(self.trusted)}")

    def rotated(self, *, use: Literal["sign", "seal"] = "sign", created: str = "") -> KeyRing:
        """This ring and a new key, of the algorithm of the last one for this use.

        The keys that sign go on signing beside it until they are retired; a key that seals is retired at once.
        """
        algorithms = [key.algorithm for key in self.keys if key.use == use]
        if use == "sign" and not algorithms and self.trusted:
            raise ConfigurationError("these keys can only verify; nothing was changed; rotate the key file that signs")
        new = new_key(use, algorithms[-1] if algorithms else ALGORITHMS[use][0], created=created)
        kept = (retired(key) if use == key.use == "seal" else key for key in self.keys)
        return KeyRing(keys=(*kept, new))

    def without(self, key_id: str, *, keep_for_reading: bool) -> KeyRing:
        """This ring, in which ``key_id`` signs and seals nothing new.

        ``keep_for_reading``: it is retired, and what it has signed or sealed stays good. Otherwise it is removed, and
        what only it has signed is refused from now on. Raises `ConfigurationError` if it is unknown, or if the ring
        would then verify and not sign.
        """
        if key_id not in {key.id for key in self.keys}:
            raise ConfigurationError(
                f"there is no key {one_line(repr(key_id))}; nothing was changed; there are: {titles(self.keys)}"
            )
        changed = (
            (retired(key) if key.id == key_id else key) for key in self.keys if keep_for_reading or key.id != key_id
        )
        ring = KeyRing(keys=tuple(changed))
        for use, before, after in (("sign", self.signing, ring.signing), ("seal", _current(self), _current(ring))):
            if before and not after:
                raise ConfigurationError(
                    f"key {key_id} is the only one that {use}s; nothing was changed; "
                    f"make another first: cutpoint keys rotate --use {use}"
                )
        return ring

    def public(self, *, sealing: bool = False) -> KeyRing:
        """What readers need: the public part of every key that signs, and with ``sealing`` the keys that seal.

        Raises `ConfigurationError` if it could not be handed out without the right to sign.
        """
        parts = tuple(public_part(key) for key in self.keys if key.algorithm == ED25519)
        if not parts:
            raise ConfigurationError(
                f"these keys have no public part ({titles(self.keys)}); nothing was written; whoever verifies with "
                "hmac-sha256 can sign as well: give the file itself to those who may, or use ed25519"
            )
        return KeyRing(keys=parts + tuple(key for key in self.keys if key.use == "seal" and sealing))


def holds(key: Key, signature: Signature, message: bytes) -> bool:
    """Whether ``signature`` is that of ``message`` by ``key``, in the key's own algorithm and no other."""
    if signature.algorithm != key.algorithm:
        return False
    return signatures.holds(key.algorithm, key.verifying, message, signature.value)


def loaded_keys(keys: KeyRing | str | os.PathLike[str] | None) -> KeyRing | None:
    """``keys`` itself, or the ring in the file that it names. Raises as `KeyRing.load` does."""
    return keys if keys is None or isinstance(keys, KeyRing) else KeyRing.load(keys)


def _current(ring: KeyRing) -> str | None:
    return ring.sealing.current if ring.sealing else None


def _complaint(keys: tuple[Key, ...]) -> str:
    """Complain of keys that cannot be a ring."""
    if not 1 <= len(keys) <= KEYS_MAX:
        return f"there are {len(keys)}, 1 to {KEYS_MAX} are allowed"
    if len({key.id for key in keys}) != len(keys):
        return "one is there twice"
    if sum(key.use == "sign" and key.state == "active" for key in keys) > SIGNATURES_MAX:
        return f"more than {SIGNATURES_MAX} sign: retire some"
    return next((complaint for key in keys if (complaint := complaint_of(key))), "")


def _decode(path: Path, found: Found) -> KeyRing:
    """The ring in a file. Raises `ConfigurationError` that names the file."""
    remedy = "nothing was started; bring the file back, or make new keys: cutpoint keys generate"
    try:
        ring = KeyRing(keys=msgspec.json.decode(found.data, type=_File).keys)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise ConfigurationError(f"{shown(path)} is not a key file: {one_line(error)}; {remedy}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{shown(path)}: {error}") from error
    if ring.secret:
        check_secret(path, found.mode)
    elif found.mode & 0o022:
        raise ConfigurationError(
            f"{shown(path)} says whom to trust, and others than its owner may change it (mode {found.mode:04o}); "
            f"nothing was started; look who could have, then: chmod 644 {shown(path)}"
        )
    return ring


def _not_authentic(what: str, reason: str) -> NotAuthentic:
    return NotAuthentic(
        f"{what} is not authentic: {reason}; nothing of it was used; if its signer is yours, add that key's public "
        "part to the key file, otherwise find out who wrote it, and do without it: recover to another recovery point"
    )
