"""Idempotency keys: what a caller draws for one request, so that giving it again does nothing twice.

A key is kept as a digest. What makes two requests the same is the route and the body, without ``wait`` and
``timeout_seconds``, which only say how to be answered.
"""

from __future__ import annotations

import dataclasses
import hashlib

import msgspec
from aiohttp import web

from cutpoint.protocol.ledger import KEYED
from cutpoint_coordinator.access.callers import caller_now
from cutpoint_coordinator.bodies import body_bytes
from cutpoint_coordinator.faults import Refused

HEADER = "Idempotency-Key"
CHARACTERS_MAX = 200

_HOW_TO_ANSWER = ("wait", "timeout_seconds")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """The digest of a caller's key, and of the request that it came with."""

    name: str
    fingerprint: str

    @property
    def request(self) -> str:
        """What the core calls the request."""
        return f"{self.prefix}{self.fingerprint}"

    @property
    def prefix(self) -> str:
        """What the names of all requests with this key begin with."""
        return f"{KEYED}{self.name}-"


async def key_of(request: web.Request) -> Key | None:
    """The request's key, if it has one. Raises `Refused` for one that cannot be one."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    if not 1 <= len(given) <= CHARACTERS_MAX or not all("!" <= letter <= "~" for letter in given):
        raise Refused(
            400,
            "bad_key",
            f"the {HEADER} is no key; nothing was done",
            f"give 1 to {CHARACTERS_MAX} visible ASCII characters, such as a UUID",
        )
    what = f"{request.method} {request.path}\n".encode() + _essence(await body_bytes(request))
    whose = f"{caller_now().key}\n{given}".encode()  # nobody is told what another one was answered
    return Key(name=_digest(whose, 32), fingerprint=_digest(what, 8))


def key_reused() -> Refused:
    """The refusal of a key that was given before with another request."""
    return Refused(
        422,
        "key_reused",
        f"this {HEADER} was given before with another request; nothing was done",
        "draw a new one for every request, and give it again only with the same",
    )


def _essence(body: bytes) -> bytes:
    try:
        asked = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return body  # it is refused in a moment
    if isinstance(asked, dict):
        asked = {name: value for name, value in asked.items() if name not in _HOW_TO_ANSWER}
    return msgspec.json.encode(asked, order="sorted")


def _digest(data: bytes, characters: int) -> str:
    return hashlib.sha256(data).hexdigest()[:characters]
