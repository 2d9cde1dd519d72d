"""One process of a world: the real core, a bank account as its application, and the effects that are under way.

The application keeps a balance and a history. It sends a random part of the balance on one of its sessions, and adds
what it receives. The history is the truth that the cores never see: `oracle` holds every recovery point against it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import deque

from cutpoint.names import CutNumber, Digest, Life, ProcessName
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.events import Event
from cutpoint.protocol.messages import Close, HeldUp, PartSummary, Payload, SessionRecord, ToCoordinator
from cutpoint.protocol.process import Process
from cutpoint_simulations.world.network import Network, Wire

FRAME_BYTES_MAX = 16
"""About two payments: several frames of a channel are under way at once, and may overtake each other."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Account:
    """The application's state: ``sent`` and ``received`` are the messages it has sent and handled, by name."""

    balance: int
    sent: frozenset[str] = frozenset()
    received: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredPart:
    """What a disk holds of one part."""

    account: Account
    sessions: tuple[SessionRecord, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Departure:
    """Somebody who has left for good, in this incarnation, and what its account was at the end."""

    name: ProcessName
    life: Life
    incarnation: int
    account: Account


class Disk(dict[str, StoredPart]):
    """The store of a world: parts by digest. It outlives every process. ``history`` knows what was lost as well."""

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, StoredPart] = {}


