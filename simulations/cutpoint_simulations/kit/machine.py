"""`ClusterMachine`: Hypothesis plays fate for services of your own, and shrinks what breaks them.

    class Wallets(ClusterMachine):
        def declare(self, cluster: Cluster) -> None:
            cluster.service("shop", lambda: create_shop(coordinator=cluster.coordinator_urls))
            cluster.invariant("money is kept", money_is_kept)

    TestWallets = Wallets.TestCase

Each example is a simulated cluster of its own. Its steps are virtual time that passes, faults, cuts that an operator
asks for, and whatever rules you add (`hypothesis.stateful.rule`); in them ``self.cluster`` is there, and `self.visit`
asks one of your services over HTTP. After every step all oracles and your invariants have been heard; at the end
everything heals, and a new recovery point has to come. A failure says the seed, tells the shortest history that
Hypothesis found, and names a page with its space-time diagram.
"""

from __future__ import annotations

import random
import time
import unittest
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

import aiohttp
import hypothesis
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cutpoint.errors import UsageError
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults import Places, draw
from cutpoint_simulations.kit.failure import SimulationFailed, fail
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.runs import Scenario, Trial

T = TypeVar("T")

SEEDS = st.integers(min_value=0, max_value=2**16)

TEST = hypothesis.settings(
    deadline=None,
    max_examples=50,
    stateful_step_count=12,
    phases=[phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain],
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large],
)
"""How long a machine looks, unless its ``TestCase.settings`` say otherwise."""

SHRINK_SECONDS = 20.0
"""How long a shorter history is looked for, once there is one that fails."""


class ClusterMachine(RuleBasedStateMachine):
    """Override `declare`. ``kinds``: the faults that may happen, by name; None: all of `cutpoint_simulations.faults`.

    ``interval_seconds``: from one cut to the next. ``coordinators``: how many there are.
    """

    kinds: ClassVar[tuple[str, ...] | None] = None
    interval_seconds: ClassVar[float] = 0.25
    coordinators: ClassVar[int] = 1
    _failing_since: ClassVar[float | None] = None

    def __init__(self) -> None:
        super().__init__()
        self._trial: Trial | None = None
        self._failed = False

    def declare(self, cluster: Cluster) -> None:
        """Declare your services and invariants."""
        raise UsageError(f"{type(self).__name__} declares no services; override declare(self, cluster)")

    @property
    def trial(self) -> Trial:
        """The run under way."""
        assert self._trial is not None, "the machine has begun"
        return self._trial

    @property
    def cluster(self) -> Cluster:
        """The cluster of this example."""
        return self.trial.cluster

    def visit(self, service: str, path: str, ask: Callable[[aiohttp.ClientResponse], Awaitable[T]]) -> T | None:
        """GET ``path`` of a service as somebody outside, and what ``ask`` makes of the answer; None if none came."""

        async def asking() -> T | None:
            timeout = aiohttp.ClientTimeout(total=5.0)
            try:
                async with (
                    aiohttp.ClientSession(timeout=timeout) as http,
                    http.get(self.cluster.url(service) + path) as response,
                ):
                    return await ask(response)
            except (aiohttp.ClientError, TimeoutError):
                return None

        answer: T | None = self.cluster.simulation.complete(asking(), on=self.cluster.operator)
        return answer

    # -------------------------------------------------------------------------------------------------------- rules

    @initialize(seed=SEEDS)
    def begins(self, seed: int) -> None:
        """A new cluster starts."""
        since = type(self)._failing_since
        if since is not None and time.monotonic() - since > SHRINK_SECONDS:
            hypothesis.assume(current_build_context().is_final)
        scenario = Scenario(
            name=type(self).__name__,
            declare=self.declare,
            interval_seconds=self.interval_seconds,
            coordinators=self.coordinators,
        )
        self._trial = Trial(seed, scenario, traced=True)
        self._trial.begin()

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        """Nothing is done to the cluster for a while."""
        self.trial.let_pass(seconds)

    @rule(number=SEEDS)
    def something_fails(self, number: int) -> None:
        """A fault, the one of this number."""
        places = Places.of(self.cluster)
        for fault in draw(random.Random(number), places, 1.0, kinds=self.kinds)[:1]:
            self.trial.strike(fault)
        self.trial.let_pass(0.1)

    @rule()
    def everything_heals(self) -> None:
        """Faults end, what is dead is started."""
        self.trial.heal()

    @invariant()
    def nothing_is_wrong(self) -> None:
        """What the oracles and your invariants have said so far."""
        if self._trial is not None and self._trial.violations:
            self._fail(self._trial)

    def teardown(self) -> None:
        """Heal, demand progress, judge the end, and let go of everything."""
        trial, self._trial = self._trial, None
        if trial is None:
            return
        try:
            if not self._failed:
                trial.finish()
                if trial.violations:
                    self._fail(trial)
        finally:
            trial.close()

    def _fail(self, trial: Trial) -> None:
        self._failed = True
        if type(self)._failing_since is None:
            type(self)._failing_since = time.monotonic()
        fail(trial)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.TestCase = _test_case_of(cls)  # type: ignore[assignment]


def _test_case_of(machine: type[ClusterMachine]) -> type[unittest.TestCase]:
    """Hypothesis's own test case, in a process that is substituted once for all examples."""
    given: Any = RuleBasedStateMachine.__dict__["TestCase"].__get__(None, machine)

    class TestCase(given):  # type: ignore[misc]
        settings = TEST

        def runTest(self) -> None:  # noqa: N802
            machine._failing_since = None
            with SUBSTITUTED:
                super().runTest()

    TestCase.__name__ = TestCase.__qualname__ = f"{machine.__name__}.TestCase"
    return TestCase


__all__ = ["TEST", "ClusterMachine", "SimulationFailed"]
