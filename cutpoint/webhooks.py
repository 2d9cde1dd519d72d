"""What a webhook delivers, and how its receiver knows that a delivery is genuine.

A delivery is a POST whose body is one `Alert` as JSON. Its header says when it was signed, and proves that the sender
knows the secret that both ends share::

    Cutpoint-Signature: t=1763956800,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd

``v1`` is HMAC-SHA256, in hex, over ``t``, a full stop and the body's bytes. A receiver asks `read_alert`, which
believes nothing before that is verified, and answers any 2xx. The same alert may come twice, with the same ``id``.

Nothing here sends or receives.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from cutpoint.errors import ConfigurationError, NotGenuine

SIGNATURE: Final = "Cutpoint-Signature"
"""The header with the moment and the signature."""

ALERT: Final = "Cutpoint-Alert"
"""The header with the alert's id, for those who drop doubles before they read on. It is not signed; the body is."""

TOLERANCE_SECONDS = 300.0
"""How far the moment of the signature may be from the receiver's clock."""

ALERT_BYTES_MAX = 64 * 1024
"""No delivery is longer."""

SECRET_CHARACTERS = (16, 200)
"""How long a secret is at least and at most."""

_HEADER_CHARACTERS_MAX = 1000
_SIGNATURES_MAX = 5

Severity = Literal["info", "warning", "critical"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a computation. ``id`` is the same each time that it is delivered.

    ``kind``: a word that stays, ``severity``: whether somebody should look (``warning``) or get up (``critical``).
    ``at``: ISO 8601. ``what`` happened and what to do ``next``, each one line for people. ``cut``: the number of the
    cut or recovery point that it is about, if it is about one. ``fields``: the same and more for programs, by kind.
    """

    id: str
    kind: str
    severity: Severity
    at: str
    computation: str
    what: str
    next: str
    cut: int | None = None
    fields: dict[str, Any] = {}


def check_secret(secret: str) -> None:
    """Raise `ConfigurationError`, which does not tell it, unless ``secret`` can be one."""
    least, most = SECRET_CHARACTERS
    if not least <= len(secret) <= most or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigurationError(
            f"what was given cannot be a webhook's secret; nothing was done; take {least} to {most} visible ASCII "
            "characters, drawn at random"
        )


def signature_of(body: bytes, secret: str, moment: int) -> str:
    """The value of the header `SIGNATURE` for ``body``, signed at ``moment`` (seconds since 1970)."""
    return f"t={moment},v1={_digest(body, secret, str(moment))}"


def read_alert(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Alert:
    """The alert of a delivery. Raises `NotGenuine` unless who has sent it knows ``secret``, and has just signed it.

    ``body``: the bytes as they came, before anything has decoded them. ``headers``: the request's. ``secret``: the
    webhook's, or while it is being changed the old and the new one. ``now``: seconds since 1970; None: this moment.
    Signatures are compared in constant time. Raises `ConfigurationError` for a secret that cannot be one.
    """
    secrets = (secret,) if isinstance(secret, str) else tuple(secret)
    if not secrets:
        raise ConfigurationError(
            "no secret was given; nothing was read; give the one that `cutpoint webhooks put` told"
        )
    for each in secrets:
        check_secret(each)
    if len(body) > ALERT_BYTES_MAX:
        raise _refused(f"its body is longer than {ALERT_BYTES_MAX} bytes")
    moment, signatures = _parsed(_header(headers))
    genuine = False
    for each in secrets:
        expected = _digest(body, each, moment)
        for signature in signatures:
            genuine |= hmac.compare_digest(expected.encode(), signature.encode())
    if not genuine:
        raise _refused("its signature is not made with this secret, or its body was changed on the way")
    apart = abs((time.time() if now is None else now) - int(moment))
    if apart > tolerance_seconds:
        raise _refused(
            f"it was signed {apart:.0f} seconds away from this clock, and {tolerance_seconds:g} are tolerated"
        )
    try:
        return msgspec.json.decode(body, type=Alert)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        raise _refused("it is genuine and its body is no alert; is its sender of another version?") from error


def _digest(body: bytes, secret: str, moment: str) -> str:
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def _header(headers: Mapping[str, str]) -> str:
    found = [value for name, value in headers.items() if name.lower() == SIGNATURE.lower()]
    if len(found) != 1:
        raise _refused(f"it has {len(found)} headers {SIGNATURE}, and one is needed")
    return found[0]


def _parsed(header: str) -> tuple[str, list[str]]:
    """The moment, as it is written, and the signatures."""
    pairs = [part.strip().partition("=") for part in header[:_HEADER_CHARACTERS_MAX].split(",")]
    moments = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1"][:_SIGNATURES_MAX]
    if len(moments) != 1 or not (moments[0].isascii() and moments[0].isdecimal() and len(moments[0]) <= 12):
        raise _refused(f"its header {SIGNATURE} does not say when it was signed")
    return moments[0], signatures


def _refused(why: str) -> NotGenuine:
    return NotGenuine(f"a delivery was refused: {why}; nothing of it was used; answer 400, and see who sends there")
