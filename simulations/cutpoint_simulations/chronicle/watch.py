"""Watching the real core of every agent that runs on a simulated host, without changing what it does.

While a `Watch` stands, `Process.step`, `Process.send`, `Process.take`, `Session.adopt` and `Parts.restore` are wrapped:
what the application sends and takes, and what the core asks its driver to record and restore, is told as observations,
with what the process's tables and values hold then. What the core keeps is not believed: from its sessions only names
are read. Outside of simulated hosts, and in a life that is over, nothing is told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import TracebackType
from typing import Any

from cutpoint.errors import ConfigurationError
from cutpoint.protocol.effects import Admitted as AdmittedEffect
from cutpoint.protocol.effects import Effect, RecordState, RestoreState, SessionEnded, SessionEstablished
from cutpoint.protocol.events import Event, Turn
from cutpoint.protocol.messages import InFlight, Payload
from cutpoint.protocol.process import Process
from cutpoint.protocol.session import Session
from cutpoint.state import CapturedState, States
from cutpoint.state.built_in import BUILT_IN_SIGN
from cutpoint_agents.parts import Parts
from cutpoint_simulations.chronicle.observations import (
    Admitted,
    Adopted,
    Began,
    Named,
    Observation,
    Over,
    Recorded,
    Refilled,
    Restored,
    RestoredSession,
    Sent,
    Taken,
)
from cutpoint_simulations.loop import Host, current

Hear = Callable[[Observation], object]


@dataclasses.dataclass(eq=False, slots=True)
class _Life:
    """One life of a process: the host's life that it runs in, and the sessions whose names were told."""

    name: str
    host: Host
    number: int
    core: Process
    named: dict[str, str] = dataclasses.field(default_factory=dict)
    states: States | None = None
    restored: int = 0

    @property
    def phase(self) -> str:
        if not self.host.alive:
            return "dead"
        return self.core.phase if self.host.life == self.number else "absent"

    @property
    def now(self) -> float:
        return self.host.simulation.agenda.now

    def held(self) -> tuple[CapturedState, ...]:
        """What its tables and values hold; nothing if that cannot be told, and then it cannot be recorded either."""
        try:
            return () if self.states is None else self.states.held()
        except ConfigurationError:
            return ()

    def holds_all(self, held: tuple[CapturedState, ...]) -> bool:
        """Whether ``held`` is everything that the program declares: hooks may change what a restore has put there."""
        declared = () if self.states is None else self.states.names
        return {name for name in declared if not name.startswith(BUILT_IN_SIGN)} == {state.name for state in held}


