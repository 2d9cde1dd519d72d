"""Lives of a host: killed, started again, and nothing of one life in the next."""

from __future__ import annotations

from cutpoint_simulations.loop import Simulation


def test_a_host_that_is_killed_and_started_at_the_same_moment_lives() -> None:
    lives = []

    with Simulation(1) as simulation:

        async def main() -> None:
            lives.append(host.life)

        host = simulation.host("one", main)
        host.start()  # its first turn is planned, and never comes
        host.kill()
        host.start()
        simulation.run(until=1.0)
    assert lives == [2]
