"""What may happen next in a world: without any fault, or at the wish of an application. Faults are in `faults`.

What a fault has stopped may begin again: that is offered here, so that everything heals in the end. Nothing here
changes the world, and nothing chooses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutpoint.names import ProcessName
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.participant import Participant

if TYPE_CHECKING:
    from cutpoint_simulations.world.world import World

SESSIONS_MAX = 4
"""An application that has as many sessions opens no other."""


# ---------------------------------------------------------------------------------------------------- without a fault


def enabled(world: World, actor: str) -> list[Action]:
    """What may happen at one actor without any fault, and without the application asking for more."""
    if actor == HEADQUARTERS:
        return _enabled_at_headquarters(world)
    participant = world.participants.get(actor)
    if participant is None:
        return [Action(actor, "restart")] if actor in world.dead else []
    actions = _mending(world, actor)
    if participant.paused:
        return [Action(actor, "resume"), *actions]
    actions += [Action(actor, "transmit", number=number) for number in participant.to_transmit]
    actions += _arrivals(world, actor)
    redial = participant.to_redial
    actions += [Action(actor, "redial", key=key) for key in redial if _can_redial(world, participant, key)]
    actions += [Action(actor, "give up", key=key) for key in redial if _is_gone(world, participant, key)]
    if participant.to_persist:
        actions.append(Action(actor, "persist"))
    if participant.leaving and _released(world, actor):
        actions.append(Action(actor, "go"))
    if participant.to_finish:
        actions.append(Action(actor, "finish"))
    return actions + _control(world, participant) + _application(participant)


def _arrivals(world: World, actor: str) -> list[Action]:
    """What may arrive on the connections of a process, and what it may notice about them."""
    actions, severed = [], world.network.severed
    for wire in world.network.of(actor):
        line = wire.line_to(actor)
        if line.held:
            actions.append(Action(actor, "release", number=wire.number))
            continue
        if wire.lossy:
            actions.append(Action(actor, "break", number=wire.number))
        if severed and (wire.other(actor), actor) in severed:
            continue
        if line.frames:
            count = 1 if line.fifo else len(line.frames)
            actions += [Action(actor, "receive", number=wire.number, pick=i) for i in range(count)]
        elif line.ends:
            actions.append(Action(actor, "notice end", number=wire.number))
    return actions


def _mending(world: World, actor: str) -> list[Action]:
    """What a partition keeps from an actor may reach it again."""
    severed = world.network.severed
    return [Action(actor, "mend", key=sender) for sender, receiver in severed if receiver == actor] if severed else []


def _control(world: World, participant: Participant) -> list[Action]:
    actor, headquarters = participant.name, world.headquarters
    actions = []
    if participant.control == 0 and headquarters is not None:
        actions.append(Action(actor, "connect"))
    severed = world.network.severed
    if participant.said and (actor, HEADQUARTERS) not in severed:
        actions.append(Action(actor, "tell"))
    if headquarters is not None and (HEADQUARTERS, actor) not in severed:
        if headquarters.lines.get(participant.control):
            actions.append(Action(actor, "hear"))
        elif participant.control in headquarters.closing:
            actions.append(Action(actor, "disconnected"))
    return actions


def _application(participant: Participant) -> list[Action]:
    actor, core = participant.name, participant.core
    actions = [Action(actor, "end turn", number=turn) for turn in core.open_turns]
    if core.phase != "running" or core.recorder.holding:
        return actions
    for key in participant.keys:
        session = core.session(key)
        if session is not None and session.incoming.available:
            actions.append(Action(actor, "take", key=key))
    return actions


def _enabled_at_headquarters(world: World) -> list[Action]:
    headquarters, registry = world.headquarters, world.durable.registry_answers
    actions = _mending(world, HEADQUARTERS)
    if not registry:
        actions.append(Action(HEADQUARTERS, "registry returns"))
    if headquarters is None:
        return [*actions, Action(HEADQUARTERS, "restart")] if registry else actions
    if (next_one := headquarters.next_one()) is not None:
        actions.append(Action(HEADQUARTERS, "do next", pick=next_one))
    return actions + [Action(HEADQUARTERS, "start", key=name) for name in world.gone if _is_demanded(world, name)]


def _is_demanded(world: World, name: str) -> bool:
    """Whether a recovery waits for a process that had left; somebody starts it again."""
    assert world.headquarters is not None
    recovery = world.headquarters.core.statistics().recovery
    return recovery is not None and f"{name} is not connected" in recovery.waits_for


def _can_redial(world: World, participant: Participant, key: str) -> bool:
    """Whether it is worth while: the session is over, its acceptor runs, or a cut waits for any answer."""
    session = participant.core.session(key)
    if session is None:
        return True
    target = world.participants.get(session.address)
    in_the_way = not session.name and participant.core.recorder.waiting
    return target is not None and (target.core.phase == "running" or in_the_way)


def _is_gone(world: World, participant: Participant, key: str) -> bool:
    """Whether nobody can ever answer: whoever was to accept the session has left for good."""
    session = participant.core.session(key)
    known = session is None or session.address in world.participants or session.address in world.dead
    return not known and session is not None and session.opening and not session.name


def _released(world: World, name: str) -> bool:
    member = world.durable.ledger().members.members.get(ProcessName(name))
    return member is not None and not member.belongs


# ----------------------------------------------------------------------------------------------------- applications


def wishes(world: World, actor: str) -> list[Action]:
    """What an application and its agent may do without waiting for anybody: pay, open, close, redial.

    The amount of a payment is the most that there is to pay.
    """
    participant = world.participants.get(actor)
    if participant is None or participant.core.phase != "running" or participant.leaving or participant.paused:
        return []
    actions = [Action(actor, "redial", key=key) for key in participant.to_redial if _lives_at(world, participant, key)]
    for key in participant.keys:
        session = participant.core.session(key)
        if session is None or session.outgoing.closed:
            continue
        if session.outgoing.room and participant.balance:
            actions.append(Action(actor, "send", key=key, amount=participant.balance))
        actions.append(Action(actor, "close", key=key))
    if len(participant.keys) < SESSIONS_MAX:
        actions += [Action(actor, "open", key=other) for other in world.participants if other != actor]
    return actions


def _lives_at(world: World, participant: Participant, key: str) -> bool:
    """Whether somebody would take the connection, to refuse it perhaps."""
    session = participant.core.session(key)
    return session is not None and session.address in world.participants
