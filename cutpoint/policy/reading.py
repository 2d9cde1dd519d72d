"""Reads what an operator has declared, from TOML or from JSON of the same shape, and tells every mistake at once.

A mistake in the syntax ends the reading: what comes after it cannot be told from what was meant. All others are
collected, also those that lie in two keys that contradict each other, and come in the order of their lines.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from cutpoint.names import ProcessName, is_process_name
from cutpoint.policy.contradictions import contradictions
from cutpoint.policy.declared import DEFAULT, Policy, Service
from cutpoint.policy.fields import SECTIONS, SERVICE_FIELDS, with_values
from cutpoint.policy.kinds import Kind, Wrong, kind_of, shown
from cutpoint.policy.lines import Path, lines_of
from cutpoint.policy.mistakes import Mistake, PolicyMistakes
from cutpoint.wire.checks import one_line

BYTES_MAX = 1024 * 1024
"""The longest policy that is read."""

_PLACE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_SERVICE_KEYS: Final = {field.key: field for field in SERVICE_FIELDS}


def read_policy(data: bytes, *, name: str) -> Policy:
    """The policy in a TOML file called ``name``. Raises `PolicyMistakes`."""
    if len(data) > BYTES_MAX:
        raise _only(name, 0, f"it is {len(data)} bytes long", f"{BYTES_MAX} are allowed: take out what is not policy")
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _only(name, line, "this is not UTF-8 text", "save the file as UTF-8") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _syntax(name, text, str(error)) from None
    except (ValueError, RecursionError):
        what = "a number in it is too long, or its tables and lists are too deep"
        raise _only(name, 0, what, "take out what is not policy") from None
    return _Reader(name, lines_of(text)).policy(document)


def read_document(document: Any, *, name: str = "policy") -> Policy:
    """The policy in a value of the same shape, such as JSON gives. Raises `PolicyMistakes`, each with its key."""
    return _Reader(name, None).policy(document)


def _only(name: str, line: int, what: str, remedy: str) -> PolicyMistakes:
    where = f"{name}:{line}" if line else name
    return PolicyMistakes([Mistake(where=where, line=line, what=what, remedy=remedy)])


def _syntax(name: str, text: str, message: str) -> PolicyMistakes:
    """A mistake in the syntax: tomllib tells one, in words for programmers."""
    found = _PLACE.search(message)
    told = message[: found.start()] if found else message
    line = int(found[1]) if found and found[1] else text.rstrip().count("\n") + 1
    if told == "Cannot overwrite a value":
        return _only(name, line, "this key is given twice", "keep one of the two")
    if told.startswith("Cannot declare"):
        return _only(name, line, "this section is given twice", "put all its keys below one header")
    remedy = 'write sections as [cuts] and keys as key = value, with texts such as "5m" in quotes'
    return _only(name, line, f"this is not TOML ({one_line(told)})", remedy)


class _Reader:
    """``lines`` tells where each path stands; None: nobody knows, and the path itself is told."""

    def __init__(self, name: str, lines: Mapping[Path, int] | None) -> None:
        self._name = name
        self._lines = lines
        self._mistakes: list[Mistake] = []

    def policy(self, document: Any) -> Policy:
        """The policy, if there is no mistake. Raises `PolicyMistakes`."""
        values: dict[tuple[str, str], Any] = {}
        services: dict[ProcessName, Service] = {}
        if not isinstance(document, dict):
            self._mistake((), f"a policy is a table, and this is {kind_of(document)}", 'send {"cuts": {...}, ...}')
            document = {}
        for section, content in document.items():
            if section not in (*SECTIONS, "services"):
                self._unknown((section,), "section", (*SECTIONS, "services"))
            elif not isinstance(content, dict):
                what = f"{section} is a section, and this is {kind_of(content)}"
                self._mistake((section,), what, f"write [{section}] on a line of its own, and its keys below it")
            elif section == "services":
                services = self._services(content)
            else:
                values |= self._section(section, content)
        for path, what, remedy in contradictions(values, lambda path: self._line(path) or 0):
            self._mistake(path, what, remedy)
        if self._mistakes:
            raise PolicyMistakes(sorted(self._mistakes, key=lambda mistake: mistake.line))
        return msgspec.structs.replace(with_values(DEFAULT, values), services=services)

    def _section(self, section: str, content: dict[str, Any]) -> dict[tuple[str, str], Any]:
        values: dict[tuple[str, str], Any] = {}
        for key, value in content.items():
            field = SECTIONS[section].get(key)
            if field is None:
                self._unknown((section, key), f"key in [{section}]", SECTIONS[section])
            else:
                values |= self._value((section, key), (section, field.name), field.kind, value)
        return values

    def _services(self, content: dict[str, Any]) -> dict[ProcessName, Service]:
        services: dict[ProcessName, Service] = {}
        for name in sorted(content):
            path, declared = ("services", name), content[name]
            if not is_process_name(name):
                remedy = "take 1 to 100 letters, digits, '.', '_' and '-', a letter or digit first"
                self._mistake(path, f"{shown(name)} cannot name a process", remedy)
            elif not isinstance(declared, dict):
                what = f"what is declared of {name} is a table, and this is {kind_of(declared)}"
                self._mistake(path, what, f"write [services.{name}] and its keys below it")
            else:
                values: dict[tuple[str, str], Any] = {}
                for key, value in declared.items():
                    if (field := _SERVICE_KEYS.get(key)) is None:
                        self._unknown((*path, key), "key of a service", _SERVICE_KEYS)
                    else:
                        values |= self._value((*path, key), ("", field.name), field.kind, value)
                services[ProcessName(name)] = Service(**{key: value for (_, key), value in values.items()})
        return services

    def _value(self, path: Path, place: tuple[str, str], kind: Kind, value: Any) -> dict[tuple[str, str], Any]:
        try:
            return {place: kind.read(value)}
        except Wrong as wrong:
            at = path if wrong.item is None else (*path, wrong.item)
            self._mistake(at, f"{path[-1]}: {wrong.what}", wrong.remedy)
            return {}

    def _unknown(self, path: Path, what: str, known: Collection[str]) -> None:
        word = str(path[-1])
        near = difflib.get_close_matches(word.replace("-", "_").lower(), list(known), n=1)
        remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        self._mistake(path, f"there is no {what} called {shown(word)}", remedy)

    def _line(self, path: Path) -> int | None:
        return None if self._lines is None else self._lines.get(path)

    def _mistake(self, path: Path, what: str, remedy: str) -> None:
        line = self._line(path) or 0
        key = one_line(".".join(map(str, path)))
        where = f"{self._name}:{line}" if line else f"{self._name}: {key}" if key else self._name
        self._mistakes.append(Mistake(where=where, line=line, what=what, remedy=remedy))
