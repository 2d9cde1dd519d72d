"""What happens to one process: it is killed, told to stop, stopped for a while, or gone without a word."""

from __future__ import annotations

import random
from collections.abc import Callable

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults.fault import LEADER, End, Fault, Kind, Places, find_host, short_time
from cutpoint_simulations.loop import Host

PAUSE_MOST_SECONDS = 6.0
"""Long enough for a lease to run out meanwhile."""


def down(host: Host, kill: Callable[[], None]) -> End | None:
    """Let ``kill`` end the life of ``host``, which begins its next one when the fault ends."""
    if not host.alive:
        return None
    usual, host.restart_seconds = host.restart_seconds, None
    kill()
    host.restart_seconds = usual
    return host.start


def _kill(fault: Fault, cluster: Cluster) -> End | None:
    host = find_host(cluster, fault.target)
    return down(host, host.kill)


def _vanish(fault: Fault, cluster: Cluster) -> End | None:
    host = find_host(cluster, fault.target)
    return down(host, lambda: host.kill("it is gone without a word", power=True))


def _terminate(fault: Fault, cluster: Cluster) -> None:
    host = find_host(cluster, fault.target)
    if host.alive:
        host.terminate()


def _pause(fault: Fault, cluster: Cluster) -> End | None:
    host = find_host(cluster, fault.target)
    if not host.alive or host.paused:
        return None
    host.pause()
    life = host.life

    def end() -> None:
        if host.alive and host.life == life:
            host.resume()

    return end


def _drawn(
    kind: str, choose: Callable[[Places], tuple[str, ...]], *, long: bool = False
) -> Callable[[random.Random, Places], Fault]:
    def draw(chance: random.Random, places: Places) -> Fault:
        seconds = round(chance.uniform(0.5, PAUSE_MOST_SECONDS), 3) if long else short_time(chance)
        return Fault(kind=kind, at=0, target=chance.choice(choose(places)), seconds=seconds)

    return draw


def _services(places: Places) -> tuple[str, ...]:
    return places.services


def _coordinators(places: Places) -> tuple[str, ...]:
    return places.coordinators


def _hosts(places: Places) -> tuple[str, ...]:
    return places.hosts


KINDS = (
    Kind(
        name="kill",
        about="kill -9 of a service, which is started again",
        words="kill -9 of {target}, back after {seconds:g} s",
        draw=_drawn("kill", _services),
        begin=_kill,
        possible=lambda places: bool(places.services),
        share=3.0,
    ),
    Kind(
        name="kill-coordinator",
        about="kill -9 of a coordinator, which is started again",
        words="kill -9 of {target}, back after {seconds:g} s",
        draw=_drawn("kill-coordinator", _coordinators),
        begin=_kill,
        share=2.0,
    ),
    Kind(
        name="terminate",
        about="SIGTERM: a service or a coordinator ends in its own way, and is started again",
        words="SIGTERM for {target}",
        draw=lambda chance, places: Fault(kind="terminate", at=0, target=chance.choice(places.hosts)),
        begin=_terminate,
    ),
    Kind(
        name="vanish",
        about="a process is gone without a word to its peers, as with its machine, and comes back",
        words="{target} is gone without a word, back after {seconds:g} s",
        draw=_drawn("vanish", _hosts),
        begin=_vanish,
    ),
    Kind(
        name="pause",
        about="SIGSTOP: a process does nothing for a while and does not know it",
        words="{target} is stopped for {seconds:g} s",
        draw=_drawn("pause", _hosts),
        begin=_pause,
    ),
    Kind(
        name="pause-leader",
        about="the coordinator that leads is stopped, perhaps for longer than its lease lasts, and wakes up",
        words="the leading coordinator is stopped for {seconds:g} s",
        draw=_drawn("pause-leader", lambda places: (LEADER,), long=True),
        begin=_pause,
        possible=lambda places: len(places.coordinators) > 1,
        share=3.0,
    ),
)