class Participant:
    """A process that lives until `World` kills it. ``fifo`` is what it opens its sessions as."""

    def __init__(self, *, name: str, life: int, opening_balance: int, network: Network, disk: Disk) -> None:
        self.name = name
        self.core = Process(name=ProcessName(name), life=Life(f"{name}.{life}"), window_messages=4)
        self.opening = Account(balance=opening_balance)
        self.balance = opening_balance
        self.sent: set[str] = set()
        self.received: set[str] = set()
        self.keys: dict[str, None] = {}
        self.to_transmit: dict[int, None] = {}
        self.to_redial: dict[str, None] = {}
        self.to_persist: deque[ask.PersistPart] = deque()
        self.to_finish: deque[Event] = deque()
        self.said: deque[ToCoordinator] = deque()
        self.control = 0
        self.turned_away = False
        self.leaving = False
        self.paused = False
        self._captured: dict[int, Account] = {}
        self._loaded = self.opening
        self._network = network
        self._disk = disk

    # ------------------------------------------------------------------------------------------------ application

    @property
    def account(self) -> Account:
        """The application's state as a value."""
        return Account(balance=self.balance, sent=frozenset(self.sent), received=frozenset(self.received))

    def send(self, key: str, amount: int, tag: str) -> None:
        """Pay ``amount`` into a session, in one block between two awaits."""
        self.balance -= amount
        name = f"{tag}:{amount}"
        self.sent.add(name)
        self.step(was.MessageSent(key=key, payload=name))

    def close(self, key: str) -> None:
        """Close the sending side of a session."""
        self.step(was.MessageSent(key=key, payload=Close()))

    def take(self, key: str, turn: int, *, ends: bool) -> bool:
        """Handle the next message of a session in ``turn``; False if there is none to be had."""
        message = self.core.take(key, turn)
        if message is None:
            return False
        session = self.core.session(key)
        if session is not None and session.connection is not None:
            self.to_transmit[session.connection] = None
        if isinstance(message.payload, Close):
            if session is not None and not session.outgoing.closed:
                self.close(key)
            self.step(was.MessageWanted(key=key, turn=turn))
            return True
        assert isinstance(message.payload, str)
        self.received.add(message.payload)
        self.balance += int(message.payload.rsplit(":", 1)[1])
        if ends:
            self.step(was.TurnEnded(turn=turn))
        return True

    def departure(self) -> Departure | None:
        """The end of a process that has asked to leave, and whose sessions are all over; None while it stays."""
        if not self.core.identity.leaving or not self.core.handshakes.all_ended:
            return None
        me = self.core.identity
        return Departure(name=me.name, life=me.life, incarnation=me.started, account=self.account)

    def describe(self) -> str:
        """Where this process stands, in a few words."""
        recording = self.core.recorder.recording
        cut = (
            "" if recording is None else f" cut {recording.cut} {recording.phase} waits for {recording.open_channels()}"
        )
        return f"{self.core.phase} incarnation {self.core.incarnation}{cut} turns {self.core.open_turns}"

    def _take_back(self, unsent: tuple[Payload, ...]) -> None:
        """Payments into a session that was refused were never made."""
        for name in unsent:
            if isinstance(name, str):
                self.sent.remove(name)
                self.balance += int(name.rsplit(":", 1)[1])

    # ---------------------------------------------------------------------------------------------------- driving

    def step(self, event: Event) -> None:
        """Give the core one event and run its effects, in order."""
        for effect in self.core.step(event):
            self.run(effect)

    def run(self, effect: Effect) -> None:
        """Start one effect. What takes time is queued, for `World` to finish when it pleases."""
        match effect:
            case ask.Transmit():
                self.to_transmit[effect.connection] = None
            case ask.RecordState():
                self._captured[effect.cut] = self.account
            case ask.CloseConnection():
                self._close(effect.connection)
            case ask.SessionEstablished() | ask.AttachConnection():
                self.keys[effect.key] = None
            case ask.SessionEnded():
                self.keys.pop(effect.key, None)
                self.to_redial.pop(effect.key, None)
                self._take_back(effect.unsent)
            case ask.Redial() | ask.Reopen():
                self.to_redial[effect.key] = None
            case ask.PersistPart():
                self.to_persist.append(effect)
            case ask.DiscardCapture() | ask.KeepCapture():
                self._captured.pop(effect.cut, None)
            case ask.SendToCoordinator():
                self._say(effect.message)
            case ask.ReportHoldUp():
                self._say(HeldUp(cut=effect.cut, by=f"turns {effect.turns} channels {effect.channels}"))
            case ask.StopActivity():
                self._stop()
                self.to_finish.append(was.ActivityStopped(incarnation=effect.incarnation))
            case ask.LoadPart():
                self._load(effect)
            case ask.RestoreState():
                self._restore()
            case ask.TurnedAway():
                self.turned_away = True
            case _:
                pass

    def _say(self, message: ToCoordinator) -> None:
        if self.control:
            self.said.append(message)

    def _close(self, number: int) -> None:
        wire = self._network.wires.get(number)
        if wire is not None:
            self.transmit(wire)
            wire.line_from(self.name).ends = True
            wire.line_to(self.name).frames.clear()
        self.to_transmit.pop(number, None)
        self.to_finish.append(was.ConnectionLost(connection=number))

    def transmit(self, wire: Wire) -> None:
        """Put on the connection what the core has to give."""
        line = wire.line_from(self.name)
        while frames := self.core.transmit(wire.number, bytes_max=FRAME_BYTES_MAX):
            if not line.ends:
                line.frames.extend(frames)

    def _stop(self) -> None:
        self.keys.clear()
        self.to_redial.clear()
        self.to_transmit.clear()
        self.to_persist.clear()
        self._captured.clear()
        for wire in self._network.of(self.name):
            self._close(wire.number)

    def _load(self, effect: ask.LoadPart) -> None:
        prepare = effect.prepare
        if not prepare.object:
            self._loaded = self.opening
            self.to_finish.append(was.PartLoaded(incarnation=prepare.incarnation, sessions=()))
            return
        part = self._disk.get(prepare.object)
        if part is None:
            self.to_finish.append(was.PartUnfit(incarnation=prepare.incarnation, reason="the part is gone"))
            return
        self._loaded = part.account
        self.to_finish.append(was.PartLoaded(incarnation=prepare.incarnation, sessions=part.sessions))

    def _restore(self) -> None:
        self.leaving = False
        self.balance = self._loaded.balance
        self.sent, self.received = set(self._loaded.sent), set(self._loaded.received)

    def persist(self) -> None:
        """The oldest part under way becomes durable."""
        effect = self.to_persist.popleft()
        account = self._captured.get(effect.cut)
        if account is None:
            return
        part = StoredPart(account=account, sessions=effect.sessions)
        name = self._store(effect.cut, part)
        count = sum(len(s.incoming_in_flight) + len(s.outgoing_in_flight) for s in effect.sessions)
        summary = PartSummary(
            process=ProcessName(self.name),
            life=self.core.identity.life,
            incarnation=self.core.incarnation,
            cut=effect.cut,
            sessions=tuple(session.evidence for session in effect.sessions),
            states=(),
            object=name,
            bytes=1,
            in_flight_messages=count,
            stall_seconds=0.0,
        )
        self.step(was.PartPersisted(cut=effect.cut, summary=summary))

    def fail_to_persist(self) -> None:
        """The oldest part under way cannot be written."""
        effect = self.to_persist.popleft()
        self.step(was.PersistFailed(cut=effect.cut, reason="the disk is full"))

    def _store(self, cut: CutNumber, part: StoredPart) -> Digest:
        text = f"{self.name}/{self.core.identity.life}/{self.core.incarnation}/{cut}"
        name = Digest("sha256:" + hashlib.sha256(text.encode()).hexdigest())
        self._disk[name] = self._disk.history[name] = part
        return name
