"""Bugs that whole runs have found, put back: each function takes one mend out, as long as the patch stands."""

from __future__ import annotations

import asyncio
import logging
import math
import signal
from collections import deque

import msgspec
import pytest
from aiohttp import web

from cutpoint.names import SessionName, session_name
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.handshake import Handshakes
from cutpoint.protocol.messages import Hello, SessionRecord, Welcome
from cutpoint.protocol.session import Session
from cutpoint.registry import Leadership
from cutpoint_coordinator import faults, publishing
from cutpoint_coordinator.faults import Handler
from cutpoint_coordinator.http import application
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.cluster.cluster import SERVICE_PORT, CreateApp
from cutpoint_simulations.cluster.registry import RegistryClient
from cutpoint_simulations.loop import event_loop
from cutpoint_simulations.loop.network import Link
from cutpoint_simulations.oracles import Descent, Violation
from cutpoint_simulations.oracles.case import Case
from cutpoint_simulations.runs import Trial


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

    patch.setattr(application, "explain", explain)


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


def delays_multiply(patch: pytest.MonkeyPatch) -> None:
    """Two delays of one link, of tenths of a second each, made a message take minutes: long after the healing."""
    patch.setattr(Link, "slowness", property(lambda link: math.prod(max(1.0, times) for times in link.slowed)))


def quiet_is_over_at_once(patch: pytest.MonkeyPatch) -> None:
    """The end was judged a second after the healing, when what was sent before it could still be under way."""

    def hurry(trial: Trial, *, quiet: bool) -> bool:
        return trial.let_pass(trial.scenario.quiet_seconds)

    patch.setattr(Trial, "_let_settle", hurry)


def services_end_once_they_have_started(patch: pytest.MonkeyPatch) -> None:
    """SIGTERM had no effect until the service ran, after the healing: it was judged while it was coming back."""

    async def serve(cluster: Cluster, name: str, create_app: CreateApp) -> None:
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        runner = web.AppRunner(create_app(), access_log=None, shutdown_timeout=1.0)
        try:
            await runner.setup()
            await web.TCPSite(runner, "0.0.0.0", SERVICE_PORT).start()
            await stopping.wait()
        finally:
            await runner.cleanup()

    patch.setattr(Cluster, "_serve", serve)
    quiet_is_over_at_once(patch)


def ended_sessions_are_opened_anew(patch: pytest.MonkeyPatch) -> None:
    """An initiator asked for a session that a recovery had restored as one that its acceptor may never have heard of.

    The acceptor had seen its end, began it anew at number 1, and both ends contradicted each other for ever.
    """
    freeze, welcomed = Session.freeze, Handshakes.welcomed

    def frozen(session: Session) -> SessionRecord:
        record = freeze(session)
        outgoing = msgspec.structs.replace(
            record.evidence.outgoing, opening=session.opening or record.evidence.outgoing.opening
        )
        return msgspec.structs.replace(record, evidence=msgspec.structs.replace(record.evidence, outgoing=outgoing))

    def answered(handshakes: Handshakes, session: Session, frame: Welcome) -> list[Effect]:
        before = session.unattended and session.unanswered
        effects = welcomed(handshakes, session, frame)
        session.unanswered = before
        return effects

    def is_over(handshakes: Handshakes, hello: Hello) -> bool:
        return bool(hello.session) and not hello.reopens and handshakes._dormant(hello.session) is None

    patch.setattr(Session, "freeze", frozen)
    patch.setattr(Handshakes, "welcomed", answered)
    patch.setattr(Handshakes, "_is_over", is_over)


def resigned_leases_are_kept_up(patch: pytest.MonkeyPatch) -> None:
    """A coordinator that resigned unheard kept its lease in the simulated registry, and nobody ever led again."""

    async def resign(client: RegistryClient, leadership: Leadership) -> None:
        await client._call()
        await client._shared.memory.resign(leadership)

    patch.setattr(RegistryClient, "resign", resign)


def found_manifests_may_not_be_durable(patch: pytest.MonkeyPatch) -> None:
    """A leader told the registry of a manifest whose writer was killed before it had flushed the folder."""
    patch.setattr(publishing, "_see_to_it_that_it_stays", lambda backend, stored: None)
