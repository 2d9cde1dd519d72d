"""What an operator does at a bad moment: ask for a cut, ask for a recovery."""

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
)
