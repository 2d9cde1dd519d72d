"""What a process keeps, on its way to the store and back.

A capture is taken in the record block and written beside the service's own work (see `writing`); it waits there for
the moment when the core knows the channels too. A part that was loaded waits here, decoded and checked, until all
processes are ready; nothing changes before `restore`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from cutpoint.errors import ConfigurationError, CutAbandoned, CutpointError, Damaged, ObjectMissing, StoreUnavailable
from cutpoint.names import CutNumber, Digest, Life, ProcessName
from cutpoint.protocol.effects import PersistPart
from cutpoint.protocol.events import Event, PartDelayed, PartLoaded, PartPersisted, PartUnfit, PersistFailed
from cutpoint.protocol.messages import Prepare, SessionRecord
from cutpoint.protocol.process import Process
from cutpoint.state import Restoration, States
from cutpoint.store import (
    Backend,
    KeyRing,
    KnownPart,
    PartReader,
    PartWriter,
    RunWriter,
    authentic_manifest,
    authentic_part,
    open_backend,
    open_part,
    read_manifest,
)
from cutpoint_agents.backoff import Backoff
from cutpoint_agents.merging import Merger, rewritten
from cutpoint_agents.settings import LOG_NAME, Settings
from cutpoint_agents.slices import Pace, in_slices
from cutpoint_agents.stored_states import stored_states
from cutpoint_agents.writing import Writing

log = logging.getLogger(LOG_NAME)

RELOAD_FIRST_SECONDS = 0.2
RELOAD_MOST_SECONDS = 5.0
"""The pause before a store that did not answer is asked for a part again: the first, and the longest."""

FROZEN_ENTRIES = 100_000
"""From so many restored entries on, the garbage collector is told to leave them alone."""


class Loaded:
    """A part that was read and checked: what to put in place, the sessions, and what deltas may build on."""

    def __init__(self, states: Restoration, sessions: tuple[SessionRecord, ...], part: KnownPart | None) -> None:
        self.states = states
        self.sessions = sessions
        self.part = part


class Parts:
    """The captures and the loaded part of one process. ``done`` hears how an effect ended.

    ``store``: the URL to use whatever the coordinator says; ``spawn`` runs a coroutine beside everything else.
    ``keys``: what authenticates a recovery point before it is restored, and opens it.
    """

    def __init__(
        self,
        *,
        process: Process,
        name: ProcessName,
        life: Life,
        states: States,
        settings: Settings,
        store: str | None,
        keys: KeyRing | None,
        chance: random.Random,
        done: Callable[[Event], None],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._process = process
        self._name = name
        self._life = life
        self._states = states
        self._settings = settings
        self._own_store = store
        self._store = store or ""
        self._keys = keys
        self._chance = chance
        self._computation = ""
        self._done = done
        self._spawn = spawn
        self._backends: dict[str, Backend] = {}
        self._writing: Writing | None = None
        self._task: asyncio.Task[None] | None = None
        self._stalls: dict[CutNumber, float] = {}
        self._waits: dict[CutNumber, float] = {}
        self._base: KnownPart | None = None
        self._loaded: Loaded | None = None
        self._comparing: asyncio.Task[None] | None = None
        self._merger = Merger(
            spawn=spawn,
            busy=lambda: self._writing is not None,
            failed=self._not_merged,
            pace=self._pace,
            settings=settings,
        )

    def use_store(self, url: str, computation: str) -> None:
        """Parts of ``computation`` go to ``url`` from now on, unless the agent was given a store of its own."""
        self._computation = computation
        self._store = self._own_store or url

    # -------------------------------------------------------------------------------------------------- recording

    def record(self, cut: CutNumber, base: CutNumber) -> None:
        """Capture every state now, and begin to write it. What cannot be captured ends as `PersistFailed`.

        ``base``: the recovery point on which deltas may build.
        """
        known = self._base if self._base is not None and self._base.head.cut == base else None
        try:
            hopeless = self._merger.hopeless
            full = self._states.names if known is None else (*rewritten(known, self._settings.tiers), *hopeless)
            recorded = self._states.record(full=full)
        except CutpointError as error:
            self._done(PersistFailed(cut=cut, reason=str(error), of_store=False))
            return
        self._writing = Writing(
            cut=cut,
            recorded=recorded,
            base=known,
            merged=self._merger.merged,
            hopeless=hopeless,
            pace=self._pace(0.0),
            changes=lambda: self._states.changed,
            settings=self._settings,
        )
        self._task = self._spawn(self._write(self._writing, known))

    def stalled(self, cut: CutNumber, seconds: float) -> None:
        """The synchronous record block of ``cut`` held the event loop this long."""
        self._stalls[cut] = seconds

    def waited(self, cut: CutNumber, seconds: float) -> None:
        """Open turns kept this process from recording ``cut`` for so long."""
        self._waits[cut] = seconds

    def progress(self) -> str:
        """How far the part is that is being written, for people."""
        written = "nothing" if self._writing is None else f"{self._writing.bytes} bytes"
        return f"its part is being stored: the store was given {written} of it so far"

    def persist(self, effect: PersistPart) -> None:
        """All channels of a cut are closed; nothing to do if its state could not be captured."""
        if self._writing is not None and self._writing.cut == effect.cut:
            self._writing.channels_known(effect)

    def discard(self, cut: CutNumber) -> None:
        """The cut was abandoned: what changed before it goes into the next delta."""
        writing = self._take(cut)
        if writing is not None:
            writing.recorded.abandoned()
            self._tidy()

    def keep(self, cut: CutNumber) -> None:
        """The cut is a recovery point: the next delta builds on it."""
        writing = self._take(cut)
        if writing is None:
            return
        writing.recorded.published()
        self._base = writing.part
        if writing.part is not None:
            self._merger.consider(
                writing.part, writing.recorded.tables, self._reader_of(writing.part), self._run_writer(cut)
            )
        else:
            writing.recorded.release()
        self._tidy()

    def _take(self, cut: CutNumber) -> Writing | None:
        """The writing of ``cut``, which is over."""
        self._stalls.clear()
        self._waits.clear()
        writing = self._writing
        if writing is None or writing.cut != cut:
            return None
        self._writing = None
        if self._task is not None and not self._task.done():
            self._task.cancel()
        return writing

    async def _write(self, writing: Writing, base: KnownPart | None) -> None:
        try:
            if self._store not in self._backends:
                await asyncio.to_thread(self._backend)
            writer = self._writer(writing.cut, base)
            summary = await writing.write(writer, lambda: self._stalls.get(writing.cut, 0.0))
        except (CutpointError, OSError) as error:
            if not isinstance(error, CutAbandoned):
                of_store = not isinstance(error, ConfigurationError)
                self._done(PersistFailed(cut=writing.cut, reason=str(error), of_store=of_store))
            return
        summary = msgspec.structs.replace(summary, waited_seconds=self._waits.get(writing.cut, 0.0))
        self._done(PartPersisted(cut=writing.cut, summary=summary))

    def _writer(self, cut: CutNumber, base: KnownPart | None) -> PartWriter:
        return PartWriter(
            self._backend(),
            process=self._name,
            life=self._life,
            incarnation=self._process.incarnation,
            cut=cut,
            computation=self._computation,
            era=CutNumber(cut - 1),
            base=base,
            sealing=self._sealing,
            pack_bytes=self._settings.pack_bytes,
        )

    def _run_writer(self, cut: CutNumber) -> Callable[[], RunWriter]:
        pack_bytes = self._settings.pack_bytes
        return lambda: RunWriter(self._backend(), era=cut, sealing=self._sealing, pack_bytes=pack_bytes)

    def _reader_of(self, part: KnownPart) -> Callable[[], PartReader]:
        return lambda: open_part(self._backend(), part.pack, sealing=self._sealing)

    def _tidy(self) -> None:
        """Let tables settle what has gathered while they were captured, a slice at a time."""
        pace = self._pace(1.0)
        self._spawn(in_slices(iter(lambda: self._states.fold(pace.batch) and pace.batch, 0), pace))
        if self._comparing is None or self._comparing.done():
            self._comparing = self._spawn(self._compare())

    async def _compare(self) -> None:
        """Look for what was changed in place without a word, in the tables that are declared with ``check``."""
        pace = self._pace(1.0)
        for complaints in self._states.compare(pace.batch):
            for complaint in complaints:
                log.warning("%s: %s", self._name, complaint)
            await pace.pause()

    def _pace(self, rest: float) -> Pace:
        return Pace(entries=self._settings.slice_entries, rest=rest)

    def _not_merged(self, error: Exception) -> None:
        log.warning("runs of a table were not merged: %s; nothing is lost, it is tried again after the next cut", error)

    # -------------------------------------------------------------------------------------------------- restoring

    def load(self, prepare: Prepare) -> None:
        """Read, check and decode the part in a thread; it ends in `PartLoaded` or `PartUnfit`.

        A store that does not answer says nothing of the part: it is asked again, with growing pauses, for as long as
        this recovery lasts, and each time `PartDelayed` says so.
        """
        self._loaded = None
        self.use_store(prepare.store, prepare.computation)
        self._spawn(self._load(prepare))

    async def _load(self, prepare: Prepare) -> None:
        try:
            loaded = await self._read_patiently(prepare)
        except (CutpointError, OSError) as error:
            damaged = isinstance(error, Damaged | ObjectMissing)
            self._done(PartUnfit(incarnation=prepare.incarnation, reason=str(error), damaged=damaged))
            return
        if prepare.incarnation == self._process.incarnation:
            self._loaded = loaded
        if loaded is not None:
            self._done(PartLoaded(incarnation=prepare.incarnation, sessions=loaded.sessions))

    async def _read_patiently(self, prepare: Prepare) -> Loaded | None:
        """What was read; None if the recovery is over before the store has answered."""
        pauses = Backoff(
            first_seconds=RELOAD_FIRST_SECONDS, most_seconds=RELOAD_MOST_SECONDS, chance=self._chance, at_once=False
        )
        while prepare.incarnation == self._process.incarnation:
            try:
                return await asyncio.to_thread(self._read, prepare)
            except StoreUnavailable as error:
                self._done(PartDelayed(incarnation=prepare.incarnation, reason=str(error)))
                await asyncio.sleep(pauses.pause())
        return None

    def _read(self, prepare: Prepare) -> Loaded:
        if not prepare.object:
            return Loaded(self._states.check(()), (), None)
        backend, object_ = self._backend(), Digest(prepare.object)
        if self._keys is not None and self._keys.trusted:
            manifest = authentic_manifest(backend, prepare.cut, self._keys, computation=prepare.computation)
            entry = authentic_part(manifest, self._name, object_)
        else:
            manifest = read_manifest(backend, prepare.cut)
            found = [part for part in manifest.parts if part.process == self._name and part.object == object_]
            if not found:
                raise Damaged(
                    f"the manifest of cut {prepare.cut} in {backend.url} does not name the part {object_} of "
                    f"{self._name}; nothing was changed; recover to another recovery point"
                )
            entry = found[0]
        reader = open_part(backend, entry.packs[-1], sealing=self._sealing)
        if reader.head.process != self._name or reader.head.cut != prepare.cut:
            raise Damaged(
                f"the part {object_} is of {reader.head.process} and cut {reader.head.cut}, not of {self._name} and "
                f"cut {prepare.cut}; nothing was changed; recover to another recovery point"
            )
        with _collector_paused():
            restoration = self._states.check(stored_states(reader))
        return Loaded(restoration, reader.sessions(), reader.part)

    def restore(self) -> None:
        """Put what was loaded in place of the present state, now. Raises `RecoveryFailed` if a hook fails."""
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            raise CutpointError("there is no part to restore; this is a bug in Cutpoint, nothing was changed")
        if self._task is not None:
            self._task.cancel()
        self._writing = None
        self._stalls.clear()
        self._merger.forget()
        self._base = loaded.part
        loaded.states.apply()
        self._tidy()
        if self._states.entries >= FROZEN_ENTRIES:
            gc.freeze()  # a full collection of millions of objects would hold the event loop for seconds

    # ---------------------------------------------------------------------------------------------------- the store

    @property
    def _sealing(self) -> Any:
        return self._keys.sealing if self._keys is not None else None

    def _backend(self) -> Backend:
        """The store, opened once. For threads."""
        url = self._store
        if not url:
            raise CutpointError("this agent knows no store; give the coordinator one, or Agent(store=...)")
        if url not in self._backends:
            self._backends = {url: open_backend(url)}
        return self._backends[url]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Decoding makes millions of objects and no garbage: looking through them again and again is for nothing."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
