"""`ClusterMachine`: Hypothesis plays fate for services of your own, and shrinks what breaks them.

    class Wallets(ClusterMachine):
        def declare(self, cluster: Cluster) -> None:
            cluster.service("shop", lambda: create_shop(coordinator=cluster.coordinator_urls))
            cluster.invariant("money is kept", money_is_kept)

    TestWallets = Wallets.TestCase

Each example is a simulated cluster of its own. Its steps are virtual time that passes, faults, cuts that an operator
asks for, and whatever rules you add (`hypothesis.stateful.rule`); in them `cluster` is there, `visit` asks one of your
services over HTTP, and `strike` lets something go wrong. After every step all oracles and your invariants have been
heard; at the end everything heals, and a new recovery point has to come. A failure says what is wrong and with which
seed, tells the shortest history that Hypothesis found, names a page with its space-time diagram, and prints the history
as a test to keep.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, ClassVar, NoReturn, Self, TypeVar

import aiohttp
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cutpoint.errors import UsageError
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults import Fault, Places, find_kinds
from cutpoint_simulations.kit.failure import SimulationFailed, headline, last_look, say, story
from cutpoint_simulations.kit.looking import test_case_of
from cutpoint_simulations.kit.strategies import possible_kinds, seeds, single_faults
from cutpoint_simulations.refusal import NotSimulated
from cutpoint_simulations.runs import Scenario, Trial

T = TypeVar("T")

AFTER_A_FAULT_SECONDS = 0.3
"""How long nothing else is done to the cluster once something has begun to fail."""

VISIT_SECONDS = 5.0
"""How long a visitor waits for an answer, in virtual seconds."""


class ClusterMachine(RuleBasedStateMachine):
    """Override `declare`. ``kinds``: the faults that may happen, by name; None: all of `faults.KINDS`; ``()``: none.

    ``interval_seconds``: from one cut to the next. ``coordinators``: how many there are. How long is looked is said
    as with any of Hypothesis's machines: ``Wallets.TestCase.settings = settings(max_examples=500)``.
    """

    kinds: ClassVar[tuple[str, ...] | None] = None
    interval_seconds: ClassVar[float] = 0.25
    coordinators: ClassVar[int] = 1

    def __init__(self) -> None:
        super().__init__()
        self._trial: Trial | None = None
        self._struck = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.TestCase = test_case_of(cls)  # type: ignore[assignment]

    def declare(self, cluster: Cluster) -> None:
        """Declare your services and invariants."""
        raise UsageError(
            f"{type(self).__name__} declares no services; nothing was run; override declare(self, cluster)"
        )

    # ------------------------------------------------------------------------------------------- for rules of your own

    @property
    def trial(self) -> Trial:
        """The run under way. Raises `UsageError` before it has begun."""
        if self._trial is None:
            raise UsageError(
                f"the cluster of {type(self).__name__} has not begun yet; nothing was run; use @rule in the place of "
                "@initialize"
            )
        return self._trial

    @property
    def cluster(self) -> Cluster:
        """The cluster of this example. ``self.cluster.services["shop"].kill()`` is the end of a service's life."""
        return self.trial.cluster

    def complete(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine inside the simulation, as somebody outside of the cluster; raises what it raises."""
        answer: T = self.cluster.simulation.complete(coroutine, on=self.cluster.operator)
        return answer

    def visit(
        self,
        service: str,
        path: str,
        ask: Callable[[aiohttp.ClientResponse], Awaitable[T]],
        *,
        method: str = "GET",
        **request: Any,
    ) -> T | None:
        """Ask a service for ``path`` as somebody outside; what ``ask`` makes of the answer. None if none came.

        ``request`` is what `aiohttp.ClientSession.request` takes: ``json``, ``headers`` and so on.
        """

        async def asking() -> T | None:
            url, timeout = self.cluster.url(service) + path, aiohttp.ClientTimeout(total=VISIT_SECONDS)
            try:
                async with (
                    aiohttp.ClientSession(timeout=timeout) as http,
                    http.request(method, url, **request) as response,
                ):
                    return await ask(response)
            except (aiohttp.ClientError, TimeoutError):
                return None

        try:
            return None if self.trial.wrong else self.complete(asking())
        except NotSimulated:
            self.trial.let_pass(0.0)  # which notices that the run cannot go on
            return None

    def strike(self, kind: str, target: str = "", **more: Any) -> None:
        """Let a fault begin now: ``self.strike("kill", "shop", seconds=0.5)``. See `Fault` for what there is."""
        self.trial.strike(Fault(kind=kind, target=target, **more))

    # ----------------------------------------------------------------------------------------------------------- rules
    # Hypothesis takes a rule whose name comes first for a simpler one, and puts it in the place of another.

    @initialize(seed=seeds())
    def begins(self, seed: int) -> None:
        """A new cluster starts."""
        find_kinds(self.kinds or ())
        scenario = Scenario(
            name=type(self).__name__,
            declare=self.declare,
            kinds=self.kinds,
            interval_seconds=self.interval_seconds,
            coordinators=self.coordinators,
            keep="",
            replicated=False,
        )
        self._trial = Trial(seed, scenario, traced=last_look())
        self._trial.begin()

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        """Nothing is done to the cluster for a while."""
        self.trial.let_pass(seconds)

    @precondition(lambda self: bool(possible_kinds(self.places, self.kinds)))
    @rule(fault=st.runner().flatmap(lambda machine: single_faults(machine.places, kinds=machine.kinds)))
    def trouble_begins(self, fault: Fault) -> None:
        """A fault begins."""
        self.trial.strike(fault)
        self.trial.let_pass(AFTER_A_FAULT_SECONDS)
        self._struck = True

    @precondition(lambda self: self._struck)
    @rule()
    def trouble_ends(self) -> None:
        """Faults end, what is dead is started."""
        self.trial.heal()
        self._struck = False

    @property
    def places(self) -> Places:
        """Where faults can happen."""
        return Places.of(self.cluster)

    # --------------------------------------------------------------------------------------------------- what is wrong

    def check_invariants(self, *arguments: Any, **options: Any) -> None:
        """Hear the oracles after each step, and then the machine's own invariants."""
        __tracebackhide__ = True
        if self._trial is not None and self._trial.wrong:
            self._fail(self._trial)
        super().check_invariants(*arguments, **options)

    def teardown(self) -> None:
        """Heal, demand progress, judge the end, and let go of everything. After an error only the last."""
        __tracebackhide__ = True
        trial, self._trial = self._trial, None
        if trial is None:
            return
        error = sys.exc_info()[1]
        try:
            if error is None:
                trial.finish()
            if error is None or _is_the_rules_own(error):
                if trial.wrong:
                    self._fail(trial)
                if error is not None and last_look():
                    error.add_note("\n".join(["", *story(trial.trace(), title=self._title)]))
        finally:
            trial.close()

    def _fail(self, trial: Trial) -> NoReturn:
        __tracebackhide__ = True
        if not last_look():
            raise SimulationFailed(headline(trial.violations[0]))
        trace = trial.trace()
        raise SimulationFailed(say(trial.violations, trace, title=self._title), trace)

    @property
    def _title(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        self.teardown()


def _is_the_rules_own(error: BaseException) -> bool:
    """Whether a rule has failed by itself; Hypothesis ends examples with errors too, and people with Ctrl-C."""
    return isinstance(error, Exception) and not isinstance(error, HypothesisException | SimulationFailed)
