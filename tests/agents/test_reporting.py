"""A process tells how much it sends to a coordinator that has asked for it, and to no other."""

from __future__ import annotations

import asyncio

from cutpoint.names import CutNumber, Incarnation, Sequence
from cutpoint.protocol.messages import Data, ToCoordinator, Traffic
from cutpoint_agents.reporting import PERIOD_SECONDS_MIN, Reporting, Sent
from tests.agents.rig import until


def data(count: int) -> Data:
    return Data(incarnation=Incarnation(1), cut=CutNumber(0), first=Sequence(1), payloads=("x",) * count)


async def test_what_was_sent_is_told_once_with_what_lies_behind_the_last_recovery_point() -> None:
    told: list[ToCoordinator] = []
    connected = [False]
    sent = Sent()

    def tell(message: ToCoordinator) -> bool:
        if connected[0]:
            told.append(message)
        return connected[0]

    reporting = Reporting(sent, tell)
    sent.add([data(3), data(2)], 50)
    reporting.recorded(CutNumber(1))
    reporting.every(0.01)
    await asyncio.sleep(2 * PERIOD_SECONDS_MIN)
    assert told == [], "nobody was there to be told"
    connected[0] = True
    await until(lambda: len(told) == 1)
    assert told == [Traffic(messages=5, bytes=50, messages_since=5, bytes_since=50)]
    reporting.published(CutNumber(2))
    sent.add([data(1)], 7)
    await until(lambda: len(told) == 2)
    assert told[1] == Traffic(messages=6, bytes=57, messages_since=6, bytes_since=57), "that was another cut"
    reporting.published(CutNumber(1))
    await until(lambda: len(told) == 3)
    assert told[2] == Traffic(messages=6, bytes=57, messages_since=1, bytes_since=7)
    reporting.restored()
    await until(lambda: len(told) == 4)
    assert told[3] == Traffic(messages=6, bytes=57)
    reporting.every(0)
    sent.add([data(1)], 7)
    await asyncio.sleep(2 * PERIOD_SECONDS_MIN)
    assert len(told) == 4, "nobody has asked for it any more"
