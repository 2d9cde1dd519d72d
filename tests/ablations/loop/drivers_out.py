"""The safeguards of the drivers, agent's and coordinator's, and of the store, each taken out by one function.

What is patched is the smallest thing that the safeguard is: a call, its moment, a condition.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol import effects as agent_ask
from cutpoint.protocol.events import Event, PartLoaded, Turn
from cutpoint.registry import Leadership, Transaction
from cutpoint.store import directory
from cutpoint_agents.activity import Activity
from cutpoint_agents.dialling import Redialler
from cutpoint_agents.endpoint import Endpoint
from cutpoint_agents.parts import Parts
from cutpoint_agents.switchboard import Switchboard
from cutpoint_agents.turns import AnyTask, OpenTurn, Owner, Turns
from cutpoint_coordinator.driver import RETRY_SECONDS
from cutpoint_coordinator.driver import Driver as CoordinatorDriver
from cutpoint_coordinator.registry.memory import MemoryRegistry

# ---------------------------------------------------------------------------------------------------------- the agent


def the_state_is_captured_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an await between the core's RecordState and the capture."""
    record, persist = Parts.record, Parts.persist

    def record_later(self: Parts, cut: CutNumber, base: CutNumber) -> None:
        asyncio.get_running_loop().call_soon(record, self, cut, base)

    def persist_later(self: Parts, effect: agent_ask.PersistPart) -> None:
        asyncio.get_running_loop().call_later(0.001, persist, self, effect)

    monkeypatch.setattr(Parts, "record", record_later)
    monkeypatch.setattr(Parts, "persist", persist_later)


def old_tasks_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's tasks do not end with their incarnation."""

    def cancel_nobody(self: Activity, others: Iterable[AnyTask]) -> tuple[AnyTask, ...]:
        self._running = False
        return ()

    monkeypatch.setattr(Activity, "cancel", cancel_nobody)


def turns_are_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn ends when it has begun, so that a record never waits for a message to be handled."""
    began = Turns.began

    def end_at_once(self: Turns, number: Turn, owner: Owner) -> None:
        began(self, number, owner)
        turn = self.current()
        assert isinstance(turn, OpenTurn)
        self.end(turn)

    monkeypatch.setattr(Turns, "began", end_at_once)


def in_flight_is_not_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of a part comes back and its sessions do not."""
    init = Parts.__init__

    def without_sessions(self: Parts, *, done: Callable[[Event], None], **others: Any) -> None:
        def hear(event: Event) -> None:
            done(PartLoaded(incarnation=event.incarnation, sessions=()) if isinstance(event, PartLoaded) else event)

        init(self, done=hear, **others)

    monkeypatch.setattr(Parts, "__init__", without_sessions)


def a_lost_connection_is_not_dialled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session dies with its connection, and nobody notices."""
    monkeypatch.setattr(Redialler, "start", lambda self, endpoint: None)


def what_was_closed_is_not_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that the application had closed before the recovery is not opened again to deliver the rest."""
    monkeypatch.setattr(Switchboard, "_reopen", lambda self, effect: None)


def what_is_closed_is_not_drained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has closed a channel takes nothing from it any more, the other end's last word neither."""
    monkeypatch.setattr(Endpoint, "_drain", _nothing)


async def _nothing(self: Endpoint) -> None:
    return


# ---------------------------------------------------------------------------------------------------- the coordinator


def written_before_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core hears that the ledger is written before the registry has been asked."""

    async def write_ledger(self: CoordinatorDriver) -> None:
        while not self.ended.done():
            effect = await self._writes.get()
            self.step(was.LedgerWritten(now=self._now(), request=effect.request))
            transaction = Transaction(request=effect.request, puts=effect.puts, deletes=effect.deletes)
            give_up_at = self._loop.time() + self._settings.registry_patience_seconds
            while not await self._commit(transaction, give_up_at):
                await asyncio.sleep(RETRY_SECONDS)

    monkeypatch.setattr(CoordinatorDriver, "_write_ledger", write_ledger)


def a_failed_write_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the registry did not take is not written again."""
    commit = CoordinatorDriver._commit

    async def once(self: CoordinatorDriver, transaction: Transaction, give_up_at: float) -> bool:
        await commit(self, transaction, give_up_at)
        return True

    monkeypatch.setattr(CoordinatorDriver, "_commit", once)


async def _watch_nothing(self: CoordinatorDriver) -> None:
    return


def nobody_is_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry takes what a former leader writes, which does not watch whether it still leads."""
    monkeypatch.setattr(CoordinatorDriver, "_watch_leadership", _watch_nothing)
    commit = MemoryRegistry.commit

    async def from_anybody(self: MemoryRegistry, leadership: Leadership, transaction: Transaction) -> Any:
        standing = self._standing
        return await commit(self, leadership if standing is None else standing[0], transaction)

    monkeypatch.setattr(MemoryRegistry, "commit", from_anybody)


# ------------------------------------------------------------------------------------------------------------ the store


def files_are_not_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object is linked under its name before its bytes are on the disk."""

    def write(path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(data)

    monkeypatch.setattr(directory, "_write", write)


def folders_are_not_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object's name may be lost when its bytes are not."""
    monkeypatch.setattr(directory, "_flush_folder", lambda path: None)
