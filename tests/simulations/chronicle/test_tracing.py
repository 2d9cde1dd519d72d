"""A run on the Loop, told as a trace."""

from __future__ import annotations

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.ledger import AbandonedCut
from cutpoint_simulations.chronicle import Chronicle, Tracing
from cutpoint_simulations.chronicle.observations import (
    SHORT,
    Adopted,
    Began,
    Named,
    Restored,
    RestoredSession,
    Sent,
    Taken,
    shortly,
)
from cutpoint_simulations.trace import Trace, trace_hash
from cutpoint_simulations.trace.cuts import read_crossings
from tests.simulations.chronicle.running import banks
from tests.simulations.oracles.story import CHANNEL, SESSION, aftermath, history, recorded, restored, sent, session


def traced(seed: int = 5) -> Trace:
    """Three banks, of which one is killed and comes back."""
    with banks(seed) as run:
        run.run(1.7)
        run.tracing.fault("prague", "kill -9")
        run.cluster.services["prague"].kill()
        run.run(3.0)
        return run.tracing.trace(verdict="all is well")


def tracing() -> Tracing:
    return Tracing(title="story", seed=0, clock=lambda: 9.0)


def test_the_trace_of_a_run_has_everything_that_happened_and_no_orphan() -> None:
    trace = traced()
    assert trace.processes == ("vienna", "prague", "trieste", "coordinator")
    assert (trace.unit, trace.verdict) == ("s", "all is well")
    kinds = {entry.kind for entry in trace.entries}
    assert kinds >= {"start", "end", "send", "receive", "record", "publish", "restore", "fault"}
    assert [entry.process for entry in trace.entries if entry.kind == "end"] == ["prague"]
    crossings = read_crossings(trace)
    published = [index for index, cut in enumerate(crossings.cuts) if cut.state == "published"]
    assert len(published) >= 3
    assert all(len(crossings.cuts[index].records) == 3 for index in published)
    assert [message for message in crossings.messages if set(message.orphan) & set(published)] == []
    assert [message.name for message in crossings.messages if message.sent is None] == []


def test_the_same_seed_gives_the_same_trace() -> None:
    assert trace_hash(traced()) == trace_hash(traced())
    assert trace_hash(traced()) != trace_hash(traced(6))


def test_a_message_is_called_the_same_at_both_ends() -> None:
    told = tracing()
    for observation in history():
        told.hear(observation)
    messages = [e for e in told.trace().entries if e.kind in ("send", "receive")]
    assert [(e.kind, e.process, e.peer, e.message, e.channel, e.number, e.text) for e in messages[3:5]] == [
        ("send", "till", "vault", f"{CHANNEL} 4", CHANNEL, 4, "4"),
        ("receive", "vault", "till", f"{CHANNEL} 1", CHANNEL, 1, "1"),
    ]


def test_messages_sent_before_the_session_had_its_name_are_named_and_numbered_afterwards() -> None:
    told = tracing()
    for observation in (
        Sent(0.0, "till", "new", 1, "five"),
        Adopted(0.1, "till", "new", "till's end", 4),
        Named(0.1, "till", "new", SESSION, "vault"),
        Sent(0.2, "till", "new", 6, "six"),
        Sent(0.3, "till", "other", 1, "lost"),
    ):
        told.hear(observation)
    entries = told.trace().entries
    assert [(e.message, e.number) for e in entries[:2]] == [(f"{CHANNEL} 5", 5), (f"{CHANNEL} 6", 6)]
    assert (entries[2].channel, entries[2].peer) == ("(unanswered)", "")


def test_a_number_that_is_sent_again_after_a_recovery_is_another_message() -> None:
    """What was in flight comes out of the cut again; what was sent after it did not happen."""
    told = tracing()
    again = [
        *restored("till"),
        *restored("vault"),
        Sent(2.0, "till", "till's end", 5, "five"),
        *(Taken(2.0, "vault", "vault's end", number, "") for number in (3, 4, 5)),
    ]
    for observation in [*history(), *aftermath(), *sent(5), *again]:
        told.hear(observation)
    names = [entry.message for entry in told.trace().entries if entry.at == 2.0]
    assert names == [f"{CHANNEL} 5 (2)", f"{CHANNEL} 3", f"{CHANNEL} 4", f"{CHANNEL} 5 (2)"]


def test_the_messages_of_a_session_that_joins_a_restored_one_are_recognised() -> None:
    """The vault had not welcomed the session inside the cut: for it everything is new."""
    record = session("till", payments=(1,))
    told = tracing()
    for observation in (
        *(Began(0.0, name, "life") for name in ("till", "vault")),
        Named(0.0, "till", "k", SESSION, "vault"),
        *sent(1),
        *recorded("till"),
        *recorded("vault"),
        Restored(1.0, "till", 1, 2, (RestoredSession("till's end", record),)),
        Restored(1.0, "vault", 1, 2, ()),
        Sent(2.0, "till", "new", 1, "two"),
        Named(2.0, "vault", "new", SESSION, "till"),
        Adopted(2.0, "till", "new", "till's end", 1),
        Named(2.0, "till", "new", SESSION, "vault"),
        Taken(2.0, "vault", "new", 1, "1"),
        Taken(2.0, "vault", "new", 2, "two"),
    ):
        told.hear(observation)
    messages = [entry for entry in told.trace().entries if entry.message]
    assert [entry.message for entry in messages] == [f"{CHANNEL} {number}" for number in (1, 2, 1, 2)]


def test_ends_of_cuts_faults_and_notes_are_told_where_they_belong() -> None:
    told = tracing()
    told.abandoned(AbandonedCut(cut=CutNumber(2), incarnation=Incarnation(1), reason="late"))
    told.fault("till", "kill -9")
    told.note("vault", "hears nothing")
    assert [(e.at, e.process, e.kind, e.cut, e.text) for e in told.trace().entries] == [
        (9.0, "coordinator", "abandon", 2, "late"),
        (9.0, "till", "fault", 0, "kill -9"),
        (9.0, "vault", "note", 0, "hears nothing"),
    ]


def test_what_is_told_of_a_payload_is_short() -> None:
    assert shortly("x" * 100) == "x" * (SHORT - 3) + "..."
    assert shortly(b"\x00a") == "b'\\x00a'"
    assert len(shortly(bytes(1000))) == SHORT
    assert Chronicle().processes == ()
