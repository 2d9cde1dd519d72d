"""Real cores in a `World`, watched: what happened in which order, which the cores cannot know and the paper speaks of.

Nothing fails here, and channels keep their order, as in the paper's model. ``deaf`` processes do not hear the
coordinator, so that nothing but a marker can make them record.
"""

from __future__ import annotations

import dataclasses
import random
from collections import deque
from typing import NamedTuple

from cutpoint.names import CutNumber
from cutpoint.protocol.messages import AnyFrame, Data, Marker, SessionRecord
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.participant import Account, Participant
from cutpoint_simulations.world.topology import Edge, Topology
from cutpoint_simulations.world.world import HEADQUARTERS, OPENING_BALANCE, Action, World
from tests.paper.model import Channel, Event, GlobalState

STEPS_MAX = 20_000


class Put(NamedTuple):
    """``process`` put ``frame`` on a channel when ``events`` events had occurred."""

    channel: Channel
    frame: AnyFrame
    events: int


@dataclasses.dataclass
class Watched:
    """One cut as an onlooker saw it: how many events had occurred when each process recorded, and was complete."""

    recorded: dict[str, int] = dataclasses.field(default_factory=dict)
    complete: dict[str, int] = dataclasses.field(default_factory=dict)


class Chronicle:
    """A world whose processes have joined and whose sessions are open. ``events`` begin after that."""

    def __init__(self, topology: Topology, *, seed: int = 0) -> None:
        self.world = World(names=topology.names)
        self.chance = random.Random(seed)
        self.deaf: tuple[str, ...] = ()
        self.events: list[Event] = []
        self.puts: list[Put] = []
        self.cuts: dict[CutNumber, Watched] = {}
        self._ends: dict[str, tuple[str, str]] = {}
        self._keys: dict[str, str] = {}
        self._oracle = Oracle(self.world)
        self.rest()
        for edge in topology.edges:
            assert edge.fifo, "the paper's channels keep order"
            self.apply(Action(edge.opener, "open", key=edge.acceptor))
            (wire,) = [w for w in self.world.network.of(edge.opener) if f"k{w.number}" not in self._ends]
            self._ends[f"k{wire.number}"] = (edge.opener, edge.acceptor)
        self.rest()
        for key, (opener, _) in self._ends.items():
            session = self.world.participants[opener].core.session(key)
            assert session is not None
            self._keys[session.name] = key
        self.puts.clear()
        self.initial = GlobalState(processes={name: Account(balance=OPENING_BALANCE) for name in topology.names})

    # ------------------------------------------------------------------------------------------------ happenings

    def apply(self, action: Action) -> None:
        """Make one thing happen, and see what comes of it."""
        participant = self.world.participants.get(action.actor)
        if participant is None:
            self.world.apply(action)
            self._oracle.judge()
            return
        sent, received, recorded = set(participant.sent), set(participant.received), participant.core.recorder.recorded
        line = self._line(action)
        on_line = len(line) if line is not None else 0
        self.world.apply(action)
        self._see_events(action, participant, participant.sent - sent, participant.received - received)
        if participant.core.recorder.recorded > recorded:
            self.cuts.setdefault(participant.core.cut, Watched()).recorded[participant.name] = len(self.events)
        self._see_complete(participant)
        if line is not None and self._ends:
            key = f"k{action.number}"
            channel = self.channel(key, action.actor)
            self.puts += [Put(channel, frame, len(self.events)) for frame in list(line)[on_line:]]

    def _line(self, action: Action) -> deque[AnyFrame] | None:
        wire = self.world.network.wires.get(action.number)
        return wire.line_from(action.actor).frames if action.kind == "transmit" and wire is not None else None

    def _see_events(self, action: Action, participant: Participant, sent: set[str], received: set[str]) -> None:
        name = participant.name
        for message in sorted(sent):
            self.events.append(Event("sends", message, self.channel(action.key, name)))
        for message in sorted(received):
            other = next(end for end in self._ends[action.key] if end != name)
            self.events.append(Event("receives", message, self.channel(action.key, other)))

    def _see_complete(self, participant: Participant) -> None:
        recording = participant.core.recorder.recording
        if recording is not None and recording.phase not in ("waiting", "recorded"):
            self.cuts[recording.cut].complete.setdefault(participant.name, len(self.events))

    # ------------------------------------------------------------------------------------------- by name, by chance

    def pay(self, process: str, key: str, amount: int = 1) -> None:
        """The application sends."""
        self.apply(Action(process, "send", key=key, amount=amount))

    def take(self, process: str, key: str) -> None:
        """The application receives one message: it has to be there."""
        before = len(self.events)
        self.apply(Action(process, "take", key=key))
        assert len(self.events) == before + 1, f"there was nothing for {process} to receive"

    def carry(self, key: str, sender: str) -> None:
        """What ``sender`` has to say on this session leaves it and arrives at the other end, all of it, in order."""
        number = int(key[1:])
        wire = self.world.network.wires[number]
        self.apply(Action(sender, "transmit", number=number))
        receiver = wire.other(sender)
        while wire.line_to(receiver).frames:
            self.apply(Action(receiver, "receive", number=number))

    def open_cut(self) -> CutNumber:
        """The coordinator says Begin; nobody has heard it yet."""
        before = self._said()
        self.apply(Action(HEADQUARTERS, "interval"))
        while self._said() == before:
            self.apply(Action(HEADQUARTERS, "do next"))
        return CutNumber(max(self.cuts, default=0) + 1)

    def _said(self) -> int:
        assert self.world.headquarters is not None
        return sum(map(len, self.world.headquarters.lines.values()))

    def hear(self, process: str) -> None:
        """The process hears what the coordinator said to it: for the paper, it records spontaneously."""
        self.apply(Action(process, "hear"))

    def enabled(self, actor: str) -> list[Action]:
        """What may happen at one actor."""
        return [a for a in self.world.enabled(actor) if a.kind != "hear" or actor not in self.deaf]

    def wander(self, steps: int, *, pays: float = 0.4) -> None:
        """Anything may happen, payments included."""
        for _ in range(steps):
            actor = self.chance.choice([*self.world.participants, HEADQUARTERS])
            actions = self.enabled(actor)
            if self.chance.random() < pays:
                actions = [a for a in self.world.wishes(actor) if a.kind == "send"] or actions
            if actions:
                action = self.chance.choice(actions)
                paid = self.chance.randint(1, min(5, action.amount)) if action.kind == "send" else 0
                self.apply(action._replace(amount=paid))

    def rest(self) -> None:
        """Nobody pays any more, and everything that is under way happens, in drawn order."""
        for _ in range(STEPS_MAX):
            actors = [actor for actor in (*self.world.participants, HEADQUARTERS) if self.enabled(actor)]
            if not actors:
                return
            self.apply(self.chance.choice(self.enabled(self.chance.choice(actors))))
        raise AssertionError(f"it does not come to rest: {self.world.describe()}")

    # ----------------------------------------------------------------------------------------------- what was seen

    def channel(self, key: str, sender: str) -> Channel:
        """The direction of a session in which ``sender`` sends."""
        opener, acceptor = self._ends[key]
        return Channel(sender, acceptor if sender == opener else opener, key)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels."""
        return tuple(self.channel(key, sender) for key, ends in self._ends.items() for sender in ends)

    def recorded(self, cut: CutNumber) -> GlobalState:
        """S*: the global state that a published cut recorded, read from the disk."""
        point = self.world.durable.manifests[cut].point
        parts = {name: self.world.durable.disk[digest] for name, digest in point.members.items()}
        content: dict[Channel, list[tuple[int, str]]] = {}
        for name, part in parts.items():
            for record in part.sessions:
                for channel, number, message in self._in_flight(str(name), record):
                    content.setdefault(channel, []).append((number, message))
        return GlobalState(
            processes={str(name): part.account for name, part in parts.items()},
            channels={channel: tuple(m for _, m in sorted(numbered)) for channel, numbered in content.items()},
        )

    def _in_flight(self, name: str, record: SessionRecord) -> list[tuple[Channel, int, str]]:
        key, peer = self._keys[record.evidence.session], str(record.evidence.peer)
        ways = ((name, record.outgoing_in_flight), (peer, record.incoming_in_flight))
        return [(self.channel(key, sender), m.number, str(m.payload)) for sender, way in ways for m in way]

    def prerecording(self, cut: CutNumber) -> list[bool]:
        """For each event, whether its process recorded after it (section 4)."""
        recorded = self.cuts[cut].recorded
        return [index < recorded[event.process] for index, event in enumerate(self.events)]

    def markers(self, cut: CutNumber, channel: Channel) -> list[tuple[int, Marker]]:
        """The markers of a cut that were put on a channel, with how many events had occurred."""
        return [
            (put.events, put.frame)
            for put in self.puts
            if put.channel == channel and isinstance(put.frame, Marker) and put.frame.cut == cut
        ]

    def data(self, channel: Channel) -> list[Data]:
        """The messages that were put on a channel."""
        return [put.frame for put in self.puts if put.channel == channel and isinstance(put.frame, Data)]


def pair() -> Chronicle:
    """The two processes p and q of the paper's examples, with a channel each way: the session ``k1``."""
    return Chronicle(Topology(names=("p", "q"), edges=(Edge("p", "q"),)))
