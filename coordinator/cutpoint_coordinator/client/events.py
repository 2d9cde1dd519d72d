"""Reading the stream of events: lines to events, and one stream after the other as leaders change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from cutpoint_coordinator.answers import NoticeAnswer


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event. ``notice`` is what happened; where it is None, ``gap`` says why something may have been missed.

    ``id``: what to give as ``last_event`` to be told what comes after it; empty with a gap.
    """

    id: str = ""
    notice: NoticeAnswer | None = None
    gap: str = ""


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """One event as it is written on the wire."""

    name: str
    id: str
    data: str


class LineReader:
    """Gathers lines until an event is complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._fields: dict[str, str] = {}

    def feed(self, data: bytes) -> Iterator[Raw]:
        """The events that ``data`` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        yield from self._events(lines)

    def _events(self, lines: Iterable[bytes]) -> Iterator[Raw]:
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            if text:
                name, _, value = text.partition(":")
                if name:
                    self._fields[name] = value.removeprefix(" ")
            elif "data" in self._fields:
                fields: dict[str, Any] = self._fields
                self._fields = {}
                yield Raw(name=fields.get("event", ""), id=fields.get("id", ""), data=fields["data"])
            else:
                self._fields = {}
