"""Bugs that whole runs have found, put back: each function takes one mend out, as long as the patch stands."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import pytest
from aiohttp import web

from cutpoint.names import SessionName, session_name
from cutpoint.protocol.handshake import Handshakes
from cutpoint.protocol.messages import Hello
from cutpoint_coordinator import api, faults
from cutpoint_coordinator.faults import Handler
from cutpoint_simulations.loop import event_loop
from cutpoint_simulations.oracles import Descent, Violation
from cutpoint_simulations.oracles.case import Case


def tasks_are_stepped_before_callbacks(patch: pytest.MonkeyPatch) -> None:
    """A shuffled task was stepped before the callback that hands it its socket."""

    def shuffle(loop: event_loop.HostLoop, ready: deque[asyncio.Handle]) -> None:
        places = [place for place, handle in enumerate(ready) if event_loop._is_step(handle)]
        drawn = places[:]
        loop.host.chance.shuffle(drawn)
        handles, moved = list(ready), dict(zip(places, drawn, strict=True))
        ready.clear()
        ready.extend(handles[moved.get(place, place)] for place in range(len(handles)))

    patch.setattr(event_loop.HostLoop, "_shuffle", shuffle)


def strangers_may_not_go_back(patch: pytest.MonkeyPatch) -> None:
    """The oracle complained of a process that a recovery point does not know, and that goes back to it with nothing."""
    judge = Descent._judge

    def strictly(oracle: Descent, case: Case) -> tuple[Violation, ...]:
        judged = oracle._judged
        strays = [each for each in case.chronicle.restores[judged:] if each in case.chronicle.strays]
        complaint = "went back to it and had never recorded it"
        return (*judge(oracle, case), *(oracle.violation(case, complaint, cut=each.cut) for each in strays))

    patch.setattr(Descent, "_judge", strictly)


def resets_are_unforeseen(patch: pytest.MonkeyPatch) -> None:
    """The coordinator called it unforeseen that an agent reset its connection in the handshake."""

    @web.middleware
    async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await faults.explain(request, handler)
        except ConnectionError:
            logging.getLogger("cutpoint.coordinator").exception("failed for an unforeseen reason")
            raise

    patch.setattr(api, "explain", explain)


def restored_sessions_keep_their_numbers(patch: pytest.MonkeyPatch) -> None:
    """A restored session was gone on with only if every session before it with its label was restored too."""

    def free_name(handshakes: Handshakes, hello: Hello) -> SessionName:
        taken = {s.name for s in handshakes.sessions.values() if not s.dormant or s.fifo != hello.fifo}
        ordinal = handshakes._last_retired(hello.process, hello.label)
        while True:
            ordinal += 1
            label = hello.label if ordinal == 1 else f"{hello.label}#{ordinal}"
            name = session_name(hello.process, handshakes._identity.name, label)
            if name not in taken | set(hello.closed):
                return name

    patch.setattr(Handshakes, "_free_name", free_name)
