"""What a restored process is given back: its clock, its chance, its timers, and the messages in flight."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from cutpoint_agents import Agent
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.oracles import contents
from cutpoint_simulations.replay.future import Question, see_closely
from cutpoint_simulations.replay.point import RecordedPoint, open_point
from tests.simulations.replay import services
from tests.simulations.replay.recordings import record

DRAWS = 30
LATE_SECONDS = 60.0
QUESTION = Question(app="test_given_back:gambler")


def gambler(cluster: Cluster) -> None:
    cluster.service("gambler", lambda: gambling(cluster.coordinator_urls))


def gambling(coordinator: list[str]) -> web.Application:
    """Draws numbers, writes down when, and has something to do a minute later."""
    agent = Agent("gambler", coordinator=coordinator)
    drawn = agent.table("drawn")
    rung = agent.table("rung")

    @agent.timer("late")
    def late() -> None:
        rung["at"] = agent.clock.time()

    @agent.task
    async def draw() -> None:
        if not drawn:
            late.set(seconds=LATE_SECONDS)
        while len(drawn) < DRAWS:
            await asyncio.sleep(0.05)
            drawn[len(drawn)] = (agent.random.random(), agent.clock.time())

    app = web.Application()
    app.cleanup_ctx.append(agent.context)
    return app


@pytest.fixture(scope="module")
def point(tmp_path_factory: pytest.TempPathFactory) -> RecordedPoint:
    store = record(gambler, tmp_path_factory.mktemp("gambler"), seconds=0.9)
    return open_point(str(store), 1)


def test_every_future_draws_the_recorded_numbers_and_the_clock_goes_on_from_the_recorded_moment(
    point: RecordedPoint,
) -> None:
    recorded = contents(point.parts[0])["drawn"]
    assert 0 < len(recorded) < DRAWS
    ends = [see_closely(point, gambler, QUESTION, seed).states["gambler"]["drawn"] for seed in (1, 2, 3)]
    for drawn in ends:
        assert [drawn[n] for n in range(len(recorded))] == [recorded[n] for n in range(len(recorded))]
        moments = [moment for _, moment in drawn.values()]
        assert moments == sorted(moments)
        assert 0 < moments[len(recorded)] - point.moment < 1.0
    numbers = [[number for number, _ in drawn.values()] for drawn in ends]
    assert numbers[0] == numbers[1] == numbers[2]


def test_a_timer_that_is_still_to_fire_is_waited_for(point: RecordedPoint) -> None:
    seen = see_closely(point, gambler, QUESTION, 1)
    assert seen.future.at_rest
    assert abs(seen.states["gambler"]["rung"]["at"] - point.moment - LATE_SECONDS) < 1.0


def test_a_recorded_message_in_flight_is_delivered_once(fair_store: Path) -> None:
    recorded = open_point(str(fair_store), None)
    assert recorded.in_flight > 0
    question = Question(app="services:fair_race")
    ends = [see_closely(recorded, services.fair_race, question, seed) for seed in (1, 2, 3)]
    assert [seen.future.complaint for seen in ends] == ["", "", ""]
    assert [seen.states["board"]["won"] for seen in ends] == 3 * [{"anna": services.LAPS, "boris": services.LAPS}]
