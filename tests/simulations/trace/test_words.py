from __future__ import annotations

from cutpoint_simulations.trace import Entry, Trace, tell
from tests.simulations.trace.traces import trace_of

TRACE = trace_of(
    *("a start", "a send flying b", "a record 1", "a send orphan b", "b receive orphan a", "a send word! b"),
    *("b record 1", "b receive flying a", "a publish 1", "b fault kill  -9", "b end killed", "b start"),
    *("b restore 1 2", "a abandon 2 b was\nlost", "a note resting", "a send lost b"),
    processes=("a", "b"),
    verdict="b knows what\nnobody said",
)

TOLD = """\
small, seed 1
b knows what nobody said
 1   step 0  a  starts
 2   step 1  a  sends to b: flying (a>b #1), in flight in cut 1
 3   step 2  a  records its state for cut 1 in incarnation 1
 4   step 3  a  sends to b: orphan (a>b #2), ORPHAN of cut 1
 5   step 4  b  receives from a: orphan (a>b #2), ORPHAN of cut 1
 6   step 5  a  sends to b: word! (a>b), never received
 7   step 6  b  records its state for cut 1 in incarnation 1
 8   step 7  b  receives from a: flying (a>b #1), in flight in cut 1
 9   step 8  a  publishes cut 1
10   step 9  b  fault: kill -9
11  step 10  b  ends: killed
12  step 11  b  starts
13  step 12  b  goes back to cut 1, and lives in incarnation 2
14  step 13  a  abandons cut 2: b was lost
15  step 14  a  resting
16  step 15  a  sends to b: lost (a>b #3), never received
"""


def test_every_kind_of_entry_is_told_in_one_line() -> None:
    assert tell(TRACE) == TOLD


def test_the_last_entries_are_told_as_in_the_whole() -> None:
    assert tell(TRACE, 2).splitlines() == [
        *TOLD.splitlines()[:2],
        "(14 earlier entries are left out)",
        *TOLD.splitlines()[-2:],
    ]
    assert tell(TRACE, 100) == TOLD


def test_times_are_told_in_the_units_of_the_trace_and_a_payload_before_a_name() -> None:
    entry = Entry(at=0.25, process="stock", kind="send", message="s>o#1", peer="orders", text="9 left")
    trace = Trace(title="shop", seed=4, unit="s", processes=("orders", "stock"), entries=(entry,))
    assert tell(trace).splitlines() == [
        "shop, seed 4",
        "no complaint",
        "1  0.250 s  stock   sends to orders: 9 left, never received",
    ]


def test_an_empty_trace_is_told() -> None:
    assert tell(trace_of()) == "small, seed 1\nno complaint\n"


def test_the_cuts_that_a_message_crossed_are_told_together() -> None:
    records = [f"{process} record {cut}" for cut in range(1, 7) for process in ("a", "b")]
    said = [tell(trace_of("a send m b", *records[: 2 * cuts])).splitlines()[2] for cuts in (1, 2, 6)]
    assert [line.split("#1), ")[1] for line in said] == [
        "in flight in cut 1, never received",
        "in flight in cuts 1, 2, never received",
        "in flight in cuts 1, 2, 3, 4 and 2 more, never received",
    ]
