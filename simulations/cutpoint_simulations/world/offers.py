"""What may happen next in a world: without any fault, at the wish of an application, or as a fault.

Nothing here changes the world, and nothing chooses.
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
    actions = [Action(actor, "transmit", number=number) for number in participant.to_transmit]
    for wire in world.network.of(actor):
        line = wire.line_to(actor)
        if line.frames:
            count = 1 if line.fifo else len(line.frames)
            actions += [Action(actor, "receive", number=wire.number, pick=i) for i in range(count)]
        elif line.ends:
            actions.append(Action(actor, "notice end", number=wire.number))
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


def _control(world: World, participant: Participant) -> list[Action]:
    actor, headquarters = participant.name, world.headquarters
    actions = []
    if participant.control == 0 and headquarters is not None:
        actions.append(Action(actor, "connect"))
    if participant.said:
        actions.append(Action(actor, "tell"))
    if headquarters is not None:
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
    headquarters = world.headquarters
    if headquarters is None:
        return [Action(HEADQUARTERS, "restart")]
    actions = [Action(HEADQUARTERS, "do next")] if headquarters.to_do else []
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
    if participant is None or participant.core.phase != "running" or participant.leaving:
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


# ------------------------------------------------------------------------------------------------------------ faults


def faults(world: World) -> list[Action]:
    """What may fail now, and who may come and go. Each is an action like any other."""
    actions = [Action(name, "kill") for name in world.participants]
    actions += [Action(p.name, "lose control") for p in world.participants.values() if p.control]
    actions += [Action(p.name, "leave") for p in world.participants.values() if can_leave(p)]
    for wire in world.network.wires.values():
        end = next((end for end in (wire.client, wire.server) if end in world.participants), None)
        if end is not None:
            actions.append(Action(end, "break", number=wire.number))
    if world.headquarters is not None:
        ledger = world.durable.ledger()
        open_cuts = [c for c in world.headquarters.deadlines if c not in ledger.points and c not in ledger.abandoned]
        actions += [Action(HEADQUARTERS, "deadline", number=cut) for cut in open_cuts]
        actions.append(Action(HEADQUARTERS, "kill"))
    actions.append(Action(newcomer(world), "join"))
    return actions + parts_to_lose(world)


def can_leave(participant: Participant) -> bool:
    """Whether a process may ask to leave: it runs, and has not asked."""
    return participant.core.phase == "running" and not participant.leaving


def newcomer(world: World) -> str:
    """A name that nobody has or ever had."""
    taken = (world.participants, world.dead, world.gone, world.durable.ledger().members.members)
    count = 1
    while any(f"j{count}" in names for names in taken):
        count += 1
    return f"j{count}"


def parts_to_lose(world: World) -> list[Action]:
    """The loss of each part of the newest recovery point, as long as there is one before it that it is no part of."""
    points = world.durable.published
    if len(points) < 2 or not points[-1].parent:
        return []
    older = [digest for point in points[:-1] for digest in point.members.values()]
    newest = points[-1]
    return [
        Action(str(name), "lose part", number=newest.cut)
        for name, digest in sorted(newest.members.items())
        if digest in world.durable.disk and digest not in older
    ]
