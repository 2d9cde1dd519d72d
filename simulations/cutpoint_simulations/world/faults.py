"""What may fail in a world, and who may come and go: what is possible now, and how it happens.

A fault is an action like any other. What it stops may begin again later (`RELIEFS`, which `offers` lists), so that a
world from which the faults are taken away heals. Nothing here chooses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.participant import Participant

if TYPE_CHECKING:
    from cutpoint_simulations.world.world import World

FAILURES = (
    *("kill", "pause", "lose control", "break", "hold", "sever", "duplicate", "drop", "deadline"),
    *("persist fails", "tear", "lose part", "registry fails", "write unanswered", "manifest fails"),
)
"""The kinds that something fails by; `faults` lists those who join and leave besides."""

RELIEFS = ("resume", "release", "mend", "registry returns", "break")
"""What ends a fault that lasts: kinds that are offered without a fault, but seldom chosen while anything may fail."""


def faults(world: World) -> list[Action]:
    """What may fail now."""
    actions = [action for p in world.participants.values() for action in _at(p)]
    actions += [action for p in world.participants.values() for action in _parts_to_tear(world, p)]
    actions += _partitions(world) + _on_connections(world) + _at_headquarters(world)
    actions.append(Action(newcomer(world), "join"))
    return actions + parts_to_lose(world)


def _at(participant: Participant) -> list[Action]:
    kinds = ["kill"]
    if participant.control:
        kinds.append("lose control")
    if can_leave(participant):
        kinds.append("leave")
    if not participant.paused:
        kinds.append("pause")
    if participant.to_persist:
        kinds.append("persist fails")
    return [Action(participant.name, kind) for kind in kinds]


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


def _partitions(world: World) -> list[Action]:
    """Each way between two actors on which nothing may arrive any more; what is said waits until it is mended."""
    actors = (*world.participants, HEADQUARTERS)
    severed = world.network.severed
    return [
        Action(receiver, "sever", key=sender)
        for sender in actors
        for receiver in actors
        if sender != receiver and (sender, receiver) not in severed
    ]


def _on_connections(world: World) -> list[Action]:
    """A connection breaks, or a line of it is held up; one without order may double or lose what is under way."""
    actions = []
    for wire in world.network.wires.values():
        ends = [end for end in (wire.client, wire.server) if end in world.participants]
        actions += [Action(end, "break", number=wire.number) for end in ends[:1]]
        for end in ends:
            line = wire.line_to(end)
            if not line.held:
                actions.append(Action(end, "hold", number=wire.number))
            if not line.fifo:
                picks = range(len(line.frames))
                actions += [Action(end, "duplicate", number=wire.number, pick=i) for i in picks]
                actions += [Action(end, "drop", number=wire.number, pick=i) for i in picks]
    return actions


def _at_headquarters(world: World) -> list[Action]:
    headquarters, ledger = world.headquarters, world.durable.ledger()
    actions = [Action(HEADQUARTERS, "registry fails")] if world.durable.registry_answers else []
    if headquarters is None:
        return actions
    open_cuts = [c for c in headquarters.deadlines if c not in ledger.points and c not in ledger.abandoned]
    actions += [Action(HEADQUARTERS, "deadline", number=cut) for cut in open_cuts]
    match headquarters.to_do[0] if headquarters.to_do else None:
        case ask.WriteLedger():
            actions.append(Action(HEADQUARTERS, "write unanswered"))
        case ask.WriteManifest():
            actions += [Action(HEADQUARTERS, "manifest fails", pick=written) for written in (0, 1)]
    return [*actions, Action(HEADQUARTERS, "kill")]


def _parts_to_tear(world: World, participant: Participant) -> list[Action]:
    """The part that a process has stored for the open cut, as long as it has not been read back."""
    recording = participant.core.recorder.recording
    if recording is None or recording.summary is None or recording.summary.object not in world.durable.disk:
        return []
    unread = _is_unread(world, recording.cut)
    return [Action(participant.name, "tear", number=recording.cut)] if unread else []


def _is_unread(world: World, cut: CutNumber) -> bool:
    headquarters = world.headquarters
    if headquarters is None:
        return False
    if any(isinstance(one, ask.CheckParts) and one.cut == cut for one in headquarters.to_do):
        return True
    status = headquarters.core.statistics().cut
    return status is not None and status.cut == cut and status.phase in ("gathering", "captured")


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


# ------------------------------------------------------------------------------------------------------ how it happens


def fail_at(world: World, participant: Participant, action: Action) -> None:
    """Make a fault, or the end of one, happen to a process. What is too late happens to nobody."""
    match action.kind:
        case "kill":
            world.kill(participant.name)
        case "pause" | "resume":
            participant.paused = action.kind == "pause"
        case "lose control":
            world.lose_control(participant.name)
        case "leave":
            world.leave(participant.name)
        case "persist fails":
            participant.fail_to_persist()
        case "tear":
            recording = participant.core.recorder.recording
            if recording is not None and recording.cut == action.number and recording.summary is not None:
                world.durable.disk.pop(recording.summary.object, None)
        case _:
            fail_anywhere(world, action)


def fail_at_headquarters(world: World, action: Action) -> None:
    """Make a fault, or the end of one, happen to the coordinator, its registry or its store."""
    headquarters, durable = world.headquarters, world.durable
    match action.kind:
        case "registry fails" | "registry returns":
            durable.registry_answers = action.kind == "registry returns"
        case "kill":
            world.kill_headquarters()
        case "write unanswered" if headquarters is not None:
            headquarters.write_unanswered()
        case "manifest fails" if headquarters is not None:
            headquarters.fail_manifest(written=action.pick == 1)
        case _:
            fail_anywhere(world, action)


def fail_anywhere(world: World, action: Action) -> None:
    """Make a fault happen to what is between processes, or to the disk, whether the process lives or not."""
    match action.kind:
        case "sever":
            world.network.severed[action.key, action.actor] = None
        case "mend":
            world.network.severed.pop((action.key, action.actor), None)
        case "hold" | "release" | "duplicate" | "drop":
            _fail_on_line(world, action)
        case "lose part":
            for point in world.durable.published:
                if point.cut == action.number:
                    world.durable.disk.pop(point.members.get(ProcessName(action.actor), ""), None)


def _fail_on_line(world: World, action: Action) -> None:
    wire = world.network.wires.get(action.number)
    if wire is None:
        return
    line = wire.line_to(action.actor)
    match action.kind:
        case "hold" | "release":
            line.held = action.kind == "hold"
        case "duplicate":
            assert not line.fifo, "a FIFO line doubles nothing"
            line.frames.append(line.frames[action.pick])
        case "drop":
            assert not line.fifo, "a FIFO line loses nothing"
            line.pop(action.pick)
            wire.lossy = True
