"""What of a part of a world can still make a difference, as a value: equal values have equal futures.

An object becomes the name of its class and its attributes; an object that was met before becomes a reference to it.
Left out is what nobody ever acts on: counts of what was seen, words for people, references to the rest of the world.
Of a reason only this is kept: whether it says that parts contradict each other, which the oracle looks for. Of the
number of a transaction: whether there is one, because one at most is under way. Of a recovery point that the registry
has: what a recovery needs of it. Dictionaries count as sets of pairs: the order in which their keys came makes no
difference to the cores but for the order of effects that go different ways.
"""

from __future__ import annotations

import enum
import functools
import types
from collections import deque
from collections.abc import Hashable
from typing import Any

import msgspec

from cutpoint.protocol.coordinator_effects import WriteLedger
from cutpoint.protocol.ledger import Ledger
from cutpoint_simulations.world.oracle import INCONSISTENT
from cutpoint_simulations.world.search.copying import is_value, slots_of

LEFT_OUT = frozenset(
    {
        "Participant.said",  # a line of its own
        "Participant._network",
        "Participant._disk",
        "Participant.opening",  # always the same
        "Participant.turned_away",  # nobody looks
        "Process._handlers",
        "Process.conversation",  # a count, and references to the others
        "Recorder.recorded",
        "Incoming.duplicates",
        "Headquarters.answers",
        "Headquarters.durable",  # its registry and manifests are added by the caller
        "Headquarters.lines",  # lines of their own; which there are is added by the caller
        "Headquarters.deadlines",  # all that were ever set; which may pass is in the core
        "Coordination._handlers",
        "Coordination._ignored",
        "Calls.hold",
        "Calls._looked",  # what was looked at, and need not be again
        "Admission._settled",
        "Membership.revision",
        "Membership._waiting",  # in the agents themselves
        "Recovery._participants",
        "Recovery._seen",
        "Recovery._delays",
        "Desk._ledgers",
        "Desk._belonging",  # that of the last cut, whom agents were told
        "Desk._requests",
        "Desk._refusals",
        "Cut._inside",
        "Cut.held",
    }
)
"""Attributes that never change what happens, by class."""

TRANSACTIONS = frozenset({"request", "_request", "_ending"})
"""Fields with the number of a transaction."""

_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})


def fingerprint(thing: object) -> Hashable:
    """The value of ``thing``, for comparison only."""
    return _value(thing, {})


def _value(thing: Any, met: dict[int, int]) -> Hashable:
    kind = thing.__class__
    if kind in _PLAIN:
        return thing  # type: ignore[no-any-return]
    if kind is tuple or kind is list or kind is deque:
        return tuple([_value(item, met) for item in thing])
    if isinstance(thing, dict):
        return ("{}", *[(key, _attribute(key, value, met)) for key, value in sorted(thing.items())])
    if isinstance(thing, (set, frozenset)):
        return ("{}", *sorted(thing))
    if isinstance(thing, (types.FunctionType, types.MethodType, type)):
        return ""
    if isinstance(thing, enum.Enum):
        return thing.name
    if isinstance(thing, msgspec.Struct):
        return _struct(thing, met)
    if kind is WriteLedger:
        return ("WriteLedger", *[(key, _value(msgspec.json.decode(record), met)) for key, record in thing.puts])
    if not is_value(kind):
        if id(thing) in met:
            return ("met", met[id(thing)])
        met[id(thing)] = len(met)
    names = _names(kind, tuple(getattr(thing, "__dict__", ())))
    return (kind.__name__, *[_attribute(name, getattr(thing, name), met) for name in names])


def _struct(thing: msgspec.Struct, met: dict[int, int]) -> Hashable:
    if isinstance(thing, Ledger):
        return _ledger(thing, met)
    try:
        return _frozen(thing)
    except TypeError:  # it holds a dictionary
        return _fields(thing)


def _fields(thing: msgspec.Struct) -> Hashable:
    fields = [_attribute(name, getattr(thing, name), {}) for name in thing.__struct_fields__]
    return (thing.__class__.__name__, *fields)


_frozen = functools.lru_cache(maxsize=1 << 16)(_fields)
"""Evidence and messages are met again and again."""


@functools.cache
def _names(kind: type, attributes: tuple[str, ...]) -> tuple[str, ...]:
    """What counts of an object of this class with these attributes, in a fixed order."""
    names = sorted(dict.fromkeys((*slots_of(kind), *attributes)))
    return tuple(name for name in names if f"{kind.__name__}.{name}" not in LEFT_OUT and name[:2] != "__")


def _attribute(name: str, value: Any, met: dict[int, int]) -> Hashable:
    if value.__class__ in _PLAIN:
        if name == "reason":
            return str(value).startswith(INCONSISTENT)
        return bool(value) if name in TRANSACTIONS else value
    return _value(value, met)


def _ledger(ledger: Ledger, met: dict[int, int]) -> Hashable:
    """A recovery point that the registry has is judged already: what it counts is not asked for again."""
    points = [(p.cut, p.parent, tuple(p.members.items()), p.left, bool(p.damaged)) for p in ledger.points.values()]
    rest = (ledger.computation, ledger.members, ledger.abandoned, ledger.recoveries)
    return ("Ledger", tuple(points), *[_value(record, met) for record in rest])
