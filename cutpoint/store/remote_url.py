"""What an operator writes for a store in a cloud: ``s3://bucket/prefix?region=eu-central-1&cache=/var/cache/cutpoint``.

The URL says where the store is and how to treat it, and is fit to be shown: in logs, in errors, in a process list.
So it never holds a secret; one that seems to is refused and not repeated. Credentials come from the environment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from cutpoint.errors import ConfigurationError
from cutpoint.store.backend import is_object_name

SCHEMES: Final = ("s3", "gs", "az")
"""Amazon S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,221}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
_OPTION = re.compile(r"[a-z_]{1,30}")
_SECRET = re.compile(r"key|secret|token|password|passwd|credential|sig\b|sas\b|auth|[@?]", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class RemoteUrl:
    """A remote store and how to treat it; ``str`` is its URL, without what is as by default."""

    scheme: str
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    """``http://host:port`` or ``https://host`` of a server other than the cloud's own."""
    region: str | None = None
    account: str | None = None
    """Azure's storage account."""
    timeout_seconds: float = 30.0
    """How long one request may take."""
    retry_seconds: float = 60.0
    """How long an operation is tried again when that may help; 0: never."""
    bytes_per_second: float | None = None
    operations_per_second: float | None = None
    cache: str | None = None
    """A local folder in which packs are kept that were read."""
    cache_bytes: int = 1 << 30

    @classmethod
    def parse(cls, url: str) -> RemoteUrl:
        """Read a URL. Raises `ConfigurationError`, which repeats nothing that could be a secret."""
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES:
            raise ConfigurationError(f"a store in a cloud begins with {', '.join(f'{one}://' for one in SCHEMES)}")
        location, _, query = rest.partition("?")
        if "@" in location or "#" in url or not location.isprintable():
            _refuse(scheme, "holds a user, a password or a fragment")
        bucket, _, prefix = location.partition("/")
        prefix = prefix.strip("/")
        if not _BUCKET.fullmatch(bucket):
            _refuse(scheme, "does not name a bucket")
        if prefix and not all(is_object_name(part) or part == "tmp" for part in prefix.split("/")):
            _refuse(scheme, "has a prefix with something else in it than letters, digits, '.', '_', '-' and '/'")
        return cls(scheme=scheme, bucket=bucket, prefix=prefix, **_options(scheme, query))

    @property
    def place(self) -> str:
        """The URL without its options."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    def __str__(self) -> str:
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name in _READ}
        changed = {
            name: f"{value:.15g}" if isinstance(value, float) else str(value)
            for name, value in given.items()
            if value != _DEFAULTS[name]
        }
        return f"{self.place}?{urlencode(changed, quote_via=quote, safe='/:')}" if changed else self.place


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    alone = not (parts.query or parts.fragment or parts.username or parts.password or "@" in text)
    if parts.scheme not in ("http", "https") or not parts.hostname or not alone:
        raise ValueError
    _ = parts.port  # raises if it is none
    return text.rstrip("/")


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        raise ValueError
    return text


def _at_least(least: float, *, exclusive: bool = False) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = float(text)
        if not math.isfinite(number) or number < least or (exclusive and number == least):
            raise ValueError
        return number

    return read


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _folder(text: str) -> str:
    if not text.startswith("/") or not text.isprintable():
        raise ValueError
    return text


_READ: Final[dict[str, tuple[Callable[[str], object], str]]] = {
    "endpoint": (_endpoint, "http://host:port or https://host"),
    "region": (_word, "a region's name"),
    "account": (_word, "a storage account's name"),
    "timeout_seconds": (_at_least(0, exclusive=True), "seconds, more than 0"),
    "retry_seconds": (_at_least(0), "seconds, 0 or more"),
    "bytes_per_second": (_at_least(0, exclusive=True), "a number, more than 0"),
    "operations_per_second": (_at_least(0, exclusive=True), "a number, more than 0"),
    "cache": (_folder, "an absolute path"),
    "cache_bytes": (_count, "a whole number, more than 0"),
}
_DEFAULTS: Final = {field.name: field.default for field in fields(RemoteUrl)}
_ONLY: Final = {"region": "s3", "account": "az"}


def _options(scheme: str, query: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        _refuse(scheme, "has options that are not name=value&name=value")
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name not in _READ or name in found or _ONLY.get(name, scheme) != scheme:
            what = "twice an option" if name in found else "an option that it cannot have"
            _refuse(scheme, f"has {what}{f', {name}' if _OPTION.fullmatch(name) else ''}", secret=name not in _READ)
        read, form = _READ[name]
        try:
            found[name] = read(text)
        except ValueError:
            _refuse(scheme, f"has an option {name} that is not {form}", secret=bool(_SECRET.search(text)))
    return found


def _refuse(scheme: str, what: str, *, secret: bool = True) -> NoReturn:
    options = ", ".join(name for name in _READ if _ONLY.get(name, scheme) == scheme)
    hint = "credentials belong into the environment, not into the URL; " if secret else ""
    raise ConfigurationError(
        f"the {scheme}:// URL of the store {what}; nothing was opened; {hint}"
        f"write {scheme}://bucket/prefix?option=value with options of {options}"
    )
