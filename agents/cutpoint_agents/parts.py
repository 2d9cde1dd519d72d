"""What a process keeps, on its way to the store and back: captured on the event loop, written and read in threads.

A capture waits here between the record and the moment when the core knows the channels too. A part that was loaded
waits here, decoded and checked, until all processes are ready; nothing changes before `restore`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from cutpoint.errors import CutpointError, Damaged, ObjectMissing
from cutpoint.names import CutNumber, Digest, Life, ProcessName
from cutpoint.protocol.effects import PersistPart
from cutpoint.protocol.events import Event, PartLoaded, PartPersisted, PartUnfit, PersistFailed
from cutpoint.protocol.messages import PartSummary, Prepare, SessionRecord
from cutpoint.protocol.process import Process
from cutpoint.state import CapturedState, Restoration, States
from cutpoint.store import Backend, Part, StoredState, open_backend, read_part, summarise, write_part

Loaded = tuple[Restoration, tuple[SessionRecord, ...]]


class Parts:
    """The captures and the loaded part of one process. ``done`` hears how an effect ended.

    ``store``: the URL to use whatever the coordinator says; ``spawn`` runs a coroutine beside everything else.
    """

    def __init__(
        self,
        *,
        process: Process,
        name: ProcessName,
        life: Life,
        states: States,
        store: str | None,
        done: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._process = process
        self._name = name
        self._life = life
        self._states = states
        self._own_store = store
        self._store = store or ""
        self._computation = ""
        self._done = done
        self._spawn = spawn
        self._captured: dict[CutNumber, tuple[CapturedState, ...]] = {}
        self._stalls: dict[CutNumber, float] = {}
        self._loaded: Restoration | None = None

    def use_store(self, url: str, computation: str) -> None:
        """Parts of ``computation`` go to ``url`` from now on, unless the agent was given a store of its own."""
        self._computation = computation
        self._store = self._own_store or url

    # -------------------------------------------------------------------------------------------------- recording

    def record(self, cut: CutNumber) -> None:
        """Capture every state now. What cannot be captured ends as `PersistFailed`."""
        try:
            self._captured[cut] = self._states.capture()
        except CutpointError as error:
            self._done(PersistFailed(cut=cut, reason=str(error)))

    def stalled(self, cut: CutNumber, seconds: float) -> None:
        """The synchronous record block of ``cut`` held the event loop this long."""
        self._stalls[cut] = seconds

    def persist(self, effect: PersistPart) -> None:
        """Write the part of a cut durably, in a thread; nothing to do if its state could not be captured."""
        if effect.cut in self._captured:
            self._spawn(self._persist(effect))

    def discard(self, cut: CutNumber) -> None:
        """The cut was abandoned."""
        self._forget(cut)

    def keep(self, cut: CutNumber) -> None:
        """The cut is a recovery point."""
        self._forget(cut)

    def _forget(self, cut: CutNumber) -> None:
        for number in [number for number in self._captured if number <= cut]:
            del self._captured[number]
        for number in [number for number in self._stalls if number <= cut]:
            del self._stalls[number]

    async def _persist(self, effect: PersistPart) -> None:
        captured = self._captured.pop(effect.cut, None)
        if captured is None:
            return
        part = Part(
            process=self._name,
            life=self._life,
            incarnation=self._process.incarnation,
            cut=effect.cut,
            computation=self._computation,
            sessions=effect.sessions,
            states=tuple(
                StoredState(name=s.name, kind=s.kind, version=s.version, format=s.format, data=s.data) for s in captured
            ),
            boundary=effect.boundary,
        )
        try:
            summary = await asyncio.to_thread(_write, self._store, part, self._stalls.get(effect.cut, 0.0))
        except (CutpointError, OSError) as error:
            self._done(PersistFailed(cut=effect.cut, reason=str(error)))
            return
        self._done(PartPersisted(cut=effect.cut, summary=summary))

    # -------------------------------------------------------------------------------------------------- restoring

    def load(self, prepare: Prepare) -> None:
        """Read, check and decode the part in a thread; it ends in `PartLoaded` or `PartUnfit`."""
        self._loaded = None
        self.use_store(prepare.store, prepare.computation)
        self._spawn(self._load(prepare))

    async def _load(self, prepare: Prepare) -> None:
        try:
            loaded, sessions = await asyncio.to_thread(self._read, prepare)
        except (CutpointError, OSError) as error:
            damaged = isinstance(error, Damaged | ObjectMissing)
            self._done(PartUnfit(incarnation=prepare.incarnation, reason=str(error), damaged=damaged))
            return
        if prepare.incarnation == self._process.incarnation:
            self._loaded = loaded
        self._done(PartLoaded(incarnation=prepare.incarnation, sessions=sessions))

    def _read(self, prepare: Prepare) -> Loaded:
        if not prepare.object:
            return self._states.check(()), ()
        part = read_part(_backend(self._store), Digest(prepare.object))
        if part.process != self._name or part.cut != prepare.cut:
            raise Damaged(
                f"the part {prepare.object} is of {part.process} and cut {part.cut}, not of {self._name} and cut "
                f"{prepare.cut}; nothing was changed; recover to another recovery point"
            )
        return self._states.check(part.states), part.sessions

    def restore(self) -> None:
        """Put what was loaded in place of the present state, now. Raises `RecoveryFailed` if a hook fails."""
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            raise CutpointError("there is no part to restore; this is a bug in Cutpoint, nothing was changed")
        self._captured.clear()
        self._stalls.clear()
        loaded.apply()


def _backend(url: str) -> Backend:
    if not url:
        raise CutpointError("this agent knows no store; give the coordinator one, or Agent(store=...)")
    return open_backend(url)


def _write(url: str, part: Part, stall_seconds: float) -> PartSummary:
    digest, length = write_part(_backend(url), part)
    return summarise(part, digest, length, stall_seconds)
