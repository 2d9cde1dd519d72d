"""A whole computation as a value: processes, connections, coordinator, disk. It offers actions and applies one.

`enabled(actor)` lists what may happen next at one actor, `apply` makes it happen; a `Schedule` or a Hypothesis
machine chooses. Nothing happens by itself, and nothing is random here.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol import coordinator_events as told
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import Join, Published
from cutpoint.protocol.safeguards import Safeguards
from cutpoint_simulations.world.headquarters import Durable, Headquarters
from cutpoint_simulations.world.network import Network, Wire
from cutpoint_simulations.world.participant import Participant

OPENING_BALANCE = 100
HEADQUARTERS = "coordinator"
SESSIONS_MAX = 4


class Action(NamedTuple):
    """One thing that may happen. ``pick`` chooses a frame on a line without order, ``amount`` what is paid."""

    actor: str
    kind: str
    key: str = ""
    number: int = 0
    pick: int = 0
    amount: int = 0


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
        self._safeguards = safeguards or Safeguards()
        self._lives = 0
        self._control = 0
        self._messages = 0
        self._turns = 0
        self._line_of: dict[int, str] = {}
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
            participant.heard.clear()

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
        if actor == HEADQUARTERS:
            return self._enabled_at_headquarters()
        participant = self.participants.get(actor)
        if participant is None:
            return [Action(actor, "restart")] if actor in self.dead else []
        actions = [Action(actor, "transmit", number=number) for number in participant.to_transmit]
        for wire in self.network.of(actor):
            line = wire.line_to(actor)
            if line.frames:
                count = 1 if line.fifo else len(line.frames)
                actions += [Action(actor, "receive", number=wire.number, pick=i) for i in range(count)]
            elif line.ends:
                actions.append(Action(actor, "notice end", number=wire.number))
        actions += [
            Action(actor, "redial", key=key) for key in participant.to_redial if self._can_redial(participant, key)
        ]
        actions += [
            Action(actor, "give up", key=key) for key in participant.to_redial if self._is_gone(participant, key)
        ]
        if participant.to_persist:
            actions.append(Action(actor, "persist"))
        if participant.leaving and self._released(actor):
            actions.append(Action(actor, "go"))
        if participant.to_finish:
            actions.append(Action(actor, "finish"))
        if participant.control == 0 and self.headquarters is not None:
            actions.append(Action(actor, "connect"))
        if participant.said:
            actions.append(Action(actor, "tell"))
        line_back = self._line_to(participant)
        if line_back:
            actions.append(Action(actor, "hear"))
        elif self.headquarters is not None and participant.control in self.headquarters.closing:
            actions.append(Action(actor, "disconnected"))
        return actions + self._application(participant)

    def _application(self, participant: Participant) -> list[Action]:
        actor, core = participant.name, participant.core
        actions = [Action(actor, "end turn", number=turn) for turn in core.open_turns]
        if core.phase != "running" or core.recorder.holding:
            return actions
        for key in participant.keys:
            session = core.session(key)
            if session is not None and session.incoming.available:
                actions.append(Action(actor, "take", key=key))
        return actions

    def wishes(self, actor: str) -> list[Action]:
        """What an application and its agent may do without waiting for anybody: pay, open, close, redial, give up."""
        participant = self.participants.get(actor)
        if participant is None or participant.core.phase != "running" or participant.leaving:
            return []
        actions = [
            Action(actor, "redial", key=key) for key in participant.to_redial if self._lives_at(participant, key)
        ]
        for key in participant.keys:
            session = participant.core.session(key)
            if session is None or session.outgoing.closed:
                continue
            if session.outgoing.room and participant.balance:
                actions.append(Action(actor, "send", key=key, amount=participant.balance))
            actions.append(Action(actor, "close", key=key))
        if len(participant.keys) < SESSIONS_MAX:
            actions += [Action(actor, "open", key=other) for other in self.participants if other != actor]
        return actions

    def _enabled_at_headquarters(self) -> list[Action]:
        headquarters = self.headquarters
        if headquarters is None:
            return [Action(HEADQUARTERS, "restart")]
        actions = [Action(HEADQUARTERS, "do next")] if headquarters.to_do else []
        return actions + [Action(HEADQUARTERS, "start", key=name) for name in self.gone if self._is_demanded(name)]

    def _is_demanded(self, name: str) -> bool:
        """Whether a recovery waits for a process that had left; somebody starts it again."""
        assert self.headquarters is not None
        recovery = self.headquarters.core.statistics().recovery
        return recovery is not None and f"{name} is not connected" in recovery.waits_for

    def _can_redial(self, participant: Participant, key: str) -> bool:
        """Whether it is worth while: the session is over, its acceptor runs, or a cut waits for any answer."""
        session = participant.core.session(key)
        if session is None:
            return True
        target = self.participants.get(session.address)
        in_the_way = not session.name and participant.core.recorder.waiting
        return target is not None and (target.core.phase == "running" or in_the_way)

    def _lives_at(self, participant: Participant, key: str) -> bool:
        """Whether somebody would take the connection, to refuse it perhaps."""
        session = participant.core.session(key)
        return session is not None and session.address in self.participants

    def _is_unanswered(self, participant: Participant, key: str) -> bool:
        """Whether nobody has answered the session, so that its agent may give up."""
        session = participant.core.session(key)
        return session is not None and session.opening and not session.name

    def _is_gone(self, participant: Participant, key: str) -> bool:
        """Whether nobody can ever answer: whoever was to accept the session has left for good."""
        session = participant.core.session(key)
        known = session is None or session.address in self.participants or session.address in self.dead
        return not known and self._is_unanswered(participant, key)

    def _released(self, name: str) -> bool:
        member = self.durable.ledger().members.members.get(ProcessName(name))
        return member is not None and not member.belongs

    def _line_to(self, participant: Participant) -> bool:
        return self.headquarters is not None and bool(self.headquarters.lines.get(participant.control))

    # ------------------------------------------------------------------------------------------------- happenings

    def apply(self, action: Action) -> None:
        """Make it happen."""
        if action.actor == HEADQUARTERS:
            self._apply_at_headquarters(action)
            return
        participant = self.participants.get(action.actor)
        if participant is None:
            self.start(action.actor)
            return
        self._apply_at(participant, action)
        participant.core.check()

    def _apply_at_headquarters(self, action: Action) -> None:
        if action.kind == "restart":
            self.start_headquarters()
        elif self.headquarters is not None:
            if action.kind == "start":
                self.start(action.key)
            elif action.kind == "do next":
                self.headquarters.do_next()
            elif action.kind == "recover":
                target = CutNumber(action.number)
                self.headquarters.step(told.RecoveryRequested(now=0.0, request="operator", target=target))
            elif action.kind == "interval":
                if self.headquarters.retries:
                    self.headquarters.retries = 0
                    self.headquarters.step(told.CutRetryDue(now=0.0))
                self.headquarters.step(told.IntervalElapsed(now=0.0))
            elif action.kind == "deadline":
                self.headquarters.step(told.DeadlinePassed(now=0.0, cut=CutNumber(action.number)))

    def _apply_at(self, participant: Participant, action: Action) -> None:
        match action.kind:
            case "transmit" | "receive" | "notice end" | "break":
                self._on_wire(participant, action)
            case "redial":
                self._redial(participant, action.key)
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
                assert self.headquarters is not None
                message = self.headquarters.lines[participant.control].popleft()
                if isinstance(message, Published):
                    self.told.append((participant.name, message.cut))
                participant.step(was.CoordinatorSaid(message=message))
            case "disconnected":
                self._drop_control(participant)
            case _:
                self._by_application(participant, action)

    def _by_application(self, participant: Participant, action: Action) -> None:
        match action.kind:
            case "end turn":
                participant.step(was.TurnEnded(turn=action.number))
            case "take":
                self._turns += 1
                participant.take(action.key, self._turns, ends=action.pick == 0)
            case "send":
                self._messages += 1
                participant.send(action.key, action.amount, f"m{self._messages}")
            case "close":
                participant.close(action.key)
            case "open":
                self._open(participant, action.key, fifo=action.pick == 0)

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

    def _open(self, participant: Participant, target: str, *, fifo: bool) -> None:
        wire = self.network.connect(participant.name, target, fifo=fifo)
        key = f"k{wire.number}"
        self.participants[target].step(was.AcceptRequested(connection=wire.number))
        participant.step(was.OpenRequested(connection=wire.number, key=key, label="/pay", fifo=fifo, address=target))

    def _redial(self, participant: Participant, key: str) -> None:
        del participant.to_redial[key]
        session = participant.core.session(key)
        if session is None:
            return
        target = session.address
        wire = self.network.connect(participant.name, target, fifo=session.fifo)
        self.participants[target].step(was.AcceptRequested(connection=wire.number))
        participant.step(was.Redialled(connection=wire.number, key=key))

    # ------------------------------------------------------------------------------------------- the coordinator

    def _connect(self, participant: Participant) -> None:
        assert self.headquarters is not None
        self._control += 1
        participant.control = self._control
        self._line_of[self._control] = participant.name
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