class Watch:
    """Tells every one of ``hears`` what happens, as long as the context stands.

    Several may stand at a time; they end in the opposite order.
    """

    def __init__(self, *hears: Hear) -> None:
        self._hears = hears
        self._lives: dict[Process, _Life] = {}
        self._latest: dict[str, _Life] = {}
        self._owners: dict[Parts, _Life] = {}
        self._stepping: _Life | None = None
        self._originals: list[tuple[type, str, Any]] = []

    def phases(self) -> dict[str, str]:
        """The phase of each process, ascending: as its core says; ``absent`` before that, ``dead`` with its host."""
        return {name: life.phase for name, life in sorted(self._latest.items())}

    def __enter__(self) -> Watch:
        for owner, name, wrapper in (
            (Process, "__init__", self._made),
            (Process, "step", self._step),
            (Process, "send", self._send),
            (Process, "take", self._take),
            (Session, "adopt", self._adopt),
            (Parts, "__init__", self._parts_made),
            (Parts, "restore", self._restore),
        ):
            original = getattr(owner, name)
            self._originals.append((owner, name, original))
            setattr(owner, name, _method(wrapper, original))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        while self._originals:
            owner, name, original = self._originals.pop()
            setattr(owner, name, original)

    # -------------------------------------------------------------------------------------------------- the wrappers

    def _made(self, original: Callable[..., None], core: Process, **options: Any) -> None:
        original(core, **options)
        self._life(core)

    def _step(self, original: Callable[..., tuple[Effect, ...]], core: Process, event: Event) -> tuple[Effect, ...]:
        life = self._life(core)
        if life is None:
            return original(core, event)
        before, self._stepping = self._stepping, life
        try:
            effects = original(core, event)
        finally:
            self._stepping = before
        for effect in effects:
            kind = type(effect)
            if kind in _TOLD:
                _TOLD[kind](self, life, effect)
        return effects

    def _send(self, original: Callable[..., int], core: Process, key: str, payload: Payload) -> int:
        number = original(core, key, payload)
        if (life := self._life(core)) is not None:
            self._tell(Sent(life.now, life.name, key, number, payload))
        return number

    def _take(self, original: Callable[..., InFlight | None], core: Process, key: str, turn: Turn) -> InFlight | None:
        message = original(core, key, turn)
        if message is not None and (life := self._life(core)) is not None:
            self._tell(Taken(life.now, life.name, key, message.number, message.payload))
        return message

    def _adopt(self, original: Callable[..., None], session: Session, dormant: Session) -> None:
        if (life := self._stepping) is not None:
            self._tell(Adopted(life.now, life.name, session.key, dormant.key, dormant.outgoing.sent))
        original(session, dormant)

    def _parts_made(self, original: Callable[..., None], parts: Parts, **options: Any) -> None:
        original(parts, **options)
        if (life := self._life(options["process"])) is not None:
            life.states = options["states"]
            self._owners[parts] = life

    def _restore(self, original: Callable[..., None], parts: Parts) -> None:
        original(parts)
        life = self._owners.get(parts)
        if life is not None and self._life(life.core) is not None and life.holds_all(held := life.held()):
            self._tell(Refilled(life.now, life.name, life.restored, held))

    # ------------------------------------------------------------------------------------------------ what is told

    def _tell(self, observation: Observation) -> None:
        for hear in self._hears:
            hear(observation)

    def _life(self, core: Process) -> _Life | None:
        """The life that ``core`` lives; None outside of hosts, and for what a dead one still does."""
        host = current.host
        if host is None or not host.alive:
            return None
        life = self._lives.get(core)
        if life is None:
            life = _Life(str(core.identity.name), host, host.life, core)
            self._lives[core] = self._latest[life.name] = life
            self._tell(Began(life.now, life.name, str(core.identity.life)))
        return life if life.host is host and life.number == host.life else None

    def _name(self, life: _Life, session: Session) -> None:
        life.named[session.key] = session.name
        self._tell(Named(life.now, life.name, session.key, session.name, session.peer, session.fifo))

    def _established(self, life: _Life, effect: SessionEstablished) -> None:
        if (session := life.core.session(effect.key)) is not None:
            self._name(life, session)

    def _admitted(self, life: _Life, effect: AdmittedEffect) -> None:
        self._tell(Admitted(life.now, life.name, int(effect.incarnation)))

    def _ended(self, life: _Life, effect: SessionEnded) -> None:
        self._tell(Over(life.now, life.name, effect.key, effect.reason))

    def _records(self, life: _Life, effect: RecordState) -> None:
        for session in life.core.handshakes.sessions.values():
            if session.name and life.named.get(session.key) != session.name:
                self._name(life, session)
        incarnation = int(life.core.incarnation)
        self._tell(Recorded(life.now, life.name, int(effect.cut), int(effect.base), incarnation, life.held()))

    def _restores(self, life: _Life, effect: RestoreState) -> None:
        life.named.clear()
        life.restored = int(effect.cut)
        records = {record.evidence.session: record for record in life.core.rollback.sessions}
        sessions = [s for s in life.core.handshakes.sessions.values() if s.name in records]
        back = tuple(RestoredSession(session.key, records[session.name]) for session in sessions)
        life.named.update((session.key, session.name) for session in sessions)
        self._tell(Restored(life.now, life.name, int(effect.cut), int(effect.incarnation), back))


_TOLD: dict[type[Effect], Callable[[Watch, _Life, Any], None]] = {
    AdmittedEffect: Watch._admitted,
    SessionEstablished: Watch._established,
    SessionEnded: Watch._ended,
    RecordState: Watch._records,
    RestoreState: Watch._restores,
}


def _method(wrapper: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    """A function that can stand in a class for ``original``."""

    def wrapped(core: Any, *args: Any, **options: Any) -> Any:
        return wrapper(original, core, *args, **options)

    return wrapped
