"""What holds a cut up: the words in which a process says it, and the order in which it is blamed.

A process that waits for a marker is held up by whoever owes it; one whose turn does not end is the cause. So causes
come first where there is room for a few only. Nothing is decided from hold-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from cutpoint.names import CutNumber, Life, ProcessName

HoldUpKind = Literal["turn", "loop", "store", "channel", "silence"]
"""An open turn; an event loop that does not turn; a part that is being stored; a channel's marker; no word at all."""

_BLAME: tuple[HoldUpKind, ...] = ("loop", "turn", "store", "silence", "channel")

HOLD_UPS_MAX = 16
"""How many hold-ups one report, and one cut, keeps."""


TEXT_CHARACTERS_MAX = 600
"""How long the text of one hold-up may be."""


class HoldUp(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a cut waits for in a process.

    ``channel``: the channel whose message is being handled, or whose marker is awaited. ``handler``: the outermost
    function of the user's; ``place``: ``file:line`` of the innermost. ``text`` says all of it in one line.
    """

    kind: str
    text: str
    channel: str = ""
    handler: str = ""
    place: str = ""


def clipped(text: str) -> str:
    """``text``, no longer than a hold-up's may be."""
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[: TEXT_CHARACTERS_MAX - 3] + "..."


def told(what: Sequence[HoldUp]) -> str:
    """These hold-ups in one line; no more than `HOLD_UPS_MAX` of them one by one."""
    texts = [hold_up.text for hold_up in what[:HOLD_UPS_MAX]]
    return "; ".join((*texts, *((f"{len(what) - len(texts)} more",) if len(what) > len(texts) else ())))


class HeldUp(msgspec.Struct, frozen=True, kw_only=True, tag="held"):
    """The cut is waiting in this process, and for what: the channel, the handler and its line; ``what`` in fields."""

    cut: CutNumber
    by: str
    what: tuple[HoldUp, ...] = ()


class LoopHeld(msgspec.Struct, frozen=True, kw_only=True):
    """The event loop of this process has not turned for ``seconds``, so it cannot say so on its control connection.

    A thread of its own says it, in a request of its own; ``what`` is where the loop is held.
    """

    process: ProcessName
    life: Life
    seconds: float
    what: HoldUp


class Culprit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hold-up and the process that it was in."""

    process: ProcessName
    kind: str
    text: str
    channel: str = ""
    handler: str = ""
    place: str = ""


def culprits(held: Mapping[ProcessName, HeldUp]) -> tuple[Culprit, ...]:
    """What these processes have said, causes first; no more than `HOLD_UPS_MAX`."""
    found = [
        Culprit(
            process=name,
            kind=what.kind,
            text=what.text,
            channel=what.channel,
            handler=what.handler,
            place=what.place,
        )
        for name, said in sorted(held.items())
        for what in said.what or (HoldUp(kind="turn", text=said.by),)
    ]
    return tuple(sorted(found, key=lambda culprit: blame(culprit.kind))[:HOLD_UPS_MAX])


def silent(names: Iterable[ProcessName]) -> tuple[Culprit, ...]:
    """Processes of which nothing was heard; no more than `HOLD_UPS_MAX`."""
    few = sorted(names)[:HOLD_UPS_MAX]
    return tuple(Culprit(process=name, kind="silence", text="no word from it") for name in few)


def blame(kind: str) -> int:
    """How likely a hold-up of this kind is the cause: lower is likelier. Kinds of a newer release come last."""
    return next((rank for rank, known in enumerate(_BLAME) if known == kind), len(_BLAME))
