"""Webhooks in a simulated computation: what a killed leader had not delivered arrives, in the same order each time."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from cutpoint.webhooks import Alert, read_alert
from cutpoint_simulations.bank import computation
from cutpoint_simulations.cluster import Cluster, settings
from cutpoint_simulations.loop import Simulation

SECRET = "a-secret-of-some-length"
HABITS = computation.Habits(window_messages=16)


class Pager:
    """A receiver that verifies what comes, and takes nothing while it is ``shut``."""

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.refused = 0
        self.shut = False

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/alerts", self._take)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        alert = read_alert(await request.read(), request.headers, SECRET)
        if self.shut:
            self.refused += 1
            return web.Response(status=503)
        self.taken.append(alert)
        return web.Response(status=204)


def leader(cluster: Cluster) -> str:
    topology: Any = cluster.ask(lambda client: client.topology())
    return str(topology.address).removeprefix("http://").partition(":")[0]


def told(seed: int) -> tuple[str, str, list[Alert], str]:
    """A run in which the leader is killed while the receiver takes nothing: both leaders, what arrived, the digest."""
    with Simulation(seed=seed) as simulation:
        cluster = Cluster(simulation, coordinator=settings(webhooks=True), coordinators=2)
        computation.declare(cluster, HABITS)
        pager = Pager()
        cluster.service("pager", pager.app)
        cluster.start()
        simulation.run(until=3.0)
        url = f"{cluster.url('pager')}/alerts"
        cluster.ask(lambda client: client.put_webhook("pager", url, secret=SECRET))
        simulation.run(until=4.0)
        assert pager.taken == [], "nothing has happened that somebody should know"
        pager.shut = True
        cluster.ask(lambda client: client.recover())
        before = leader(cluster)
        while not pager.refused:
            simulation.run(until=simulation.agenda.now + 0.5)
        cluster.coordinators[before].kill()
        pager.shut = False
        simulation.run(until=simulation.agenda.now + 20.0)
        return before, leader(cluster), pager.taken, simulation.digest


@pytest.mark.parametrize("seed", range(4))
def test_what_a_killed_leader_had_not_delivered_the_next_one_does(seed: int) -> None:
    before, after, taken, _ = told(seed)
    assert before != after
    alerts = list({alert.id: alert for alert in taken}.values())
    kinds = [alert.kind for alert in alerts]
    assert kinds[:2] == ["recovery started", "recovery done"]
    assert "leading" in kinds
    assert f"{after}-" in alerts[kinds.index("leading")].what


def test_the_same_seed_delivers_the_same() -> None:
    assert told(7) == told(7)
