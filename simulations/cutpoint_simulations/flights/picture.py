"""One recovery point as what there is to draw: processes, and every message that crossed the cut.

It is read from the store, from the parts that the processes wrote, and from nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import Close, InFlight
from cutpoint.store import Part, open_backend, read_manifest, read_part


class Crossing(msgspec.Struct, frozen=True, kw_only=True):
    """One message that was sent inside the cut and not yet received in it.

    ``number`` is its number on its channel, ``order`` its place among all that its sender has sent or, for answers,
    landed; ``text`` is what it says.
    """

    sender: str
    receiver: str
    number: int
    order: int
    text: str


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One process: messages ``sent`` and ``received`` inside the cut, over all its channels."""

    name: str
    origin: bool
    sent: int
    received: int


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One cut, ready to be drawn: lanes from top to bottom, crossings by sender and order."""

    cut: int
    created: str
    duration_seconds: float
    lanes: tuple[Lane, ...]
    crossings: tuple[Crossing, ...]


def read_picture(store: Path, cut: int, origins: tuple[str, ...], regions: tuple[str, ...]) -> Picture:
    """Read cut ``cut`` from the store in the folder ``store``; origins come between regions. Raises `StoreError`."""
    backend = open_backend(str(store))
    manifest = read_manifest(backend, CutNumber(cut))
    parts: dict[str, Part] = {entry.process: read_part(backend, entry) for entry in manifest.parts}
    half = len(regions) // 2
    names = [name for name in (*regions[:half], *origins, *regions[half:]) if name in parts]
    crossings = [crossing for name in names for crossing in _crossings(parts[name])]
    return Picture(
        cut=cut,
        created=manifest.created,
        duration_seconds=manifest.duration_seconds,
        lanes=tuple(_lane(parts[name], origin=name in origins) for name in names),
        crossings=tuple(sorted(crossings, key=lambda c: (names.index(c.sender), c.order, c.number))),
    )


def _lane(part: Part, *, origin: bool) -> Lane:
    evidence = [record.evidence for record in part.sessions]
    received = sum(last - first + 1 for e in evidence for first, last in e.incoming.received)
    sent = sum(e.outgoing.sent for e in evidence)
    return Lane(name=part.process, origin=origin, sent=sent, received=received)


def _crossings(part: Part) -> Iterator[Crossing]:
    """Every message that this part records: as sender because a marker overtook it, or as receiver."""
    for record in part.sessions:
        peer = record.evidence.peer
        yield from _messages(record.outgoing_in_flight, sender=part.process, receiver=peer)
        yield from _messages(record.incoming_in_flight, sender=peer, receiver=part.process)


def _messages(messages: tuple[InFlight, ...], *, sender: str, receiver: str) -> Iterator[Crossing]:
    for message in messages:
        if isinstance(message.payload, Close):
            continue
        said = _said(message.payload)
        yield Crossing(
            sender=sender,
            receiver=receiver,
            number=message.number,
            order=int(said.get("number", message.number)),
            text=_text(said),
        )


def _said(payload: str | bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _text(said: dict[str, Any]) -> str:
    if "landed" in said:
        return f"{said.get('flight', '?')} landed, {_arrow(said['landed'])}"
    return f"{said.get('flight', '?')} ({said.get('tailnum', '?')}), {_arrow(said.get('route', '?'))}"


def _arrow(route: str) -> str:
    return str(route).replace("-", " \N{RIGHTWARDS ARROW} ", 1)
