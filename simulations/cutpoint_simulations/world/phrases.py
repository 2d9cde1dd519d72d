"""One action in words that a user of Cutpoint understands, told just before it happens.

The words are those of the glossary; a bank's payment is a message whose worth is its content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol import messages as said
from cutpoint.protocol.messages import AnyFrame
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.participant import Participant

if TYPE_CHECKING:
    from cutpoint_simulations.world.world import World


def phrase(world: World, action: Action) -> str:
    """What is about to happen, as a clause without a full stop."""
    anywhere = _AT_HEADQUARTERS if action.actor == HEADQUARTERS and action.kind in _AT_HEADQUARTERS else _ANYWHERE
    if (told := anywhere.get(action.kind)) is not None:
        return told(world, action)
    participant = world.participants.get(action.actor)
    if participant is None or action.kind not in _AT:
        return _nothing(world, action)
    return _AT[action.kind](world, participant, action)


def _nothing(_: World, action: Action) -> str:
    return f"{action.actor}: {action.kind}"


# ------------------------------------------------------------------------------------------------------- connections


def frames(those: Sequence[AnyFrame]) -> str:
    """What lies on a connection, or is put there."""
    return ", ".join(frame(one) for one in those) or "nothing"


def frame(one: AnyFrame) -> str:
    """One frame."""
    match one:
        case said.Data():
            last = one.first + len(one.payloads) - 1
            worth = "; ".join("the end" if isinstance(p, said.Close) else f"{_worth(p)}" for p in one.payloads)
            return f"message {one.first} ({worth})" if last == one.first else f"messages {one.first}-{last} ({worth})"
        case said.Marker():
            return f"marker of cut {one.cut} ({one.sent} sent before it)"
        case said.Acknowledge():
            return f"acknowledgement of {one.received} received"
        case said.Credit():
            return f"credit up to message {one.limit}"
        case said.Hello():
            return "Hello that resumes a session" if one.session else "Hello"
        case _:
            return type(one).__name__


def _worth(payload: object) -> str:
    return str(payload).rsplit(":", 1)[-1]


def _receive(world: World, me: Participant, action: Action) -> str:
    overtakes = " (it overtakes what was sent before it)" if action.pick else ""
    return _on_frame("{peer}'s {frame} arrives at {me}")(world, me, action) + overtakes


def _on_frame(text: str) -> Callable[[World, Participant, Action], str]:
    """A clause about ``{frame}``, which is under way from ``{peer}`` to ``{me}``."""

    def told(world: World, me: Participant, action: Action) -> str:
        wire = world.network.wires.get(action.number)
        if wire is None or len(wire.line_to(me.name).frames) <= action.pick:
            return f"nothing is under way to {me.name}"
        what = frame(wire.line_to(me.name).frames[action.pick])
        return text.format(me=me.name, peer=wire.other(me.name), frame=what)

    return told


def _wire(text: str) -> Callable[[World, Participant, Action], str]:
    """A clause about ``{me}`` and ``{peer}``, the other end of a connection."""

    def told(world: World, me: Participant, action: Action) -> str:
        wire = world.network.wires.get(action.number)
        if wire is None:
            return f"{me.name} finds that a connection is gone"
        return text.format(me=me.name, peer=wire.other(me.name))

    return told


# ----------------------------------------------------------------------------------------------------------- sessions


def peer_of(me: Participant, key: str) -> str:
    """The process at the other end of a session, as far as it is known here."""
    session = me.core.session(key)
    return "nobody" if session is None else session.peer or session.address


def _whom(me: Participant, key: str) -> str:
    """The peer, and the session where there are several with it."""
    peer = peer_of(me, key)
    if sum(peer_of(me, other) == peer for other in me.keys) < 2:
        return peer
    session = me.core.session(key)
    return f"{peer} on {(session.name if session is not None else '') or key}"


def _session(text: str) -> Callable[[World, Participant, Action], str]:
    """A clause about ``{me}`` and ``{peer}``, the other end of a session; ``{amount}`` is what is paid."""
    return lambda _, me, action: text.format(me=me.name, peer=_whom(me, action.key), amount=action.amount)


def _take(_: World, me: Participant, action: Action) -> str:
    session = me.core.session(action.key)
    first = next(iter(session.incoming.buffered()), None) if session is not None else None
    if first is None or isinstance(first.payload, said.Close):
        return f"{me.name} receives the end of the channel from {_whom(me, action.key)}"
    ends = "; its turn stays open" if action.pick else ""
    return f"{me.name} receives message {first.number} ({_worth(first.payload)}) from {_whom(me, action.key)}{ends}"


def _open(_: World, me: Participant, action: Action) -> str:
    order = " that keeps no order" if action.pick else ""
    return f"{me.name} opens a session to {action.key}{order}"


def _finish(_: World, me: Participant, __: Action) -> str:
    match me.to_finish[0] if me.to_finish else None:
        case was.ActivityStopped(incarnation=incarnation):
            return f"{me.name} has stopped for incarnation {incarnation}"
        case was.PartLoaded():
            return f"{me.name} has loaded its part"
        case was.PartUnfit(reason=reason):
            return f"{me.name} cannot load its part: {reason}"
        case _:
            return f"{me.name} notices that a connection it has closed is gone"


# -------------------------------------------------------------------------------------------------------- coordinator


def _persist(_: World, me: Participant, __: Action) -> str:
    return f"{me.name}'s part of cut {me.to_persist[0].cut} is written to the disk" if me.to_persist else f"{me.name}"


def _tell(_: World, me: Participant, __: Action) -> str:
    match me.said[0] if me.said else None:
        case said.Join():
            what = "joins"
        case said.PartCaptured(cut=cut):
            what = f"has captured its part of cut {cut}"
        case said.PartStored(summary=summary):
            what = f"has stored its part of cut {summary.cut}"
        case said.CutRefused(cut=cut, reason=reason):
            what = f"refuses cut {cut}: {reason}"
        case said.Ready(incarnation=incarnation):
            what = f"is ready for incarnation {incarnation}"
        case said.Leave():
            what = "leaves for good"
        case other:
            what = f"says {type(other).__name__}"
    return f"the coordinator hears that {me.name} {what}"


def _hear(world: World, me: Participant, _: Action) -> str:
    lines = world.headquarters.lines.get(me.control) if world.headquarters is not None else None
    match lines[0] if lines else None:
        case said.Begin(cut=cut):
            what = f"cut {cut} begins"
        case said.Abandon(cut=cut):
            what = f"cut {cut} is abandoned"
        case said.Published(cut=cut):
            what = f"cut {cut} is published"
        case said.Prepare(incarnation=incarnation, cut=cut):
            back = f"to cut {cut}" if cut else "to the beginning"
            what = f"everybody goes back {back}, as incarnation {incarnation}"
        case said.Start(incarnation=incarnation):
            what = f"incarnation {incarnation} starts"
        case said.Admit():
            what = "it is admitted"
        case said.Rejected(reason=reason):
            what = f"it is turned away: {reason}"
        case _:
            what = "nothing"
    return f"{me.name} hears from the coordinator: {what}"


def _do_next(world: World, action: Action) -> str:
    to_do = world.headquarters.to_do if world.headquarters is not None else ()
    match to_do[action.pick] if len(to_do) > action.pick else None:
        case ask.WriteLedger(puts=puts):
            return f"the registry writes {', '.join(key for key, _ in puts)}"
        case ask.CheckParts(cut=cut):
            return f"the parts of cut {cut} are read back"
        case ask.WriteManifest(point=point):
            return f"the manifest of cut {point.cut} is written"
        case ask.FindManifest(cut=cut):
            return f"the coordinator looks for the manifest of cut {cut}"
        case _:
            return "the coordinator has nothing to do"


def _unanswered(world: World, action: Action) -> str:
    return f"{_do_next(world, action)}, and its answer is lost"


def _manifest_fails(world: World, action: Action) -> str:
    to_do = world.headquarters.to_do if world.headquarters is not None else ()
    cut = to_do[0].point.cut if to_do and isinstance(to_do[0], ask.WriteManifest) else 0
    return f"the manifest of cut {cut} is {'' if action.pick else 'not '}written, and the store does not answer"


def _recover(_: World, action: Action) -> str:
    target = f"cut {action.number}" if action.number else "the beginning"
    return f"somebody asks for a recovery to {target}"


_AT: Mapping[str, Callable[[World, Participant, Action], str]] = {
    "transmit": _wire("{me} puts on its connection to {peer}"),
    "receive": _receive,
    "notice end": _wire("{me} notices that {peer} has closed a connection"),
    "break": _wire("the connection between {me} and {peer} breaks"),
    "hold": _wire("what {peer} puts on its connection to {me} is held up"),
    "release": _wire("what {peer} puts on its connection to {me} arrives again"),
    "duplicate": _on_frame("{peer}'s {frame} to {me} is doubled under way"),
    "drop": _on_frame("{peer}'s {frame} to {me} is lost under way"),
    "redial": _session("{me} connects to {peer} again"),
    "give up": _session("{me} gives up a session that {peer} has not answered"),
    "send": _session("{me} sends {amount} to {peer}"),
    "take": _take,
    "close": _session("{me} closes its channel to {peer}"),
    "open": _open,
    "end turn": lambda _, me, __: f"{me.name} ends a turn",
    "persist": _persist,
    "finish": _finish,
    "tell": _tell,
    "hear": _hear,
    "connect": lambda _, me, __: f"{me.name} connects to the coordinator",
    "disconnected": lambda _, me, __: f"{me.name} notices that the coordinator has closed its connection",
    "go": lambda _, me, __: f"{me.name} is released, and goes",
    "kill": lambda _, me, __: f"{me.name} is killed",
    "pause": lambda _, me, __: f"{me.name} is paused",
    "resume": lambda _, me, __: f"{me.name} runs on",
    "persist fails": lambda _, me, __: f"{me.name}'s part cannot be written: the disk is full",
    "tear": lambda _, me, action: f"{me.name}'s part of cut {action.number} is torn on the disk",
    "lose control": lambda _, me, __: f"{me.name} loses its connection to the coordinator",
    "leave": lambda _, me, __: f"{me.name} asks to leave for good",
}

_ANYWHERE: Mapping[str, Callable[[World, Action], str]] = {
    "restart": lambda _, action: f"{action.actor} is started again",
    "join": lambda _, action: f"{action.actor} is started for the first time",
    "sever": lambda _, action: f"nothing that {action.key} says reaches {action.actor} any more",
    "mend": lambda _, action: f"what {action.key} says reaches {action.actor} again",
    "lose part": lambda _, action: f"the disk loses {action.actor}'s part of cut {action.number}",
}

_AT_HEADQUARTERS: Mapping[str, Callable[[World, Action], str]] = {
    "do next": _do_next,
    "interval": lambda *_: "the coordinator is asked for a cut",
    "deadline": lambda _, action: f"the time of cut {action.number} is over",
    "recover": _recover,
    "start": lambda _, action: f"{action.key}, which had left, is started again",
    "kill": lambda *_: "the coordinator is killed",
    "registry fails": lambda *_: "the registry cannot be reached",
    "registry returns": lambda *_: "the registry can be reached again",
    "write unanswered": _unanswered,
    "manifest fails": _manifest_fails,
    "restart": lambda *_: "the coordinator is started again",
}
