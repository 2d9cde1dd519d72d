"""What the registry does: it is away for everybody or for one coordinator, or its answers are lost."""

from __future__ import annotations

import random

from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults.fault import End, Fault, Kind, Places, short_time

EVERYBODY = ""


def _draw_outage(chance: random.Random, places: Places) -> Fault:
    target = chance.choice((EVERYBODY, *places.coordinators)) if len(places.coordinators) > 1 else EVERYBODY
    seconds = round(2 * short_time(chance), 3)
    return Fault(kind="registry-outage", at=0, target=target, seconds=seconds)


def _outage(fault: Fault, cluster: Cluster) -> End:
    _add(fault, cluster, 1)
    return lambda: _add(fault, cluster, -1)


def _add(fault: Fault, cluster: Cluster, outages: int) -> None:
    if fault.target == EVERYBODY:
        cluster.registry.away += outages
    else:
        cluster.registry.cut_off[fault.target] += outages


def _draw_lost_answers(chance: random.Random, places: Places) -> Fault:
    amount = chance.choice((0.2, 0.5, 1.0))
    return Fault(kind="lost-answers", at=0, seconds=short_time(chance), amount=amount)


def _lost_answers(fault: Fault, cluster: Cluster) -> End:
    cluster.registry.losing.append(fault.amount)
    return lambda: cluster.registry.losing.remove(fault.amount)


KINDS = (
    Kind(
        name="registry-outage",
        about="the registry does not answer, nobody or one coordinator",
        words="the registry does not answer for {seconds:g} s (whom: {target!r}; nobody named: everybody)",
        draw=_draw_outage,
        begin=_outage,
    ),
    Kind(
        name="lost-answers",
        about="the registry does what it is asked for, and its answer is lost",
        words="the registry's answers are lost, {amount:.0%} of them, for {seconds:g} s",
        draw=_draw_lost_answers,
        begin=_lost_answers,
    ),
)
