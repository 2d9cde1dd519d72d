"""The stage of the pure cores: a `World`, in which whatever can happen happens in one fixed order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cutpoint.names import CutNumber
from cutpoint.protocol import events as was
from cutpoint.protocol.messages import Close
from cutpoint.protocol.process import Process
from cutpoint_simulations.world.participant import Participant
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World
from tests.scenarios.stage import CutEnd, CutReading, StoredPart, session_of

APPLICATION = ("take", "end turn", "restart")
STEPS_MAX = 10_000


class WorldStage:
    """See `tests.scenarios.stage.Stage`."""

    def __init__(self) -> None:
        self.world = World(names=())
        self._turn = 0
        self._held: dict[str, int] = {}
        self._broken: dict[str, None] = {}

    def cores(self) -> Mapping[str, Process]:
        return {name: participant.core for name, participant in sorted(self.world.participants.items())}

    def received(self, process: str) -> Sequence[str]:
        return sorted(self.world.participants[process].received)

    async def settle(self) -> None:
        for _ in range(STEPS_MAX):
            action = next((a for actor in (*self.world.participants, HEADQUARTERS) for a in self._actions(actor)), None)
            if action is None:
                if not self._drop_what_comes_to_closed_ends():
                    return
            else:
                self.world.apply(action)
        raise AssertionError(f"it does not come to rest: {self.world.describe()}")

    def _actions(self, actor: str) -> list[Action]:
        actions = [action for action in self.world.enabled(actor) if action.kind not in APPLICATION]
        return [action for action in actions if action.kind != "redial" or not self._is_broken(actor, action.key)]

    def _is_broken(self, process: str, key: str) -> bool:
        session = self.world.participants[process].core.session(key)
        return session is not None and session.name in self._broken

    def _drop_what_comes_to_closed_ends(self) -> bool:
        dropped = False
        for participant in self.world.participants.values():
            for session in list(participant.core.handshakes.sessions.values()):
                if session.outgoing.closed and session.incoming.available and not participant.core.holding:
                    self._take(participant, session.key, hold=False)
                    dropped = True
        return dropped

    async def start(self, process: str) -> None:
        self.world.start(process)
        await self.settle()

    async def kill(self, process: str) -> None:
        self._held.pop(process, None)
        self.world.kill(process)

    async def open(self, opener: str, acceptor: str, label: str) -> None:
        wire = self.world.network.connect(opener, acceptor, fifo=True)
        self.world.participants[acceptor].step(was.AcceptRequested(connection=wire.number))
        self.world.participants[opener].step(
            was.OpenRequested(connection=wire.number, key=f"k{wire.number}", label=label, address=acceptor)
        )

    async def send(self, process: str, channel: str, text: str) -> None:
        participant = self.world.participants[process]
        participant.step(was.MessageSent(key=self._key(process, channel), payload=text))

    async def take(self, process: str, channel: str, *, hold: bool) -> str | Close:
        return self._take(self.world.participants[process], self._key(process, channel), hold=hold)

    def _take(self, participant: Participant, key: str, *, hold: bool) -> str | Close:
        self._turn += 1
        session = participant.core.session(key)
        message = participant.core.take(key, self._turn)
        assert session is not None
        assert message is not None
        if session.connection is not None:
            participant.to_transmit[session.connection] = None
        if isinstance(message.payload, Close):
            if not session.outgoing.closed:
                participant.close(key)
            participant.step(was.MessageWanted(key=key, turn=0))
            return message.payload
        if not session.outgoing.closed:
            participant.received.add(str(message.payload))
        if hold:
            self._held[participant.name] = self._turn
        else:
            participant.step(was.TurnEnded(turn=self._turn))
        return str(message.payload)

    async def end_turn(self, process: str) -> None:
        self.world.participants[process].step(was.TurnEnded(turn=self._held.pop(process)))

    async def close(self, process: str, channel: str) -> None:
        self.world.participants[process].close(self._key(process, channel))

    async def break_connection(self, channel: str) -> None:
        self._broken[channel] = None
        for name in self.world.participants:
            session = session_of(self.world.participants[name].core, channel)
            if session is not None and session.connection is not None:
                self.world.apply(Action(name, "break", number=session.connection))

    async def mend(self, channel: str) -> None:
        del self._broken[channel]

    async def begin(self) -> None:
        self.world.apply(Action(HEADQUARTERS, "interval"))

    async def deadline(self) -> None:
        assert self.world.headquarters is not None
        (*_, cut) = self.world.headquarters.deadlines
        self.world.apply(Action(HEADQUARTERS, "deadline", number=cut))

    async def end_of_cut(self) -> CutEnd:
        await self.settle()
        ledger = self.world.durable.ledger()
        cut = max((*ledger.points, *ledger.abandoned))
        assert not any(p.core.recorder.recording for p in self.world.participants.values()), "the cut has not ended"
        return CutEnd(cut=cut, abandoned=ledger.abandoned[cut].reason if cut in ledger.abandoned else "")

    async def read(self, cut: int) -> CutReading:
        manifest = self.world.durable.manifests[CutNumber(cut)]
        parts = {str(name): self.world.durable.disk[digest] for name, digest in manifest.point.members.items()}
        return CutReading(
            certificate=manifest.certificate,
            parts={
                name: StoredPart(received=sorted(part.account.received), sessions=part.sessions)
                for name, part in parts.items()
            },
        )

    async def recover(self, cut: int) -> None:
        self._held.clear()
        self.world.apply(Action(HEADQUARTERS, "recover", number=cut))
        await self.settle()

    def _key(self, process: str, channel: str) -> str:
        session = session_of(self.world.participants[process].core, channel)
        assert session is not None, f"{process} has no channel {channel}"
        return session.key
