"""What may be asked about tokens and the audit log, and what the answers hold. Values only."""

from __future__ import annotations

from typing import Annotated

import msgspec

from cutpoint_coordinator.access.scopes import Scope
from cutpoint_coordinator.asked import PageQuery

SECONDS_MAX = 10 * 366 * 86400.0
"""The longest that a token may be asked for to count."""

GRACE_SECONDS = 3600.0
"""How long the old secret counts beside a new one, where nobody says otherwise."""


class TokenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a token. ``expires_seconds``: for how long it counts; None: until it is revoked."""

    name: str
    scope: Scope
    expires_seconds: float | None = None


class RotateBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give a token a new secret. ``grace_seconds``: for how long the old one counts beside it.

    ``expires_seconds``: for how long the new one counts; None: as the old one would have.
    """

    grace_seconds: float = GRACE_SECONDS
    expires_seconds: float | None = None


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token, without its secret. Times are ISO 8601, empty where there is none.

    ``id``: what its text begins with after ``cutp_``; ``used``: when it was last shown to this coordinator.
    """

    name: str
    scope: Scope
    id: str
    state: str
    created: str
    created_by: str
    expires: str = ""
    rotated: str = ""
    revoked: str = ""
    used: str = ""


class TokensAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All tokens by name, those that were revoked too."""

    tokens: tuple[TokenAnswer, ...]


class NewTokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A token whose secret is told this once: ``secret`` is the whole of it, to be kept from others."""

    token: TokenAnswer
    secret: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done, or denied. ``at`` is ISO 8601; ``count``: how often, for what was denied.

    ``who`` is the name of a token, or where none is asked for, of nobody in particular; ``origin`` the address that
    the request came from. ``id`` is unique to it.
    """

    number: int
    at: str
    who: str
    what: str
    target: str = ""
    origin: str = ""
    outcome: str = "done"
    denied: bool = False
    count: int = 1
    id: str = ""


LIMIT = 100
LIMIT_MAX = 1000


class AuditQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One page of the audit log, the newest first unless that is denied."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = LIMIT
    newest_first: bool = True


class AuditAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the audit log. ``next``: what to ask for the next page with; None: there is no more."""

    entries: tuple[Entry, ...]
    next: int | None = None
