"""What the tasks of a process say that they wait for: kept as state, for whoever looks for a circle of waits in a cut.

Who waits has no turn meanwhile: the one that was open is set aside, so that a wait for somebody else holds no cut up,
and the task goes on in a turn of the same kind. What is before the wait and what is after it are two turns, therefore,
and a recovery may find the first one done and the second one not: the state has to say what is left to do.

What is recorded is for looking at. A restore puts nothing of it in place: the tasks that waited are over.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

from cutpoint.errors import ConfigurationError, RolledBack
from cutpoint.monitors.waits import Wait, parse_waits, written_waits
from cutpoint.names import is_process_name
from cutpoint.protocol.process import Process
from cutpoint.state import BuiltIn
from cutpoint.wire.checks import one_line
from cutpoint_agents.endpoint import Endpoint
from cutpoint_agents.turns import AnyTask, OpenTurn, Turns, current_task
from cutpoint_agents.whereabouts import whereabouts

RECORDED_MAX = 256
"""So many waits are recorded, the longest ones; who has more has other troubles."""


class _Entry:
    """One wait: the task, its turn that was set aside, whom it waits for, since when."""

    __slots__ = ("began", "for_whom", "task", "turn", "why")

    def __init__(self, task: AnyTask, turn: OpenTurn | None, for_whom: Endpoint | str, why: str) -> None:
        self.task = task
        self.turn = turn
        self.for_whom = for_whom
        self.why = why
        self.began = time.monotonic()


class Waits:
    """What is waited for in one process, the longest wait first."""

    def __init__(self, *, process: Process, turns: Turns) -> None:
        self._process = process
        self._turns = turns
        self._entries: dict[_Entry, None] = {}

    @contextlib.asynccontextmanager
    async def waiting(self, for_whom: Endpoint | str, why: str) -> AsyncIterator[None]:
        """Wait inside. ``for_whom``: a channel, a process, or empty: something in this process."""
        if not _can_be_waited_for(for_whom):
            raise ConfigurationError(
                f"{one_line(repr(for_whom))} is nobody to wait for; nothing was waited for; give what agent.wrap "
                "returned, the name of a process, or nothing"
            )
        turn = self._turns.set_aside()
        entry = _Entry(current_task(), turn, for_whom, one_line(why))
        self._entries[entry] = None
        try:
            yield
        except RolledBack:
            self._turns.drop_aside(turn)
            raise
        except Exception:
            await self._turns.take_up(turn)
            raise
        except BaseException:
            self._turns.drop_aside(turn)
            raise
        else:
            del self._entries[entry]
            await self._turns.take_up(turn)
        finally:
            self._entries.pop(entry, None)

    def built_in(self) -> BuiltIn:
        """How they are recorded."""
        return BuiltIn(capture=self._capture, parse=parse_waits, restore=lambda _: None)

    def _capture(self) -> object:
        told = (self._told(entry) for entry in list(self._entries)[:RECORDED_MAX])
        return written_waits(tuple(wait for wait in told if wait is not None))

    def _told(self, entry: _Entry) -> Wait | None:
        """None while the other end of the channel is not known."""
        for_whom = entry.for_whom
        process, channel = (for_whom, "") if isinstance(for_whom, str) else (self._peer(for_whom), for_whom.name)
        if isinstance(for_whom, Endpoint) and not (process and channel):
            return None
        answered = entry.turn.owner if entry.turn is not None else None
        return Wait(
            process=process,
            channel=channel,
            turn_of=answered.name if isinstance(answered, Endpoint) else "",
            seconds=round(time.monotonic() - entry.began, 6),
            why=entry.why,
            where=str(whereabouts(entry.task)),
        )

    def _peer(self, end: Endpoint) -> str:
        """Who is at the other end; empty if that is not known, or if nobody is any more."""
        session = None if end.key is None or end.gone else self._process.session(end.key)
        return str(session.peer) if session is not None else ""


def _can_be_waited_for(whom: object) -> bool:
    return isinstance(whom, Endpoint) or (type(whom) is str and (not whom or is_process_name(whom)))
