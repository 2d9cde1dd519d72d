"""How an agent and a coordinator prove to each other that they know a token, without sending it.

::

    agent        -> coordinator   Cutpoint-Token: id, nonce a      with the request for a WebSocket
    coordinator  -> agent         nonce c, signature               its first message
    agent        -> coordinator   {"proof": ...}                   its first message, before its Join

    transcript   = "cutpoint agents 1", id, a, c
    signature    = HMAC(server key, transcript)
    proof        = client key XOR HMAC(stored key, transcript)

This is SCRAM (RFC 5802) with the coordinator's half sent first, which the length of the secret allows: a signature
tells nothing of a key of 256 random bits. Fresh nonces of both sides make every exchange worthless afterwards. It
proves who is at the other end; it does not protect what is said later against somebody who sits on the wire: TLS does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time

import msgspec

from cutpoint.access.tokens import Token, Verifier

ASKING = "Cutpoint-Token"
"""The header in which an agent says which token it has."""

SIGNED = "Cutpoint-Signed"
"""The header in which an agent signs a single request: when, in seconds of the epoch, and a proof."""

SIGNED_SECONDS = 120.0
"""How far the clocks of both may be apart for that; for so long such a request can be repeated."""

_NONCE = re.compile(r"[A-Za-z0-9_-]{22}")
_ID = re.compile(r"[a-z0-9]{10}")


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An agent's first message."""

    proof: str

    def encode(self) -> str:
        """As it travels."""
        return msgspec.json.encode(self).decode()


class AgentSide:
    """One exchange as the agent sees it."""

    def __init__(self, token: Token) -> None:
        self._token = token
        self._nonce = _nonce()

    @property
    def header(self) -> str:
        """What to send as `ASKING`."""
        return f"{self._token.id}, {self._nonce}"

    def proof(self, answer: str) -> Proof | None:
        """What to say first, given the coordinator's first message; None if the coordinator does not know the token."""
        nonce, _, signature = (part.strip() for part in answer.partition(","))
        if not _NONCE.fullmatch(nonce):
            return None
        transcript = _transcript(self._token.id, self._nonce, nonce)
        expected = hmac.digest(self._token.server_key, transcript, "sha256")
        if not hmac.compare_digest(expected, _unpacked(signature)):
            return None
        key = self._token.client_key
        mask = hmac.digest(hashlib.sha256(key).digest(), transcript, "sha256")
        return Proof(proof=_packed(_xor(key, mask)))


class CoordinatorSide:
    """One exchange as the coordinator sees it. ``verifier``: of the token with this id, or of none that anybody has."""

    def __init__(self, asked: Asked, verifier: Verifier) -> None:
        self._verifier = verifier
        self._own_nonce = _nonce()
        self._transcript = _transcript(asked.id, asked.nonce, self._own_nonce)

    @property
    def header(self) -> str:
        """What to send first."""
        return f"{self._own_nonce}, {_packed(hmac.digest(self._verifier.server_key, self._transcript, 'sha256'))}"

    def proves(self, text: str) -> bool:
        """Whether this first message shows that the agent has the token."""
        try:
            told = msgspec.json.decode(text, type=Proof)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            return False
        mask = hmac.digest(self._verifier.stored_key, self._transcript, "sha256")
        proof = _unpacked(told.proof)
        return len(proof) == len(mask) and self._verifier.recognises(_xor(proof, mask))


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which token an agent says that it has, and its nonce."""

    id: str
    nonce: str

    @classmethod
    def read(cls, header: str) -> Asked | None:
        """What the header `ASKING` says; None if it says nothing that an agent would."""
        name, _, nonce = (part.strip() for part in header.partition(","))
        return cls(id=name, nonce=nonce) if _ID.fullmatch(name) and _NONCE.fullmatch(nonce) else None


def signed_headers(token: Token, method: str, path: str, body: bytes) -> dict[str, str]:
    """Headers that prove, for this one request and for a while, that the token is known."""
    nonce, now = _nonce(), f"{time.time():.3f}"
    transcript = _signed(token.id, nonce, now, method, path, body)
    key = token.client_key
    mask = hmac.digest(hashlib.sha256(key).digest(), transcript, "sha256")
    return {ASKING: f"{token.id}, {nonce}", SIGNED: f"{now}, {_packed(_xor(key, mask))}"}


def signs(verifier: Verifier, asked: Asked, header: str, method: str, path: str, body: bytes) -> bool:
    """Whether the header `SIGNED` shows that whoever sent this request has the token."""
    now, _, proof = (part.strip() for part in header.partition(","))
    try:
        late = abs(time.time() - float(now))
    except ValueError:
        return False
    if not late <= SIGNED_SECONDS:
        return False
    mask = hmac.digest(verifier.stored_key, _signed(asked.id, asked.nonce, now, method, path, body), "sha256")
    given = _unpacked(proof)
    return len(given) == len(mask) and verifier.recognises(_xor(given, mask))


def _signed(name: str, nonce: str, now: str, method: str, path: str, body: bytes) -> bytes:
    digest = hashlib.sha256(body).hexdigest()
    return "\n".join(("cutpoint request 1", name, nonce, now, method, path, digest)).encode()


def _nonce() -> str:
    return secrets.token_urlsafe(16)


def _transcript(name: str, agents: str, coordinators: str) -> bytes:
    return "\n".join(("cutpoint agents 1", name, agents, coordinators)).encode()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if text.isascii() else b""
    except (binascii.Error, ValueError):
        return b""
