"""What of a part of a world can still make a difference, as a value: equal values have equal futures.

An object becomes the name of its class and its attributes, an object that was met before a reference to it. Left out
is what nobody ever acts on: counts of what was seen, words for people, references to the rest of the world. Of a
reason only this is kept: whether it says that parts contradict each other, which the oracle looks for. Of the number
of a transaction: whether there is one, because one at most is under way, and of a published recovery point what a
recovery needs of it. Dictionaries count as sets of pairs: the order in which their keys came makes no difference to
the cores but for the order of effects that go different ways.
"""

from __future__ import annotations

import enum
import types
from collections import deque
from collections.abc import Hashable
from typing import Any

import msgspec

from cutpoint.protocol.coordinator_effects import WriteLedger
from cutpoint.protocol.ledger import Ledger
from cutpoint_simulations.world.oracle import INCONSISTENT
from cutpoint_simulations.world.search.copying import attributes, is_value

LEFT_OUT = frozenset(
    {
        "Participant.said",  # a line of its own
        "Participant._network",
        "Participant._disk",
        "Participant.opening",  # always the same
        "Participant.turned_away",  # nobody looks
        "Process._handlers",
        "Conversation.stale",
        "Recorder.recorded",
        "Incoming.duplicates",
        "Headquarters.answers",
        "Headquarters.durable",  # a part of its own
        "Headquarters.lines",  # lines of their own
        "Headquarters.deadlines",  # all that were ever set; which may pass is in the core
        "Coordination._handlers",
        "Coordination._ignored",
        "Coordination._hold",
        "Desk._requests",
        "Desk._refusals",
        "Cut.held",
    }
)
"""Attributes that never change what happens, by class."""

TRANSACTIONS = frozenset({"request", "_request", "_ending"})
"""Fields with the number of a transaction."""


def fingerprint(thing: object) -> Hashable:
    """The value of ``thing``, for comparison only."""
    return _value(thing, {})


def _value(thing: Any, met: dict[int, int]) -> Hashable:
    kind = type(thing)
    if kind in (str, int, float, bool, bytes, type(None)):
        return thing  # type: ignore[no-any-return]
    if kind in (tuple, list, deque):
        return tuple([_value(item, met) for item in thing])
    if isinstance(thing, dict):
        return ("{}", *[(key, _attribute(key, value, met)) for key, value in sorted(thing.items())])
    if kind in (set, frozenset):
        return ("{}", *sorted(thing))
    if isinstance(thing, (types.FunctionType, types.MethodType, type)):
        return ""
    if isinstance(thing, enum.Enum):
        return thing.name
    if isinstance(thing, Ledger):
        return _ledger(thing, met)
    if isinstance(thing, WriteLedger):
        return ("WriteLedger", *[(key, _value(msgspec.json.decode(record), met)) for key, record in thing.puts])
    if isinstance(thing, msgspec.Struct):
        fields = [(name, getattr(thing, name)) for name in thing.__struct_fields__]
        return (kind.__name__, *[_attribute(name, value, met) for name, value in fields])
    if not is_value(thing):
        if id(thing) in met:
            return ("met", met[id(thing)])
        met[id(thing)] = len(met)
    shown = [(name, value) for name, value in attributes(thing) if f"{kind.__name__}.{name}" not in LEFT_OUT]
    return (kind.__name__, *[(name, _attribute(name, value, met)) for name, value in sorted(shown)])


def _attribute(name: str, value: Any, met: dict[int, int]) -> Hashable:
    if name == "reason":
        return str(value).startswith(INCONSISTENT)
    if name in TRANSACTIONS:
        return bool(value)
    return _value(value, met)


def _ledger(ledger: Ledger, met: dict[int, int]) -> Hashable:
    """A recovery point that the registry has is judged already: what it counts is not asked for again."""
    points = [(p.cut, p.parent, tuple(p.members.items()), p.left, bool(p.damaged)) for p in ledger.points.values()]
    rest = msgspec.structs.replace(ledger, points={})
    fields = [(name, getattr(rest, name)) for name in rest.__struct_fields__]
    return ("Ledger", tuple(points), *[_attribute(name, value, met) for name, value in fields])
