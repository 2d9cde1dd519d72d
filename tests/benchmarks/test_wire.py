"""What it costs to put messages on the wire: frames that carry many messages against one JSON text a message."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from time import perf_counter

from cutpoint.names import CutNumber, Incarnation, Sequence
from cutpoint.protocol.messages import Data
from cutpoint.wire import decode_frames, encode_frames
from tests.benchmarks.conftest import RecordRatio

MESSAGES = tuple("x" * 100 for _ in range(100))
REPETITIONS = 200
ROUNDS = 7


def framed() -> None:
    frame = Data(incarnation=Incarnation(1), cut=CutNumber(1), first=Sequence(1), payloads=MESSAGES)
    decode_frames(encode_frames([frame]), bytes_max=1 << 20)


def as_json() -> None:
    for number, message in enumerate(MESSAGES):
        json.loads(json.dumps({"number": number, "payload": message}))


def seconds(work: Callable[[], None]) -> float:
    began = perf_counter()
    for _ in range(REPETITIONS):
        work()
    return perf_counter() - began


def test_a_frame_of_100_messages_against_100_json_texts(record_ratio: RecordRatio) -> None:
    ratios = [seconds(as_json) / seconds(framed) for _ in range(ROUNDS)]
    record_ratio("wire: json texts / one frame, 100 messages", statistics.median(ratios), (min(ratios), max(ratios)))
