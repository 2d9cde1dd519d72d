from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cutpoint_simulations.trace import Crossings, Cut, Entry, Message, Trace, read_crossings
from tests.simulations.trace.traces import Bank, trace_of


def judged(trace: Trace) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Of each message: the numbers of the cuts in which it is in flight, and of those whose orphan it is."""
    crossings = read_crossings(trace)
    cuts = [cut.cut for cut in crossings.cuts]
    return {
        message.name: (tuple(cuts[each] for each in message.in_flight), tuple(cuts[each] for each in message.orphan))
        for message in crossings.messages
    }


def test_a_message_that_crosses_a_cut_forwards_is_in_flight_and_backwards_an_orphan() -> None:
    trace = trace_of(
        *("a send before b", "b receive before a", "a send flying b", "a record 1", "a send orphan b"),
        *("b receive orphan a", "b record 1", "b receive flying a", "a send after b", "b receive after a"),
        *("a publish 1",),
    )
    flight = Message(name="", sender="a", receiver="b", channel="a>b", number=0, sent=None, received=())
    assert read_crossings(trace) == Crossings(
        cuts=(Cut(cut=1, incarnation=1, state="published", reason="", records=(("a", 3), ("b", 6))),),
        messages=(
            _like(flight, name="before", number=1, sent=0, received=(1,)),
            _like(flight, name="flying", number=2, sent=2, received=(7,), in_flight=(0,)),
            _like(flight, name="orphan", number=3, sent=4, received=(5,), orphan=(0,)),
            _like(flight, name="after", number=4, sent=8, received=(9,)),
        ),
    )
    assert read_crossings(trace).first_orphan() == 5


def _like(message: Message, **changed: object) -> Message:
    return Message(**{name: getattr(message, name) for name in message.__struct_fields__} | changed)


def test_what_nobody_receives_is_in_flight_in_every_cut_after_it() -> None:
    trace = trace_of("a send m b", "a record 1", "b record 1", "b record 2", "a record 2")
    assert judged(trace) == {"m": ((1, 2), ())}


def test_markers_and_words_of_the_coordinator_cross_no_cut() -> None:
    trace = trace_of("a record 1", "a send marker! b", "b receive marker! a", "b record 1")
    assert judged(trace) == {"marker!": ((), ())}


def test_nothing_is_said_where_an_end_did_not_record() -> None:
    trace = trace_of("a send m b", "a record 1", "b receive m a", "a abandon 1 b was lost")
    assert judged(trace) == {"m": ((), ())}
    assert [(cut.state, cut.reason) for cut in read_crossings(trace).cuts] == [("abandoned", "b was lost")]


def test_a_cut_that_nobody_ended_is_open() -> None:
    assert [cut.state for cut in read_crossings(trace_of("a record 1")).cuts] == ["open"]


def test_records_of_two_incarnations_are_two_cuts() -> None:
    cuts = read_crossings(trace_of("a record 1 1", "b record 1 2")).cuts
    assert [(cut.cut, cut.incarnation, cut.records) for cut in cuts] == [(1, 1, (("a", 0),)), (1, 2, (("b", 1),))]


def test_what_a_restore_undid_never_happened() -> None:
    trace = trace_of(
        *("a record 1", "b record 1", "a send undone b", "a restore 1 2", "b restore 1 2"),
        *("a record 2 2", "b record 2 2"),
    )
    assert judged(trace) == {"undone": ((), ())}


def test_an_in_flight_message_that_is_delivered_again_after_a_restore_is_received_then() -> None:
    trace = trace_of(
        *("a send m b", "a record 1", "b record 1", "b receive m a", "a restore 1 2", "b restore 1 2"),
        *("a record 2 2", "b record 2 2", "b receive m a", "a record 3 2", "b record 3 2"),
    )
    assert judged(trace) == {"m": ((1, 2), ())}


def test_a_message_from_an_undone_past_that_arrives_all_the_same_is_an_orphan() -> None:
    trace = trace_of(
        *("a record 1", "b record 1", "a send m b", "a restore 1 2", "b restore 1 2", "b receive m a"),
        *("a record 2 2", "b record 2 2"),
    )
    assert judged(trace) == {"m": ((), (2,))}


def test_what_was_sent_before_the_trace_begins_is_no_orphan() -> None:
    trace = trace_of("a restore 7 2", "b restore 7 2", "b receive m a", "a record 8 2", "b record 8 2")
    assert judged(trace) == {"m": ((), ())}


def test_a_bank_that_records_before_it_receives_has_no_orphan_and_a_deaf_one_has() -> None:
    good = read_crossings(Bank(seed=3, services=4).run(300))
    assert good.first_orphan() is None
    assert any(message.in_flight for message in good.messages)
    assert read_crossings(Bank(seed=3, services=4, deaf=True).run(300)).first_orphan() is not None


PROCESSES = ("a", "b", "c")


@st.composite
def any_traces(draw: st.DrawFn) -> Trace:
    """Any order of sends, receives (never before the send, maybe twice), records and restores of three processes."""
    lines: list[str] = []
    sent: list[tuple[str, str, str]] = []
    for step in range(draw(st.integers(0, 24))):
        process = draw(st.sampled_from(PROCESSES))
        match draw(st.sampled_from(("send", "send", "receive", "receive", "record", "restore"))):
            case "send":
                peer = draw(st.sampled_from([each for each in PROCESSES if each != process]))
                sent.append((f"m{step}", process, peer))
                lines.append(f"{process} send m{step} {peer}")
            case "receive" if sent:
                name, sender, receiver = draw(st.sampled_from(sent))
                lines.append(f"{receiver} receive {name} {sender}")
            case "record":
                lines.append(f"{process} record {draw(st.integers(1, 3))}")
            case "restore":
                lines.append(f"{process} restore {draw(st.integers(1, 3))} 2")
    return trace_of(*lines, processes=PROCESSES)


def by_hand(trace: Trace) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """The definition, by keeping everybody's whole past as a list and copying it."""
    past: dict[str, list[Entry]] = {process: [] for process in trace.processes}
    recorded: dict[tuple[int, str], list[Entry]] = {}
    for entry in trace.entries:
        if entry.kind == "record":
            recorded.setdefault((entry.cut, entry.process), list(past[entry.process]))
        if entry.kind == "restore":
            past[entry.process] = list(recorded.get((entry.cut, entry.process), []))
        past[entry.process].append(entry)
    cuts = list(dict.fromkeys(cut for cut, _ in recorded))
    found: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for entry in trace.entries:
        if entry.kind == "send":
            flying, orphan = [], []
            for cut in cuts:
                if (cut, entry.process) in recorded and (cut, entry.peer) in recorded:
                    sent = entry in recorded[cut, entry.process]
                    received = any(
                        each.kind == "receive" and each.message == entry.message for each in recorded[cut, entry.peer]
                    )
                    flying += [cut] if sent and not received else []
                    orphan += [cut] if received and not sent else []
            found[entry.message] = tuple(flying), tuple(orphan)
    return found


@given(any_traces())
def test_the_classification_is_the_definition(trace: Trace) -> None:
    assert judged(trace) == by_hand(trace)
