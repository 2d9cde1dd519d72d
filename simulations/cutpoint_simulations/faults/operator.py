"""What an operator does at a bad moment: ask for a cut, a recovery, a collection; mark a recovery point."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from cutpoint.errors import CutpointError
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_simulations.cluster import Cluster
from cutpoint_simulations.faults.fault import Fault, Kind

_Question = Callable[[CoordinatorClient], Coroutine[Any, Any, Any]]


def _ask(question: _Question) -> Callable[[Fault, Cluster], None]:
    def begin(fault: Fault, cluster: Cluster) -> None:
        async def asking() -> None:
            for url in cluster.coordinator_urls:
                with contextlib.suppress(CutpointError):  # it may say no, or nothing
                    async with CoordinatorClient(url) as client:
                        await question(client)
                        return

        cluster.operator.spawn(asking())

    return begin


async def _go_back(client: CoordinatorClient) -> None:
    """To the oldest recovery point that there is."""
    points = (await client.points()).points
    if points:
        await client.recover(min(point.cut for point in points), wait=False)


async def _mark(client: CoordinatorClient) -> None:
    """Pin the last recovery point and label the one before; the older ones are let go of."""
    cuts = sorted((point.cut for point in (await client.points()).points), reverse=True)
    for cut, (event, label) in zip(cuts, _MARKS, strict=False):
        with contextlib.suppress(CutpointError):  # it goes already
            await client.mark(cut, event, label=label)


_MARKS = (("pin", ""), ("label", "keep-me"), ("unpin", ""), ("unlabel", "keep-me"), ("unpin", ""))

KINDS = (
    Kind(
        name="demand-cut",
        about="an operator asks for a cut",
        words="the operator asks for a cut",
        draw=lambda chance, places: Fault(kind="demand-cut", at=0),
        begin=_ask(lambda client: client.cut(wait=False)),
        share=0.5,
    ),
    Kind(
        name="demand-recovery",
        about="an operator asks for a recovery to the last recovery point",
        words="the operator asks for a recovery",
        draw=lambda chance, places: Fault(kind="demand-recovery", at=0),
        begin=_ask(lambda client: client.recover(wait=False)),
    ),
    Kind(
        name="demand-return",
        about="an operator asks for a recovery to the oldest recovery point",
        words="the operator asks for a recovery to the oldest recovery point",
        draw=lambda chance, places: Fault(kind="demand-return", at=0),
        begin=_ask(_go_back),
        share=0.5,
    ),
    Kind(
        name="mark-points",
        about="an operator pins and labels the last recovery points, and lets go of older ones",
        words="the operator pins and labels the last recovery points",
        draw=lambda chance, places: Fault(kind="mark-points", at=0),
        begin=_ask(_mark),
        share=0.5,
    ),
    Kind(
        name="demand-collection",
        about="an operator asks for a collection, if the coordinator was told what to keep",
        words="the operator asks for a collection",
        draw=lambda chance, places: Fault(kind="demand-collection", at=0),
        begin=_ask(lambda client: client.collect()),
        share=0.5,
    ),
)
