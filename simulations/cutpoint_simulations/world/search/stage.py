"""One step of one actor, apart from the rest of the world.

What an actor does with what comes to it depends on nothing but itself: its own state, the frame or word that it takes,
which of its connections have ended. So each such step has to be taken once, however many states of the whole world
contain it. The stage is a real `World` in which only the actor stands; the step is a real `World.apply`, after which
the cores check their invariants and the oracle judges what was published. What came of it is read from the queues.

Nobody leaves a configuration for good, so every recovery point has a part of everybody: that the disk knew parts of
older ones is all that the oracle asks of them.
"""

from __future__ import annotations

import dataclasses
from collections import deque

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import AnyFrame, ToAgent, ToCoordinator
from cutpoint_simulations.world.action import Action
from cutpoint_simulations.world.headquarters import Durable, Headquarters
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.participant import Participant, StoredPart
from cutpoint_simulations.world.search.copying import duplicate
from cutpoint_simulations.world.world import World

Shape = tuple[tuple[bool, bool] | None, ...]
"""Of each connection: whether its two ends have ended it, the opener's first; None if it is gone."""

Parts = tuple[tuple[str, StoredPart], ...]
"""What the disk holds of one process."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Centre:
    """The coordinator, with what outlives it and who has judged it. Never changed, only copied."""

    headquarters: Headquarters
    durable: Durable
    oracle: Oracle


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LocalStep:
    """What came of a step of one process.

    ``sent``: frames by connection, ``closed``: the connections that it has ended, ``parts`` what its disk holds now.
    """

    participant: Participant
    said: tuple[ToCoordinator, ...]
    sent: tuple[tuple[int, tuple[AnyFrame, ...]], ...]
    closed: tuple[int, ...]
    parts: Parts
    told: tuple[CutNumber, ...]

    @property
    def started(self) -> int:
        """The incarnation that the process runs in, or ran in last."""
        return self.participant.core.identity.started


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CentralStep:
    """What came of a step of the coordinator: ``said`` are its words by control connection."""

    centre: Centre
    said: tuple[tuple[int, tuple[ToAgent, ...]], ...]


class Stage:
    """Takes over an established world. ``wires`` are its connections: number, opener, acceptor, whether in order."""

    def __init__(self, world: World) -> None:
        assert world.headquarters is not None, "an established world has a coordinator"
        self.wires = tuple((w.number, w.client, w.server, w.forth.fifo) for w in world.network.wires.values())
        self.first = dict(world.participants)
        self.disk = world.durable.disk
        self.parts = dict(self.disk)
        self._ever = dict(self.disk)
        self._world = world
        world.told = []
        oracle = Oracle(world)
        oracle.judge()
        self.centre = Centre(headquarters=world.headquarters, durable=world.durable, oracle=oracle)
        self._mute = duplicate(world.headquarters, shared=(world.durable,))
        self._counters = {name: value for name, value in vars(world).items() if isinstance(value, int)}

    # ------------------------------------------------------------------------------------------------- processes

    def local(
        self,
        action: Action,
        participant: Participant | None,
        shape: Shape,
        *,
        frame: AnyFrame | None = None,
        word: ToAgent | None = None,
        parts: Parts = (),
    ) -> LocalStep:
        """A step of one process; ``frame`` or ``word`` is what it takes. A process that is dead can only start."""
        world = self._prepare(shape, parts)
        world.headquarters, name = self._mute, action.actor
        if participant is None:
            world.dead[name] = None
        else:
            world.participants[name] = duplicate(participant, shared=(world.network, self.disk))
            self._mute.lines = {participant.control: deque([word] if word is not None else [])}
        if frame is not None:
            world.network.wires[action.number].line_to(name).frames.append(frame)
        world.apply(action._replace(pick=0) if frame is not None else action)
        return self._came_of(name, shape)

    def part(self, number: int, ends: list[Participant | None], shape: Shape) -> list[LocalStep]:
        """A connection is gone, and both ends learn it: what came of that at each that is alive."""
        world = self._prepare(shape, ())
        world.headquarters = self._mute
        for participant in ends:
            if participant is not None:
                world.participants[participant.name] = duplicate(participant, shared=(world.network, self.disk))
        names = list(world.participants)
        world.apply(Action(names[0], "notice end", number=number))
        return [self._came_of(name, shape) for name in names]

    def offers(self, participant: Participant, shape: Shape) -> list[Action]:
        """What the process may do by itself, and would like to."""
        world = self._prepare(shape, ())
        world.headquarters, self._mute.lines = self._mute, {}
        world.participants[participant.name] = participant
        return world.enabled(participant.name) + world.wishes(participant.name)

    def assemble(
        self, participants: list[tuple[str, Participant | None]], centre: Centre, shape: Shape, parts: Parts
    ) -> tuple[World, Oracle]:
        """A whole world with empty lines, and its oracle, good until the stage is used again. None: it is dead."""
        world = self._prepare(shape, parts)
        pieces = (centre.headquarters, centre.durable, centre.oracle)
        world.headquarters, world.durable, oracle = duplicate(pieces, shared=(world, self.disk))
        for name, participant in participants:
            if participant is None:
                world.dead[name] = None
            else:
                world.participants[name] = duplicate(participant, shared=(world.network, self.disk))
        return world, oracle

    def _prepare(self, shape: Shape, parts: Parts) -> World:
        world, network = self._world, self._world.network
        vars(world).update(self._counters)
        world.participants, world.dead, world.told = {}, {}, []
        for number in list(network.wires):
            network.drop(number)
        for (number, client, server, fifo), ends in zip(self.wires, shape, strict=True):
            if ends is not None:
                wire = network.connect(client, server, fifo=fifo, number=number)
                wire.forth.ends, wire.back.ends = ends
        self.disk.clear()
        self.disk.update(parts)
        self._ever.update(parts)
        self.disk.history = dict(self._ever)
        world.durable.disk = self.disk
        return world

    def _came_of(self, name: str, shape: Shape) -> LocalStep:
        world = self._world
        participant = world.participants[name]
        said = tuple(participant.said)
        participant.said.clear()
        sent, closed = [], []
        for wire in world.network.of(name):
            line = wire.line_from(name)
            if line.frames:
                sent.append((wire.number, tuple(line.frames)))
                line.frames.clear()
            before = shape[wire.number - 1]
            if line.ends and before is not None and not before[name != wire.client]:
                closed.append(wire.number)
        return LocalStep(
            participant=participant,
            said=said,
            sent=tuple(sent),
            closed=tuple(closed),
            parts=tuple(sorted(self.disk.items())),
            told=tuple(cut for _, cut in world.told),
        )

    # ----------------------------------------------------------------------------------------------- coordinator

    def central(
        self,
        action: Action,
        centre: Centre,
        *,
        participant: Participant | None = None,
        word: ToCoordinator | None = None,
        parts: Parts = (),
    ) -> CentralStep:
        """A step of the coordinator: by itself, with what a process has said, or because a process was killed."""
        world = self._prepare((None,) * len(self.wires), parts)
        pieces = (centre.headquarters, centre.durable, centre.oracle)
        headquarters, durable, oracle = duplicate(pieces, shared=(world, self.disk))
        world.headquarters, world.durable = headquarters, durable
        if participant is not None:
            speaker = duplicate(participant, shared=(world.network, self.disk))
            speaker.said = deque([word] if word is not None else [])
            world.participants[participant.name] = speaker
        world.apply(action)
        oracle.judge()
        said = tuple((number, tuple(line)) for number, line in headquarters.lines.items() if line)
        for line in headquarters.lines.values():
            line.clear()
        return CentralStep(centre=Centre(headquarters=headquarters, durable=durable, oracle=oracle), said=said)

    def judge(self, centre: Centre, participant: Participant, cuts: tuple[CutNumber, ...]) -> None:
        """A process has heard something, of these recovery points perhaps: Violation if the registry knows better."""
        world = self._prepare((None,) * len(self.wires), ())
        world.durable, name = centre.durable, participant.name
        world.participants[name] = participant
        world.told = [(name, cut) for cut in cuts]
        duplicate(centre.oracle, shared=(world, self.disk, centre.durable)).judge(Action(name, "hear"))
