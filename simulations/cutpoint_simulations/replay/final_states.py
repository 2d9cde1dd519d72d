"""What a future came to: the states of every process and what is still in flight, as a value that can be compared.

Two contents are equal if their canonical bytes are: the order of a dict's keys and of a set's members does not count,
nor does the seed of Python's hashes. What agents keep for themselves (clock, chance, timers) is left out, because it
tells of the way and not of the end.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cutpoint.state.built_in import BUILT_IN_SIGN
from cutpoint.state.plain import NotPlain, encode_plain
from cutpoint_simulations.chronicle.observations import shortly
from cutpoint_simulations.cluster import Recorded

IN_FLIGHT = "in flight"
"""What messages under way are called in a difference, in the place of a state's name."""

SHOWN = 70
"""So many characters of a value are told to people."""

_DEPTH_MAX = 100
_LENGTH = struct.Struct(">Q")


class _Absent:
    """In the place of what only the other end has."""

    def __repr__(self) -> str:
        return "nothing"


_ABSENT = _Absent()

FinalStates = Mapping[str, Mapping[str, Any]]
"""By process, then by the state's name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One place where two futures end differently. ``key`` is empty where the whole state differs."""

    process: str
    state: str
    key: str
    first: str
    second: str


def final_states(recorded: Recorded, ignored: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """The states that the program declares; what is in flight is told as one of its receiver, by channel.

    ``ignored``: those that may differ, as ``STATE`` for every process or as ``PROCESS:STATE``.
    """
    states = {
        process: {
            name: content
            for name, content in contents.items()
            if not name.startswith(BUILT_IN_SIGN) and name not in ignored and f"{process}:{name}" not in ignored
        }
        for process, contents in sorted(recorded.states.items())
    }
    for message in recorded.in_flight:
        under_way = states.setdefault(message.receiver, {}).setdefault(IN_FLIGHT, {})
        under_way.setdefault(f"{message.channel} from {message.sender}", []).append(message.payload)
    return states


def digest_of_states(states: FinalStates) -> str:
    """``sha256:...``: the same exactly where two ends are equal."""
    return f"sha256:{hashlib.sha256(canonical(states)).hexdigest()}"


def differences(first: FinalStates, second: FinalStates) -> Iterator[Difference]:
    """Where two ends differ, in the order of their names; by key within what both have as a dict."""
    for process in _union(first, second):
        ours, theirs = first.get(process, {}), second.get(process, {})
        for state in _union(ours, theirs):
            for key, one, other in _within(ours.get(state, _ABSENT), theirs.get(state, _ABSENT)):
                yield Difference(process=process, state=state, key=key, first=_shown(one), second=_shown(other))


def _within(one: Any, other: Any) -> Iterator[tuple[str, Any, Any]]:
    if canonical(one) == canonical(other):
        return
    if not (isinstance(one, dict) and isinstance(other, dict)):
        yield "", one, other
        return
    # Not by ==, for which an object of a class that each future has imported anew is another key.
    ours, theirs = ({canonical(key): (key, item) for key, item in each.items()} for each in (one, other))
    for place in sorted({**ours, **theirs}):
        key = (ours.get(place) or theirs[place])[0]
        mine, yours = (each[place][1] if place in each else _ABSENT for each in (ours, theirs))
        if canonical(mine) != canonical(yours):
            yield repr(key), mine, yours


def _union(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    return sorted({**first, **second})


def _shown(value: Any) -> str:
    text = shortly(value) if isinstance(value, bytes) else repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


# ------------------------------------------------------------------------------------------------------ canonical bytes


def canonical(value: Any, depth: int = 0) -> bytes:
    """Bytes that are the same for equal values of the same types, whatever process made them."""
    if depth > _DEPTH_MAX:
        return b"deeper"
    if isinstance(value, Mapping):
        pairs = sorted((canonical(key, depth + 1), canonical(item, depth + 1)) for key, item in value.items())
        return _joined(b"d", (part for pair in pairs for part in pair))
    if isinstance(value, list | tuple):
        return _joined(b"l" if isinstance(value, list) else b"t", (canonical(item, depth + 1) for item in value))
    if isinstance(value, set | frozenset):
        return _joined(b"s", sorted(canonical(item, depth + 1) for item in value))
    try:
        return _joined(b"p", (encode_plain(value),))
    except NotPlain:
        return _joined(b"o", _reduced(value, depth))


def _reduced(value: Any, depth: int) -> Iterator[bytes]:
    """An object by what pickle would make of it."""
    if isinstance(value, type) or not hasattr(value, "__reduce_ex__"):
        yield repr(value).encode()
        return
    try:
        reduced = value.__reduce_ex__(5)
    except TypeError:
        yield f"{type(value).__module__}.{type(value).__qualname__}".encode()
        return
    if isinstance(reduced, str):
        yield reduced.encode()
        return
    make, arguments, *rest = reduced
    yield f"{make.__module__}.{make.__qualname__}".encode()
    yield canonical(arguments, depth + 1)
    for part in rest:
        yield canonical(list(part) if isinstance(part, Iterator) else part, depth + 1)


def _joined(kind: bytes, parts: Iterable[bytes]) -> bytes:
    """Every part with its length before it, so that no two lists of parts have the same bytes."""
    return kind + b"".join(_LENGTH.pack(len(part)) + part for part in parts)
