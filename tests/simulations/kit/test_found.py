"""What the kit has found in Cutpoint itself, each as the run that showed it."""

from __future__ import annotations

from cutpoint_simulations.faults import Fault
from cutpoint_simulations.kit import Cluster, Scenario, check
from tests.simulations.kit.shops import create_purse, create_till


def test_a_channel_that_is_dropped_as_it_opens_holds_up_no_cut() -> None:
    """A connection whose writing failed before its reading had begun was never over: every cut waited for it."""

    def declare(cluster: Cluster) -> None:
        urls = cluster.coordinator_urls
        cluster.service("till", lambda: create_till(coordinator=urls))
        # It has spent everything by the time of the kill, so after the recovery it opens the channel and is done.
        cluster.service("purse", lambda: create_purse(coordinator=urls, till=cluster.url("till"), start=50))

    plan = (Fault(kind="kill", target="till", at=1.5, seconds=0.3),)
    for seed in range(3):
        check(seed, Scenario(name="spent", declare=declare, seconds=2.0, shuffled=True), plan=plan)
