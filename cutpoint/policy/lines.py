"""Where in a TOML text each key, table and item stands: what tomllib reads and does not tell.

The text must be one that tomllib has accepted; then little is left to be understood: where strings, comments and
brackets begin and end, and which table a line belongs to. A path is the keys and indices that lead to a value in what
tomllib gives. Nothing is checked here, and nothing is converted.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str | int, ...]

_BLANK = " \t\r\n"
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def lines_of(text: str) -> Mapping[Path, int]:
    """The line, from 1 on, of every value's key or beginning, and of the first mention of every table."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._starts = [0, *(place + 1 for place, sign in enumerate(text) if sign == "\n")]
        self._tables: dict[Path, int] = {}

    def document(self) -> None:
        """Headers and statements, to the end."""
        table: Path = ()
        while self._skip_blank():
            if self._next("[["):
                keys = self._key()
                self._at += 2
                place = (*self._resolved(keys[:-1], self._line), keys[-1])
                self._note(place)
                index = self._tables[place] = self._tables.get(place, -1) + 1
                table = (*place, index)
                self._note(table)
            elif self._next("["):
                table = self._resolved(self._key(), self._line)
                self._at += 1
                self._note(table)
            else:
                self._statement(table)

    @property
    def _line(self) -> int:
        return bisect_right(self._starts, self._at)

    def _note(self, path: Path, line: int | None = None) -> None:
        self.lines.setdefault(path, self._line if line is None else line)

    def _next(self, word: str) -> bool:
        """Step over ``word`` if it comes next."""
        found = self._text.startswith(word, self._at)
        self._at += len(word) if found else 0
        return found

    def _skip_blank(self) -> bool:
        """Step over blanks, ends of lines and comments; False at the end."""
        text = self._text
        while self._at < len(text):
            if text[self._at] == "#":
                end = text.find("\n", self._at)
                self._at = len(text) if end < 0 else end
            elif text[self._at] not in _BLANK:
                return True
            else:
                self._at += 1
        return False

    def _resolved(self, keys: Path, line: int) -> Path:
        """The path of a header's keys: a table in a series means its last one. Tables on the way are noted."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self._note(path, line)
            if path in self._tables:
                path = (*path, self._tables[path])
        return path

    def _statement(self, table: Path) -> None:
        """One ``key = value``."""
        line = self._line
        keys = self._key()
        for length in range(1, len(keys) + 1):
            self._note((*table, *keys[:length]), line)
        self._skip_blank()
        self._at += 1  # =
        self._value((*table, *keys))

    def _key(self) -> Path:
        """Simple keys between dots."""
        keys: list[str] = []
        while True:
            self._skip_blank()
            begin = self._at
            if self._text[begin] in "\"'":
                self._string()
                keys.append(tomllib.loads(f"key = {self._text[begin : self._at]}")["key"])
            else:
                while self._text[self._at] in _BARE:
                    self._at += 1
                keys.append(self._text[begin : self._at])
            self._skip_blank()
            if not self._next("."):
                return tuple(keys)

    def _value(self, path: Path) -> None:
        self._skip_blank()
        if self._text[self._at] in "\"'":
            self._string()
        elif self._next("["):
            self._array(path)
        elif self._next("{"):
            while self._skip_blank() and not self._next("}"):
                self._statement(path)
                self._skip_blank()
                self._next(",")
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}#\n":
                self._at += 1

    def _array(self, path: Path) -> None:
        index = 0
        while self._skip_blank() and not self._next("]"):
            self._note((*path, index))
            self._value((*path, index))
            index += 1
            self._skip_blank()
            self._next(",")

    def _string(self) -> None:
        """Step over a string of any of the four kinds."""
        quote = self._text[self._at]
        end = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(end)
        while not self._next(end):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        for _ in range(2 if len(end) == 3 else 0):
            self._next(quote)  # a string may end with quotes of its own
