"""A policy as people write it: a document of plain values, TOML text, and what another policy would change.

What is written is read back as the same policy. Keys that have their default are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from cutpoint.policy.declared import Policy
from cutpoint.policy.fields import FIELDS, SERVICE_FIELDS, Field

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One key that another policy would change; None: it is not written, and ``default`` holds."""

    key: str
    before: Any
    after: Any
    default: Any


def to_document(policy: Policy) -> dict[str, Any]:
    """The policy as plain values, in the shape of the file."""
    document: dict[str, Any] = {}
    for section, key, value in _written(policy):
        *tables, last = section
        inner = document
        for table in (*tables, last):
            inner = inner.setdefault(table, {})
        if key:
            inner[key] = value
    return document


def to_toml(policy: Policy) -> str:
    """The policy as a file; empty if everything has its default."""
    lines: list[str] = []
    header: tuple[str, ...] = ()
    for section, key, value in _written(policy):
        if section != header:
            header = section
            lines += [*([""] if lines else []), f"[{'.'.join(map(_key, section))}]"]
        if key:
            lines.append(f"{key} = {_toml(value)}")
    return "\n".join(lines) + "\n" if lines else ""


def changes(before: Policy, after: Policy) -> tuple[Change, ...]:
    """What differs, key by key, in the order of the file."""
    found = []
    old = {(*section, key): value for section, key, value in _written(before)}
    new = {(*section, key): value for section, key, value in _written(after)}
    for path in dict.fromkeys((*_order(), *sorted((*old, *new)))):
        if path[-1] and old.get(path) != new.get(path):
            found.append(Change(key=".".join(path), before=old.get(path), after=new.get(path), default=_default(path)))
    return tuple(found)


def change_text(change: Change) -> tuple[str, ...]:
    """A change, for people: a line that goes and a line that comes; what holds by default is said so."""

    def line(sign: str, value: Any) -> str:
        holds = f"{_toml(change.default)}  (default)" if value is None else _toml(value)
        return f"{sign} {change.key} = {holds}"

    return line("-", change.before), line("+", change.after)


def _written(policy: Policy) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """Every key that has not its default, with its section and as it is written; an empty key for a bare service."""
    for field in FIELDS:
        if (meant := field.of(policy)) != field.default:
            yield (field.section,), field.key, field.kind.write(meant)
    for name, service in policy.services.items():
        yield ("services", name), "", None
        for field in SERVICE_FIELDS:
            if (meant := getattr(service, field.name)) != field.default:
                yield ("services", name), field.key, field.kind.write(meant)


def _order() -> Iterator[tuple[str, ...]]:
    yield from ((field.section, field.key) for field in FIELDS)


def _default(path: tuple[str, ...]) -> Any:
    fields: tuple[Field, ...] = SERVICE_FIELDS if path[0] == "services" else FIELDS
    (field,) = (each for each in fields if (each.section, each.key) == (path[0], path[-1]))
    if field.default in (0, None):
        return "none"
    return field.kind.write(field.default)


def _key(text: str) -> str:
    return text if _BARE.fullmatch(text) else _toml(text)


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, float) else repr(value)
