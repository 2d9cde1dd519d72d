"""What the registry keeps of webhooks.

::

    webhooks/<name>                where alerts go, with the secret     webhooks/<name>/tally    what became of them
    webhooks/<name>/waiting/<id>   an alert that has not arrived

The secret is kept as it is, because who signs needs it: whoever reads the registry can sign alerts. It and the URL,
whose path may be a secret too, are in no `repr`, no answer and no error.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from yarl import URL

from cutpoint.errors import ConfigurationError
from cutpoint.names import is_process_name
from cutpoint.webhooks import Alert
from cutpoint.wire.checks import one_line
from cutpoint_coordinator.webhooks.kinds import KINDS

PREFIX = "webhooks/"
TALLY = "/tally"
WAITING = "/waiting/"
URL_CHARACTERS_MAX = 2000

T = TypeVar("T")


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go: those of ``kinds``, or all of them where there are none. ``by`` has declared it ``at``."""

    name: str
    url: str
    secret: str
    kinds: tuple[str, ...] = ()
    by: str = ""
    at: str = ""

    def __repr__(self) -> str:
        return f"<Hook {self.name} to {self.to}>"

    @property
    def to(self) -> str:
        """What may be told of the URL: its scheme, host and port."""
        return str(URL(self.url, encoded=True).origin())

    @property
    def key(self) -> str:
        """Where the registry keeps it."""
        return key_of(self.name)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a webhook's alerts. ``trouble``: why the last attempt failed; empty: it did not.

    ``delivered`` and ``lost`` count alerts, ``failed`` attempts; ``at`` is the last attempt's moment in ISO 8601.
    """

    delivered: int = 0
    failed: int = 0
    lost: int = 0
    at: str = ""
    trouble: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that has not arrived, and when it was raised, in seconds since 1970."""

    alert: Alert
    since: float


def key_of(name: str) -> str:
    """The key of the webhook's own record; the keys of the others begin with it."""
    return f"{PREFIX}{name}"


def read_kept(data: bytes, kind: type[T]) -> T | None:
    """A record; None if it cannot be read."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        return None


def check_name(name: object) -> None:
    """Raise `ConfigurationError` unless ``name`` can name a webhook."""
    if type(name) is not str or not is_process_name(name) or len(name) > 64:
        raise ConfigurationError(
            f"{one_line(repr(name))[:100]} cannot name a webhook; nothing was done; take 1 to 64 letters, digits, "
            "'.', '_' and '-', a letter or digit first"
        )


def check_url(url: str) -> None:
    """Raise `ConfigurationError`, which does not tell it, unless alerts can be sent to ``url``."""
    if _usable(url):
        return
    raise ConfigurationError(
        "what was given is no URL that alerts could be sent to; nothing was done; write http:// or https://, a host, "
        f"and a path, without a login or a fragment, in at most {URL_CHARACTERS_MAX} visible ASCII characters"
    )


def check_kinds(kinds: tuple[str, ...]) -> None:
    """Raise `ConfigurationError` unless these are kinds of alerts."""
    strange = [kind for kind in kinds if kind not in KINDS]
    if strange:
        raise ConfigurationError(
            f"{one_line(strange[0])[:50]!r} is no kind of alert; nothing was done; take any of: {', '.join(KINDS)}"
        )


def _usable(url: Any) -> bool:
    if not 0 < len(url) <= URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable():
        return False
    if any(sign in url for sign in ' \\"<>^`{|}'):
        return False
    try:
        parsed = URL(url, encoded=True)
        port = parsed.port
    except ValueError:
        return False
    login = parsed.raw_user is not None or parsed.raw_password is not None or "@" in parsed.raw_authority
    return parsed.scheme in ("http", "https") and bool(parsed.host) and bool(port) and not login and "#" not in url
