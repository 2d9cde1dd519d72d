"""The coordinator as a service: campaigns for the leadership, leads while it has it, and answers on one address.

Any number of coordinators may run; one leads. The others answer health checks, turn agents and operators to the
leader, and wait. A leader that is fenced, or cannot write to the registry for too long, throws everything it knows
away and campaigns again in the same process; what it knew is read anew from the registry when it leads again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from urllib.parse import urlsplit

from aiohttp import web

from cutpoint.errors import RegistryError
from cutpoint.protocol.coordination import Coordination
from cutpoint.registry import Leader, Leadership
from cutpoint.store.caching import uncached
from cutpoint_coordinator.access.audit import Audit
from cutpoint_coordinator.access.control import Access
from cutpoint_coordinator.access.tls import Entrance
from cutpoint_coordinator.agents_endpoint import AgentsEndpoint, Elsewhere
from cutpoint_coordinator.answers import HealthAnswer, HealthState
from cutpoint_coordinator.driver import Driver, UnreadableLedger
from cutpoint_coordinator.following import Following
from cutpoint_coordinator.http.application import Api
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.keeping import Keeping
from cutpoint_coordinator.malformed import server_log
from cutpoint_coordinator.monitoring.evaluators import MakeEvaluator
from cutpoint_coordinator.monitoring.monitoring import Monitoring
from cutpoint_coordinator.monitoring.processes import ProcessEvaluator
from cutpoint_coordinator.notices import Notices, now_utc
from cutpoint_coordinator.oncall import OnCall
from cutpoint_coordinator.opening import Opened, open_all
from cutpoint_coordinator.policies import Policies, UnreadablePolicy
from cutpoint_coordinator.settings import LOG_NAME, Settings
from cutpoint_coordinator.webhooks.webhooks import Webhooks

log = logging.getLogger(LOG_NAME)

RETRY_SECONDS = 1.0
HOLD_SECONDS = 3.0
"""How long an agent is kept waiting that comes while nobody can be named whom it could go to."""

RESIGN_SECONDS = 1.0
"""How long a leader that ends tries to tell the registry; otherwise its lease runs out."""

_SHUTDOWN_SECONDS = 0.5


class Service:
    """One coordinator. Make it with `open`, then `run` it; `close` it whatever happens."""

    def __init__(self, settings: Settings, opened: Opened, make_evaluator: MakeEvaluator | None = None) -> None:
        self.settings = settings
        self.url = opened.url
        self.backend = opened.backend
        self.notices = Notices()
        self.on_call = OnCall(self)
        self.registry = self.on_call.registry(opened.registry)
        self.keys = opened.keys
        self.retention = opened.retention
        self._replica = opened.replica
        self.keeping: Keeping | None = None
        self.monitoring: Monitoring | None = None
        self.webhooks: Webhooks | None = None
        self._make_evaluator = make_evaluator or partial(ProcessEvaluator, store=self.backend.url, keys=self.keys)
        self.policies: Policies | None = None
        self._began = now_utc()
        self.candidate = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.driver: Driver | None = None
        self._following = Following(self.registry, Leader(self.candidate, self.url), self.notices)
        self.access = Access(
            settings=settings,
            notices=self.notices,
            author=self.candidate,
            hosts=(settings.listen.host, socket.gethostname(), urlsplit(opened.url).hostname or ""),
            leading=Context(self).driver,
            policy=lambda: settings.declared() if self.policies is None else self.policies.policy,
        )
        self._listener = opened.listener
        self._endpoint = AgentsEndpoint(
            self.settled,
            heartbeat_seconds=settings.heartbeat_seconds,
            join_seconds=settings.join_seconds,
            failed=self.access.gate.failed,
        )
        self.api = Api(self, self._endpoint.handle)
        self._runner: web.AppRunner | None = None

    @classmethod
    async def open(cls, settings: Settings) -> Service:
        """Bind the address, open registry and store. Raises `CutpointError`; then nothing is left behind."""
        return cls(settings, await open_all(settings))

    async def run(self, leads: Callable[[], None] = lambda: None) -> None:
        """Answer and campaign until cancelled; ``leads`` is called whenever this coordinator has begun to lead.

        Raises `RegistryError` if the registry's records cannot be read by this version.
        """
        self._runner = web.AppRunner(
            self.api.application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            logger=server_log(),
        )
        await self._runner.setup()
        entrance = Entrance(self._runner, self._listener, self.settings.tls, self.notices)
        await entrance.open()
        certificates = asyncio.create_task(entrance.keep_up(), name="cutpoint certificate")
        follower = asyncio.create_task(self._following.run(), name="cutpoint follow")
        tokens = asyncio.create_task(
            self.access.keep_up(self.registry, lambda: self.driver is not None), name="cutpoint tokens"
        )
        try:
            while True:
                try:
                    await self._lead(leads)
                except (UnreadableLedger, UnreadablePolicy):
                    raise
                except RegistryError as error:
                    self.notices.add("registry unreachable", f"{error} Trying again.", level=logging.WARNING)
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            for task in (follower, tokens, certificates):
                task.cancel()
            await asyncio.wait((follower, tokens, certificates))

    async def close(self) -> None:
        """Resign, close every connection, let go of everything. Nothing is lost: the registry has it all."""
        self.api.close()
        self.access.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                await self._endpoint.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self._listener.close()
        with contextlib.suppress(RegistryError):
            await self.registry.close()

    def leading(self) -> Driver | str:
        """The driver, or why there is none."""
        if self.driver is not None and not self.driver.ended.done():
            return self.driver
        leader = self._following.other
        if leader is None:
            return "this coordinator does not lead yet; try again in a moment"
        return f"this coordinator does not lead; {leader.candidate} does, at {leader.address}"

    @property
    def audit(self) -> Audit:
        """Where what was done is noted."""
        return self.access.audit

    @property
    def leader_address(self) -> str:
        """Where the coordinator that leads is reached; empty if none is known, or if it is this one."""
        leader = self._following.other
        return "" if leader is None else leader.address

    def health(self) -> HealthAnswer:
        """Whether this coordinator leads, and who does."""
        state: HealthState = "waiting to lead"
        leader = self.leader_address
        if not isinstance(self.leading(), str):
            state, leader = "leading", self.url
        elif self._following.leader is not None and not leader:
            state = "loading"
        return HealthAnswer(state=state, coordinator=self.candidate, leader=leader, version=version("cutpoint"))

    async def wait_leading(self) -> Driver:
        """Wait until this coordinator leads."""
        await self._following.wait_until(lambda: not isinstance(self.leading(), str))
        driver = self.leading()
        assert not isinstance(driver, str)
        return driver

    async def settled(self, unreached: str) -> Driver | Elsewhere:
        """The driver, or whom to ask instead.

        Where nobody can be named who could be reached, because the leader has just gone or this coordinator is about to
        lead, that is waited for, but not for long. ``unreached``: the leader's address that was tried without success.
        """
        await self._following.wait_until(
            lambda: not isinstance(self.leading(), str) or self.leader_address not in ("", unreached),
            timeout_seconds=HOLD_SECONDS,
        )
        driver = self.leading()
        return Elsewhere(reason=driver, leader=self.leader_address) if isinstance(driver, str) else driver

    # --------------------------------------------------------------------------------------------------- inside

    async def _lead(self, leads: Callable[[], None]) -> None:
        """Campaign, lead until that ends, and clear everything away."""
        leadership = await self.registry.campaign(
            self.candidate, ttl_seconds=self.settings.lease_seconds, address=self.url
        )
        self._following.won()
        driver = self._driver_of(leadership)
        self.on_call.leads(driver)
        keeping, monitoring = self._keeping_of(driver), self._monitoring_of(driver)
        policies = Policies(
            driver=driver,
            collecting=keeping.collecting,
            notices=self.notices,
            settings=self.settings,
            candidate=self.candidate,
            began=self._began,
        )
        webhooks = self._webhooks_of(driver, policies) if self.settings.webhooks else None
        try:
            await policies.load()
            await driver.load()
            await self.access.lead(self.registry, driver.records)
            await policies.settle()
            self.driver, self.keeping, self.monitoring, self.policies = driver, keeping, monitoring, policies
            keeping.start()
            monitoring.start()
            if webhooks is not None:
                self.webhooks = webhooks
                webhooks.start()
            self._following.tell()
            self.notices.add("leading", f"{self.candidate} leads computation {self.settings.computation}")
            leads()
            reason = await asyncio.shield(driver.ended)
            self.notices.add("leadership ended", f"this coordinator leads no more: {reason}", level=logging.WARNING)
        finally:
            self.driver = self.keeping = self.monitoring = self.policies = self.webhooks = None
            self._following.over()
            driver.end("it ends")
            await asyncio.gather(
                self._resign(leadership),
                driver.close("it ends"),
                keeping.close(),
                monitoring.close(),
                *(() if webhooks is None else (webhooks.close(),)),
                self.access.follow(),
            )

    def _keeping_of(self, driver: Driver) -> Keeping:
        return Keeping(
            driver=driver,
            backend=self.backend,
            replica=self._replica,
            keys=self.keys,
            notices=self.notices,
            settings=self.settings,
            policy=self.retention,
            by=self.candidate,
        )

    def _monitoring_of(self, driver: Driver) -> Monitoring:
        return Monitoring(
            driver=driver,
            backend=self.backend,
            keys=self.keys,
            notices=self.notices,
            make_evaluator=self._make_evaluator,
        )

    def _webhooks_of(self, driver: Driver, policies: Policies) -> Webhooks:
        return Webhooks(
            driver=driver,
            policies=policies,
            notices=self.notices,
            computation=self.settings.computation,
            author=self.candidate,
            count=self.on_call.metrics.alert_sent,
        )

    def _driver_of(self, leadership: Leadership) -> Driver:
        core = Coordination(
            leader=f"{self.candidate}-{leadership.fence}",
            store=self.backend.url,
            policy=self.settings.declared().for_core(),
        )
        return Driver(
            core=core,
            registry=self.registry,
            leadership=leadership,
            backend=self.on_call.store(uncached(self.backend)),  # what is in a cache says nothing about the store
            settings=self.settings,
            notices=self.notices,
            keys=self.keys,
        )

    async def _resign(self, leadership: Leadership) -> None:
        """Let another coordinator lead at once, if the registry can be told in time."""
        with contextlib.suppress(RegistryError, TimeoutError):
            async with asyncio.timeout(RESIGN_SECONDS):
                await self.registry.resign(leadership)
