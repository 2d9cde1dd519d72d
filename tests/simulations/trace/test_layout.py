from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from cutpoint_simulations.trace import Entry, Trace
from cutpoint_simulations.trace.layout import GAP, LEAN, SILENCE_MAX, Arrow, CutLine, Jump, Life, lay_out
from tests.simulations.trace.traces import Bank, trace_of


@pytest.mark.parametrize("services", [2, 5, 11])
def test_places_tell_the_order_and_keep_entries_apart(services: int) -> None:
    trace = Bank(seed=services, services=services).run(200)
    layout = lay_out(trace)
    assert all(before < after for before, after in pairwise(layout.xs))
    for line in range(len(trace.processes)):
        xs = [x for x, on in zip(layout.xs, layout.lines, strict=True) if on == line]
        assert all(after - before >= GAP - 0.1 for before, after in pairwise(xs))
    for arrow in layout.arrows:
        if arrow.sent is not None and arrow.received is not None:
            assert layout.xs[arrow.received] - layout.xs[arrow.sent] >= LEAN - 0.1
    assert layout.width > layout.xs[-1]


def test_a_long_silence_takes_more_room_but_not_a_thousand_times_as_much() -> None:
    def note(at: float) -> Entry:
        return Entry(at=at, process="a", kind="note", text="x")

    entries = tuple(note(at) for at in (0.0, 0.001, 0.002, 0.003, 10.0))
    xs = lay_out(Trace(title="t", seed=0, unit="s", processes=("a",), entries=entries)).xs
    assert xs[2] - xs[1] == xs[3] - xs[2] == GAP
    assert GAP < xs[4] - xs[3] <= GAP + SILENCE_MAX


def test_every_look_of_an_arrow() -> None:
    trace = trace_of(
        *("a send flying b", "a record 1", "a send orphan b", "b receive orphan a", "a send marker! b"),
        *("b record 1", "b receive marker! a", "b receive flying a", "a send lost b", "b receive early a"),
        *("a publish 1",),
    )
    plain = Arrow(sender=0, receiver=1, sent=8, received=None, look="plain", channel="a>b")
    assert lay_out(trace).arrows == tuple(
        msgspec.structs.replace(plain, sent=sent, received=received, look=look)
        for sent, received, look in (
            (0, 7, "in-flight"),
            (2, 3, "orphan"),
            (4, 6, "control"),
            (8, None, "plain"),
            (None, 9, "plain"),
        )
    )


def test_what_an_abandoned_cut_held_in_flight_is_not_highlighted_and_its_orphan_is() -> None:
    trace = trace_of(
        *("a send flying b", "a record 1", "a send orphan b", "b receive orphan a", "b record 1"),
        *("b receive flying a", "a abandon 1 an orphan"),
    )
    assert [arrow.look for arrow in lay_out(trace).arrows] == ["plain", "orphan"]


def test_a_message_that_is_delivered_twice_has_two_arrows() -> None:
    arrows = lay_out(trace_of("a send m b", "b receive m a", "b receive m a")).arrows
    assert [(arrow.sent, arrow.received) for arrow in arrows] == [(0, 1), (0, 2)]


def test_a_message_that_comes_out_of_a_cut_again_does_not_come_from_its_sender() -> None:
    trace = trace_of(
        *("a send m b", "a record 1", "b record 1", "b receive m a", "a restore 1 2", "b restore 1 2"),
        *(
            "b receive m a",
            "b receive m a",
            "a record 2",
            "b record 2",
            "a restore 2 3",
            "b restore 2 3",
            "b receive m a",
        ),
    )
    assert [(arrow.sent, arrow.received, arrow.again) for arrow in lay_out(trace).arrows] == [
        (0, 3, False),
        (0, 6, True),
        (0, 7, True),
        (0, 12, False),
    ]
    assert lay_out(trace).count("in-flight") == 1


def test_a_message_to_somebody_without_a_line_has_no_arrow() -> None:
    assert lay_out(trace_of("a send m elsewhere")).arrows == ()


def test_cuts_are_lines_through_the_records_from_top_to_bottom() -> None:
    trace = trace_of(
        "b record 1", "a record 1", "a publish 1", "a record 2", "b record 2", "a abandon 2 late", "a record 3"
    )
    line = CutLine(cut=1, incarnation=1, state="published", label="cut 1", reason="", records=(1, 0))
    assert lay_out(trace).cuts == (
        line,
        msgspec.structs.replace(
            line, cut=2, state="abandoned", label="cut 2, abandoned", reason="late", records=(3, 4)
        ),
        msgspec.structs.replace(line, cut=3, state="open", label="cut 3, open", records=(6,)),
    )


def test_a_line_is_drawn_where_the_process_lives() -> None:
    trace = trace_of("a note x", "a end", "a fault y", "a start", "a start", "b start", "b end", "b end")
    assert lay_out(trace).lives == (
        Life(line=0, started=None, ended=1),
        Life(line=0, started=3, ended=None),
        Life(line=1, started=5, ended=6),
    )


def test_who_is_never_mentioned_lived_all_along() -> None:
    assert lay_out(trace_of()).lives == (
        Life(line=0, started=None, ended=None),
        Life(line=1, started=None, ended=None),
    )


def test_a_restore_jumps_back_to_what_it_restored_if_the_trace_has_it() -> None:
    trace = trace_of("a restore 4 2", "a record 5 2", "a note x", "a restore 5 3")
    assert lay_out(trace).jumps == (
        Jump(line=0, restored=0, recorded=None, cut=4),
        Jump(line=0, restored=3, recorded=1, cut=5),
    )


def test_the_violation_is_the_first_orphans_arrival_else_the_end_of_a_run_with_a_complaint() -> None:
    orphaned = ("a record 1", "a send m b", "b receive m a", "b record 1", "a note x")
    assert lay_out(trace_of(*orphaned, verdict="an orphan")).violation == 2
    assert lay_out(trace_of("a note x", "a note y", verdict="290, not 300")).violation == 1
    assert lay_out(trace_of("a note x")).violation is None
    assert lay_out(trace_of(verdict="nothing happened")).violation is None
