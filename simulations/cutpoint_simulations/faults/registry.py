"""What the registry does: it is away for everybody or for one coordinator; calls and answers are lost or late.

It may also end the lease of a leader that is well, as etcd may after its own leader was stopped.
"""

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


def _draw_dropped_calls(chance: random.Random, places: Places) -> Fault:
    amount = chance.choice((0.2, 0.5, 0.8))
    return Fault(kind="dropped-calls", at=0, seconds=short_time(chance), amount=amount)


def _dropped_calls(fault: Fault, cluster: Cluster) -> End:
    cluster.registry.dropping.append(fault.amount)
    return lambda: cluster.registry.dropping.remove(fault.amount)


def _draw_late_commits(chance: random.Random, places: Places) -> Fault:
    amount = round(10 ** chance.uniform(-2, 0.7), 3)
    return Fault(kind="late-commits", at=0, seconds=short_time(chance), amount=amount)


def _late_commits(fault: Fault, cluster: Cluster) -> End:
    cluster.registry.delaying.append(fault.amount)
    return lambda: cluster.registry.delaying.remove(fault.amount)


def _revoke_lease(fault: Fault, cluster: Cluster) -> None:
    cluster.registry.revoke()


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
    Kind(
        name="dropped-calls",
        about="calls to the registry are lost on their way, and nothing is done",
        words="calls to the registry are lost, {amount:.0%} of them, for {seconds:g} s",
        draw=_draw_dropped_calls,
        begin=_dropped_calls,
    ),
    Kind(
        name="late-commits",
        about="commits are applied after whoever asked has given them up, and perhaps asked again",
        words="commits are applied up to {amount:g} s after they were given up, for {seconds:g} s",
        draw=_draw_late_commits,
        begin=_late_commits,
    ),
    Kind(
        name="revoke-lease",
        about="the registry ends the lease of a leader that is well and does not know it",
        words="the leader's lease is revoked",
        draw=lambda chance, places: Fault(kind="revoke-lease", at=0),
        begin=_revoke_lease,
    ),
)
