"""A whole computation as a value: processes, connections, coordinator, disk. It offers actions and applies one.

`enabled(actor)` lists what may happen next at one actor, `apply` makes it happen; a `Schedule` or a Hypothesis
machine chooses. Nothing happens by itself, and nothing is random here.
"""

from __future__ import annotations

from collections import deque

from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_events as told
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import Join, Published
from cutpoint.protocol.safeguards import Safeguards
from cutpoint_simulations.world import faults, offers
from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.headquarters import Durable, Headquarters
from cutpoint_simulations.world.network import Network, Wire
from cutpoint_simulations.world.participant import Departure, Participant

__all__ = ["HEADQUARTERS", "OPENING_BALANCE", "Action", "World"]

OPENING_BALANCE = 100


class World:
    """``names`` are the processes that exist from the start; others may join.

    ``dead`` will be started again; ``gone`` have left for good, and come back only if a recovery demands them.
    ``told`` are all processes that have heard of a recovery point, with its number. ``safeguards`` are for ablations.
    """

    def __init__(self, *, names: tuple[str, ...], safeguards: Safeguards | None = None) -> None:
        self.opening_balance = OPENING_BALANCE
        self.network = Network()
        self.durable = Durable()
        self.participants: dict[str, Participant] = {}
        self.dead: dict[str, None] = {}
        self.gone: dict[str, None] = {}
        self.headquarters: Headquarters | None = None
        self.told: list[tuple[str, CutNumber]] = []
        self._departed: list[Departure] = []
        self._safeguards = safeguards or Safeguards()
        self._lives = 0
        self._control = 0
        self._messages = 0
        self._turns = 0
        for name in names:
            self.start(name)
        self.start_headquarters()

    # ---------------------------------------------------------------------------------------------- lives, deaths

    def start(self, name: str) -> None:
        """A new life of a process."""
        self._lives += 1
        self.dead.pop(name, None)
        self.gone.pop(name, None)
        self.participants[name] = Participant(
            name=name, life=self._lives, opening_balance=OPENING_BALANCE, network=self.network, disk=self.durable.disk
        )

    def kill(self, name: str) -> None:
        """kill -9: memory, and what was under way to and from it, is gone; its peers will notice."""
        victim = self.participants.pop(name)
        self.dead[name] = None
        if (departure := victim.departure()) is not None:
            self._departed.append(departure)
        for wire in self.network.of(name):
            line = wire.line_to(wire.other(name))
            line.ends = True
            wire.line_to(name).frames.clear()
        self._drop_control(victim)

    def start_headquarters(self) -> None:
        """A new life of the coordinator, which starts from the registry."""
        self._lives += 1
        self.headquarters = Headquarters(life=self._lives, durable=self.durable, safeguards=self._safeguards)

    def kill_headquarters(self) -> None:
        """kill -9 of the coordinator."""
        self.headquarters = None
        for participant in self.participants.values():
            participant.control = 0
            participant.said.clear()

    def departures(self) -> list[Departure]:
        """Everybody who has left for good, whether it is still there or not."""
        return [*self._departed, *(d for p in self.participants.values() if (d := p.departure()) is not None)]

    def lose_control(self, name: str) -> None:
        """The connection of a process to the coordinator breaks, and what was under way on it is lost."""
        self._drop_control(self.participants[name])

    def _drop_control(self, participant: Participant) -> None:
        number, participant.control = participant.control, 0
        participant.said.clear()
        if self.headquarters is not None and number in self.headquarters.lines:
            del self.headquarters.lines[number]
            self.headquarters.closing.pop(number, None)
            self.headquarters.step(told.AgentLost(now=0.0, connection=number))

    # ------------------------------------------------------------------------------------------- what may happen

    def enabled(self, actor: str) -> list[Action]:
        """What may happen at one actor without any fault, and without the application asking for more."""
        return offers.enabled(self, actor)

    def wishes(self, actor: str) -> list[Action]:
        """What an application and its agent may do without waiting for anybody: pay, open, close, redial."""
        return offers.wishes(self, actor)

    def faults(self) -> list[Action]:
        """What may fail now, and who may come and go."""
        return faults.faults(self)

    # ------------------------------------------------------------------------------------------------- happenings

    def apply(self, action: Action) -> Action:
        """Make it happen. Returns it with the number that was given to what is new, to make the same happen again.

        What is too late happens to nobody.
        """
        if action.actor == HEADQUARTERS:
            self._apply_at_headquarters(action)
            return action
        participant = self.participants.get(action.actor)
        if participant is None:
            if action.kind in ("restart", "join"):
                self.start(action.actor)
            else:
                faults.fail_anywhere(self, action)
            return action
        done = self._apply_at(participant, action)
        participant.core.check()
        return done

    def reserve(self, number: int) -> None:
        """Connections, turns and payments that are numbered from now on get higher numbers."""
        self.network.reserve(number)
        self._turns, self._messages = max(self._turns, number), max(self._messages, number)

    def check(self) -> None:
        """Assert the invariants of every core."""
        for participant in self.participants.values():
            participant.core.check()
        if self.headquarters is not None:
            self.headquarters.core.check()

    def _apply_at_headquarters(self, action: Action) -> None:
        headquarters = self.headquarters
        if headquarters is None:
            if action.kind == "restart":
                self.start_headquarters()
            else:
                faults.fail_at_headquarters(self, action)
            return
        match action.kind:
            case "do next":
                headquarters.do_next(action.pick)
            case "interval":
                headquarters.interval()
            case "deadline":
                headquarters.step(told.DeadlinePassed(now=0.0, cut=CutNumber(action.number)))
            case "start":
                self.start(action.key)
            case "recover":
                target = CutNumber(action.number)
                headquarters.step(told.RecoveryRequested(now=0.0, request="operator", target=target))
            case _:
                faults.fail_at_headquarters(self, action)

    def _apply_at(self, participant: Participant, action: Action) -> Action:
        match action.kind:
            case "transmit" | "receive" | "notice end" | "break":
                self._on_wire(participant, action)
            case "redial":
                return self._redial(participant, action)
            case "give up":
                participant.step(was.OpenGivenUp(key=action.key, reason="nobody answers"))
            case "persist":
                participant.persist()
            case "finish":
                participant.step(participant.to_finish.popleft())
            case "go":
                self.kill(participant.name)
                self.gone[participant.name] = self.dead.pop(participant.name)
            case "connect":
                self._connect(participant)
            case "tell":
                self._tell(participant)
            case "hear":
                self._hear(participant)
            case "disconnected":
                self._drop_control(participant)
            case "end turn" | "take" | "send" | "close" | "open":
                return self._by_application(participant, action)
            case _:
                faults.fail_at(self, participant, action)
        return action

    def _by_application(self, participant: Participant, action: Action) -> Action:
        match action.kind:
            case "end turn":
                participant.step(was.TurnEnded(turn=action.number))
            case "take":
                turn = action.number or self._turns + 1
                self._turns = max(self._turns, turn)
                participant.take(action.key, turn, ends=action.pick == 0)
                return action._replace(number=turn)
            case "send":
                number = action.number or self._messages + 1
                self._messages = max(self._messages, number)
                participant.send(action.key, action.amount, f"m{number}")
                return action._replace(number=number)
            case "close":
                participant.close(action.key)
            case "open":
                return self._open(participant, action)
        return action

    def _on_wire(self, participant: Participant, action: Action) -> None:
        if action.kind == "transmit":
            participant.to_transmit.pop(action.number, None)
        wire = self.network.wires.get(action.number)
        if wire is None:
            return
        if action.kind == "transmit":
            participant.transmit(wire)
        elif action.kind == "receive":
            frame = wire.line_to(participant.name).pop(action.pick)
            participant.step(was.FrameArrived(connection=wire.number, frame=frame))
        else:
            self._break(wire)

    def _break(self, wire: Wire) -> None:
        self.network.drop(wire.number)
        for end in (wire.client, wire.server):
            if (participant := self.participants.get(end)) is not None:
                participant.step(was.ConnectionLost(connection=wire.number))

    def _open(self, participant: Participant, action: Action) -> Action:
        target, fifo = action.key, action.pick == 0
        wire = self.network.connect(participant.name, target, fifo=fifo, number=action.number)
        key = f"k{wire.number}"
        self.participants[target].step(was.AcceptRequested(connection=wire.number))
        participant.step(was.OpenRequested(connection=wire.number, key=key, label="/pay", fifo=fifo, address=target))
        return action._replace(number=wire.number)

    def _redial(self, participant: Participant, action: Action) -> Action:
        del participant.to_redial[action.key]
        session = participant.core.session(action.key)
        if session is None:
            return action
        target = session.address
        wire = self.network.connect(participant.name, target, fifo=session.fifo, number=action.number)
        self.participants[target].step(was.AcceptRequested(connection=wire.number))
        participant.step(was.Redialled(connection=wire.number, key=action.key))
        return action._replace(number=wire.number)

    # ------------------------------------------------------------------------------------------- the coordinator

    def _connect(self, participant: Participant) -> None:
        assert self.headquarters is not None
        self._control += 1
        participant.control = self._control
        participant.step(was.CoordinatorConnected())

    def _tell(self, participant: Participant) -> None:
        headquarters = self.headquarters
        assert headquarters is not None
        message = participant.said.popleft()
        connection = participant.control
        if connection not in headquarters.lines:
            assert isinstance(message, Join), "the first word of an agent is Join"
            headquarters.lines[connection] = deque()
            headquarters.step(told.AgentConnected(now=0.0, connection=connection, join=message))
        else:
            headquarters.step(told.AgentSaid(now=0.0, connection=connection, message=message))

    def _hear(self, participant: Participant) -> None:
        assert self.headquarters is not None
        message = self.headquarters.lines[participant.control].popleft()
        if isinstance(message, Published):
            self.told.append((participant.name, message.cut))
        participant.step(was.CoordinatorSaid(message=message))

    def leave(self, name: str) -> None:
        """A process asks to leave for good, and closes what it has open; it goes when a recovery point releases it."""
        participant = self.participants[name]
        participant.leaving = True
        participant.step(was.LeaveRequested())
        for key in participant.keys:
            session = participant.core.session(key)
            if session is not None and not session.outgoing.closed:
                participant.close(key)

    def describe(self) -> str:
        """Where everybody stands, for the message of a failed run."""
        lines = [f"{p.name}: {p.describe()}" for p in self.participants.values()]
        headquarters = self.headquarters
        lines.append("no coordinator" if headquarters is None else str(headquarters.core.statistics()))
        lines += [f"cut {cut.cut} abandoned: {cut.reason}" for cut in self.durable.ledger().abandoned.values()]
        return "; ".join(lines)

    def money(self) -> int:
        """What all accounts hold. With all channels empty it is what was there at the start."""
        return sum(participant.balance for participant in self.participants.values())
