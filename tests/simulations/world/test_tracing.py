"""A run of a world as a trace: what applications did, what was recorded and published, and what failed."""

from __future__ import annotations

import pytest

from cutpoint_simulations.trace.model import Entry, trace_hash
from cutpoint_simulations.world.history import REST, History
from cutpoint_simulations.world.schedule import numbered
from cutpoint_simulations.world.tracing import traced
from cutpoint_simulations.world.world import HEADQUARTERS, Action
from tests.ablations import safeguards_out as out
from tests.simulations.world.histories import PAYMENT_IN_FLIGHT


def lines(*entries: Entry) -> list[tuple[str, str]]:
    return [(entry.kind, entry.process) for entry in entries]


def test_sends_receives_records_and_the_end_of_a_cut_are_entries_at_their_step() -> None:
    trace = traced(PAYMENT_IN_FLIGHT, title="a payment", seed=7, heals=False)
    assert (trace.title, trace.seed, trace.unit, trace.verdict) == ("a payment", 7, "steps", "")
    assert trace.processes == ("p", "q", HEADQUARTERS)
    told = [entry for entry in trace.entries if entry.kind not in ("start", "note")]
    assert lines(*told) == [("send", "p"), ("record", "q"), ("receive", "q")]
    send, record, receive = told
    assert (send.message, send.peer, send.channel, send.number, send.text) == ("m2:3", "q", "p~q:/pay", 1, "3")
    assert (receive.message, receive.peer, receive.channel, receive.number) == ("m2:3", "p", "p~q:/pay", 1)
    assert (record.cut, record.incarnation) == (1, 1)
    assert send.at < record.at < receive.at
    whole = traced(PAYMENT_IN_FLIGHT, title="a payment", seed=7)
    assert [(e.kind, e.cut) for e in whole.entries if e.kind == "publish"] == [("publish", 1), ("publish", 2)]
    assert trace_hash(whole) == trace_hash(traced(PAYMENT_IN_FLIGHT, title="a payment", seed=7))


def test_a_kill_is_a_fault_an_end_a_start_and_a_restore() -> None:
    history = History(names=("p",), actions=(REST, Action(HEADQUARTERS, "interval"), REST, Action("p", "kill"), REST))
    entries = traced(history, title="", heals=False).entries
    assert lines(*entries) == [
        ("start", "p"),
        ("start", HEADQUARTERS),
        ("note", "p"),
        ("note", HEADQUARTERS),
        ("record", "p"),
        ("publish", HEADQUARTERS),
        ("fault", "p"),
        ("end", "p"),
        ("start", "p"),
        ("restore", "p"),
    ]
    assert entries[2].text == "is admitted"
    assert entries[6].text == "p is killed"
    assert (entries[9].cut, entries[9].incarnation, entries[9].text) == (1, 2, "goes back to cut 1")


def test_an_abandoned_cut_and_a_coordinator_that_dies_are_entries() -> None:
    history = History(
        names=("p",),
        actions=(
            REST,
            Action(HEADQUARTERS, "interval"),
            Action(HEADQUARTERS, "do next"),
            Action(HEADQUARTERS, "deadline", number=1),
            Action(HEADQUARTERS, "do next"),
            Action(HEADQUARTERS, "kill"),
            REST,
        ),
    )
    entries = traced(history, title="", heals=False).entries
    assert lines(*entries[4:]) == [
        ("fault", HEADQUARTERS),
        ("abandon", HEADQUARTERS),
        ("fault", HEADQUARTERS),
        ("end", HEADQUARTERS),
        ("start", HEADQUARTERS),
    ]
    assert entries[5].text.startswith("its deadline of 10 s passed")


def test_the_verdict_of_a_run_that_fails_is_in_its_trace() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.begun_before_numbered(monkeypatch)
        trace = traced(History(names=("p",), actions=(REST,)), title="")
    assert trace.verdict == "invariant: a cut was begun that has no number"


@pytest.mark.parametrize("seed", range(12))
def test_every_receive_has_its_send_before_it(seed: int) -> None:
    schedule = numbered(seed, storm=True)
    schedule.run()
    trace = traced(schedule.history(), title=f"seed {seed}", seed=seed, heals=False)
    assert not trace.verdict
    sent: dict[str, Entry] = {}
    for entry in trace.entries:
        if entry.kind == "send":
            assert entry.message not in sent
            sent[entry.message] = entry
        elif entry.kind == "receive":
            assert sent[entry.message].peer == entry.process
            assert sent[entry.message].process == entry.peer
    assert sent
