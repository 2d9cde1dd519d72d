"""Where things are in a state: which place of the tuple is whose, and which number means what.

Everything that a state can name is kept here once, as a live object that is never changed, only copied.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import AnyFrame, ToAgent, ToCoordinator
from cutpoint_simulations.world.action import Action
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.participant import Participant
from cutpoint_simulations.world.search.configuration import Configuration
from cutpoint_simulations.world.search.fingerprint import fingerprint
from cutpoint_simulations.world.search.numbering import NOTHING, Lines, Numbers
from cutpoint_simulations.world.search.stage import Centre, Parts, Shape, Stage
from cutpoint_simulations.world.world import World

State = tuple[int, ...]

DEAD = 0
"""The number of a process that was killed and has not been started again."""

NEVER = 1 << 60
"""A cut that no process has recorded."""

FOLLOWED = frozenset({"transmit", "take", "persist", "finish", "connect"})
"""What a process may do by itself without anything that comes to it."""

Left = tuple[tuple[str, tuple[int, ...]], ...]
"""The numbers of the payments that a process may still make, by the key of the session."""


class Budget(NamedTuple):
    """What may still be asked for, or fail."""

    cuts: int
    deadlines: int
    crashes: int


@dataclasses.dataclass(kw_only=True, eq=False)
class Local:
    """One state of one process; None if it is dead. ``actions`` are what it may do by itself, with their numbers.

    ``cut`` is the last that it has recorded or skipped, `NEVER` if it does not run. ``redials`` are the processes that
    it would connect to again.
    """

    participant: Participant | None
    left: Left = ()
    actions: tuple[tuple[int, Action], ...] = ()
    runs: bool = False
    cut: int = NEVER
    incarnation: int = 0
    control: int = 0
    redials: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
    """What the coordinator is at. ``cut`` and ``phase`` are of the open cut: 0 and empty if there is none.

    ``points`` are the digests of all parts of recovery points, ``deadlines`` the open cuts.
    """

    cut: int
    phase: str
    recovering: bool
    busy: bool
    points: frozenset[str]
    deadlines: tuple[CutNumber, ...]

    @property
    def over(self) -> bool:
        """Whether no cut is open that could still become a recovery point."""
        return self.phase in ("", "abandoning")


class Places:
    """All numbers of one configuration. A state is, in this order: the processes, the coordinator, the budget, which
    connections have ended, what each process has said and will hear, what the disk holds of each, and the lines of
    each connection, from its opener and to it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.names = configuration.topology.names
        self.stage = Stage(configuration.established())
        n = self.count = len(self.names)
        self.centre, self.budget, self.shape = n, n + 1, n + 2
        self.said, self.heard, self.disk, self.line = n + 3, 2 * n + 3, 3 * n + 3, 4 * n + 3
        self.locals: Numbers[Local] = Numbers()
        self.locals.of(None, Local(participant=None))
        self.centres: Numbers[tuple[Centre, View]] = Numbers()
        self.budgets: Numbers[Budget] = Numbers()
        self.shapes: Numbers[Shape] = Numbers()
        self.disks: Numbers[Parts] = Numbers()
        self.things: Numbers[Any] = Numbers()
        self.actions: Numbers[Action] = Numbers()
        self.lines = Lines()
        self.whole: Shape = tuple((False, False) for _ in self.stage.wires)
        self.first = self._first()

    def _first(self) -> State:
        configuration, stage = self.configuration, self.stage
        numbers = configuration.numbers()
        places = []
        for name in self.names:
            left = tuple((key, left) for (payer, key), left in numbers.items() if payer == name)
            places.append(self.number_of_local(stage.first[name], left))
        places.append(self.number_of_centre(stage.centre))
        places.append(self.number_of_budget(Budget(configuration.cuts, configuration.deadlines, configuration.crashes)))
        places.append(self.number_of_shape(self.whole))
        places += [NOTHING] * (2 * self.count)
        for name in self.names:
            digests = [str(point.members[name]) for point in stage.centre.durable.published]  # type: ignore[index]
            places.append(self.number_of_parts(tuple(sorted((digest, stage.parts[digest]) for digest in digests))))
        return (*places, *([NOTHING] * (2 * len(stage.wires))))

    # ------------------------------------------------------------------------------------------------- what is where

    def line_from(self, i: int, number: int) -> int:
        """The place of the line on which process ``i`` transmits over connection ``number``."""
        _, client, _, _ = self.stage.wires[number - 1]
        return self.line + 2 * number - 2 + (self.names[i] != client)

    def line_to(self, i: int, number: int) -> int:
        """The place of the line from which process ``i`` receives."""
        _, client, _, _ = self.stage.wires[number - 1]
        return self.line + 2 * number - 2 + (self.names[i] == client)

    def wires_of(self, i: int) -> list[tuple[int, bool, bool]]:
        """The connections of a process: number, whether it is the opener, whether in order."""
        name = self.names[i]
        return [(w[0], w[1] == name, w[3]) for w in self.stage.wires if name in (w[1], w[2])]

    def other_end(self, i: int, number: int) -> int:
        """The process at the other end of a connection."""
        _, client, server, _ = self.stage.wires[number - 1]
        return self.names.index(server if self.names[i] == client else client)

    def on(self, line: int) -> list[Any]:
        """What is on a line with this number."""
        return [self.things.things[number] for number in self.lines.contents[line]]

    def world(self, state: State) -> tuple[World, Oracle]:
        """A real world in this state, and its oracle, good until the stage is used again."""
        parts = [part for d in state[self.disk : self.disk + self.count] for part in self.disks.things[d]]
        world, oracle = self.stage.assemble(
            [(name, self.locals.things[state[i]].participant) for i, name in enumerate(self.names)],
            self.centres.things[state[self.centre]][0],
            self.shapes.things[state[self.shape]],
            tuple(parts),
        )
        assert world.headquarters is not None
        for i, name in enumerate(self.names):
            if (participant := world.participants.get(name)) is not None:
                participant.said.extend(self.on(state[self.said + i]))
                if participant.control in world.headquarters.lines:
                    world.headquarters.lines[participant.control].extend(self.on(state[self.heard + i]))
        for number, wire in world.network.wires.items():
            wire.forth.frames.extend(self.on(state[self.line + 2 * number - 2]))
            wire.back.frames.extend(self.on(state[self.line + 2 * number - 1]))
        return world, oracle

    # ----------------------------------------------------------------------------------------------------- numbering

    def number_of_action(self, action: Action) -> int:
        return self.actions.of(action, action)

    def number_of_local(self, participant: Participant, left: Left) -> int:
        """The number of this state of a process. Payments over a session that is gone are not made any more."""
        left = tuple((key, numbers) for key, numbers in left if numbers and key in participant.keys)
        core = participant.core
        local = Local(participant=participant, left=left, incarnation=core.incarnation, control=participant.control)
        number = self.locals.of((fingerprint(participant), left), local)
        if self.locals.things[number] is local:
            local.runs = core.phase == "running"
            local.cut = core.cut if local.runs else NEVER
            local.actions = tuple((self.number_of_action(a), a) for a in self._by_itself(participant, dict(left)))
            sessions = [core.session(key) for key in participant.to_redial]
            local.redials = tuple(self.names.index(session.address) for session in sessions if session is not None)
        return number

    def _by_itself(self, participant: Participant, left: dict[str, tuple[int, ...]]) -> Iterable[Action]:
        for action in self.stage.offers(participant, self.whole):
            if action.kind == "take":
                yield action._replace(number=1)
            elif action.kind == "send" and action.key in left:
                yield action._replace(amount=1, number=left[action.key][0])
            elif action.kind in FOLLOWED:
                yield action

    def number_of_centre(self, centre: Centre) -> int:
        headquarters, durable = centre.headquarters, centre.durable
        ledger, overview = durable.ledger(), headquarters.core.statistics()
        written = [manifest for cut, manifest in sorted(durable.manifests.items()) if cut not in ledger.points]
        ended = (*ledger.points, *ledger.abandoned)
        view = View(
            cut=0 if overview.cut is None else overview.cut.cut,
            phase="" if overview.cut is None else overview.cut.phase,
            recovering=overview.recovery is not None,
            busy=headquarters.next_one() is not None,
            points=frozenset(str(digest) for point in ledger.points.values() for digest in point.members.values()),
            deadlines=tuple(cut for cut in headquarters.deadlines if cut not in ended),
        )
        value = (fingerprint(headquarters), *sorted(headquarters.lines), fingerprint(ledger), fingerprint(written))
        return self.centres.of(value, (centre, view))

    def number_of_budget(self, budget: Budget) -> int:
        return self.budgets.of(budget, budget)

    def number_of_shape(self, shape: Shape) -> int:
        return self.shapes.of(shape, shape)

    def number_of_parts(self, parts: Parts) -> int:
        return self.disks.of(fingerprint(parts), parts)

    def numbers_of_things(self, things: Iterable[AnyFrame | ToAgent | ToCoordinator]) -> tuple[int, ...]:
        return tuple(self.things.of(fingerprint(thing), thing) for thing in things)
