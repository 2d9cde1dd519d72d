from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.consistency import certify
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.coordinator_effects import Effect
from cutpoint.protocol.ledger import AbandonedCut, Computation, RecoveryPoint, encode
from cutpoint.protocol.messages import Abandon, Begin, CutRefused, HeldUp, PartCaptured, PartStored, Published
from tests.protocol.coordination_rig import Rig, of_type, running
from tests.protocol.histories import Direction, digest, recounted, session

ONE, FIRST = CutNumber(1), Incarnation(1)
A, B = ProcessName("a"), ProcessName("b")
BEGIN = Begin(incarnation=FIRST, cut=ONE, base=CutNumber(0), members=(A, B), released=(), deadline_seconds=10.0)
PUBLISHED = Published(incarnation=FIRST, cut=ONE)


def opened(*names: str, policy: Policy | None = None) -> Rig:
    """Cut 1 was begun by request ``ask``, and nobody has answered yet."""
    rig = running(*(names or "ab"), policy=policy)
    rig.run(rig.request_cut())
    return rig


def point(**changes: object) -> RecoveryPoint:
    return msgspec.structs.replace(
        RecoveryPoint(
            cut=ONE,
            incarnation=FIRST,
            parent=CutNumber(0),
            members={A: digest(), B: digest()},
            left=(),
            in_flight=0,
            bytes=200,
            duration_seconds=4.0,
            stall_seconds=0.001,
        ),
        **changes,
    )


def ends(rig: Rig, reason: str) -> tuple[Effect, ...]:
    """What follows the registry's yes when cut 1 was called off before."""
    return (
        ask.Answer(request="ask", outcome=ask.CutAbandoned(cut=ONE, reason=reason)),
        ask.Notice(kind="cut abandoned", text=f"cut 1 was abandoned: {reason}", fields={"cut": 1}),
    )


def called_off(rig: Rig, reason: str, request: str, *, names: str = "ab") -> tuple[Effect, ...]:
    """What calls cut 1 off: everybody who is there is told at once, and the registry."""
    abandoned = Abandon(incarnation=FIRST, cut=ONE, reason=reason)
    computation = Computation(name="test", last_cut=ONE, request=request)
    record = AbandonedCut(cut=ONE, incarnation=FIRST, reason=reason, request=request)
    return (
        *(ask.Say(connection=rig.lines[name], message=abandoned) for name in names),
        ask.WriteLedger(request=request, puts=(("computation", encode(computation)), ("abandoned/1", encode(record)))),
    )


def last_write(rig: Rig) -> ask.WriteLedger:
    return rig.writes[-1]


def written(rig: Rig) -> was.LedgerWritten:
    """The registry says yes to the last write."""
    rig.commit(last_write(rig))
    return was.LedgerWritten(now=rig.now(), request=last_write(rig).request)


# ---------------------------------------------------------------------------------------------------- a whole cut


def test_a_cut_from_its_request_to_its_publication() -> None:
    rig = running("a", "b")
    numbered = Computation(name="test", last_cut=ONE, open_cut=ONE, request="leader1-4")
    assert rig.step(rig.request_cut()) == (
        ask.WriteLedger(request="leader1-4", puts=(("computation", encode(numbered)),)),
    )
    rig.time = 10.0
    assert rig.step(written(rig)) == (
        ask.Answer(request="ask", outcome=ask.CutOpened(cut=ONE)),
        ask.Say(connection=1, message=BEGIN),
        ask.Say(connection=2, message=BEGIN),
        ask.SetDeadline(cut=ONE, seconds=10.0),
        ask.Notice(kind="cut opened", text="cut 1 was begun", fields={"cut": 1, "members": 2}),
    )
    assert rig.step(rig.says("a", PartCaptured(cut=ONE))) == ()
    assert rig.step(rig.stored("a", 1)) == ()
    assert rig.step(rig.says("b", PartCaptured(cut=ONE))) == ()
    parts = (rig.summary("a", 1), rig.summary("b", 1))
    assert rig.step(rig.stored("b", 1)) == (ask.CheckParts(cut=ONE, parts=parts),)
    certificate = certify(computation="test", cut=ONE, incarnation=FIRST, members=(A, B), summaries=parts)
    assert not isinstance(certificate, tuple)
    opened_at = rig.core.statistics().cut
    assert opened_at is not None
    draft = point(duration_seconds=rig.time + 1.0 - opened_at.opened_at)
    assert rig.step(was.PartsChecked(now=rig.now(), cut=ONE, complaints=())) == (
        ask.WriteManifest(point=draft, certificate=certificate, parts=parts),
    )
    final = msgspec.structs.replace(
        draft, manifest=digest("c"), bytes=207, created="2026-01-01T00:00:00Z", request="leader1-5"
    )
    published = Computation(name="test", last_cut=ONE, base=ONE, request="leader1-5")
    assert rig.step(rig.manifest_written(1)) == (
        ask.WriteLedger(request="leader1-5", puts=(("computation", encode(published)), ("points/1", encode(final)))),
    )
    assert rig.step(written(rig)) == (
        ask.Say(connection=1, message=PUBLISHED),
        ask.Say(connection=2, message=PUBLISHED),
        ask.Answer(request="ask", outcome=ask.CutPublished(point=final)),
        ask.Notice(
            kind="cut published",
            text="cut 1 is a recovery point: 0 messages in flight, 207 bytes",
            fields={"cut": 1, "in_flight": 0, "duration_seconds": draft.duration_seconds},
        ),
    )
    assert len(rig.writes) == 2


@pytest.mark.parametrize("count", [1, 2, 40])
def test_a_cut_takes_two_transactions_however_many_processes_there_are(count: int) -> None:
    names = [f"p{index:02}" for index in range(count)]
    rig = running(*names)
    rig.publish(*names)
    rig.publish(*names)
    assert len(rig.writes) == 4


def test_recovery_points_form_a_lineage() -> None:
    rig = running("a", "b")
    assert [rig.publish("a", "b").parent, rig.publish("a", "b").parent] == [0, 1]
    assert rig.core.ledger.computation.base == 2


def test_requests_that_come_while_a_cut_is_open_share_the_next_one() -> None:
    rig = opened("a", "b")
    assert rig.run(rig.request_cut("second")) == rig.run(rig.request_cut("third")) == ()
    rig.run(rig.stored("a", 1))
    rig.run(rig.stored("b", 1))
    assert [type(outcome) for outcome in rig.answers["ask"]] == [ask.CutOpened, ask.CutPublished]
    assert rig.answers["second"] == rig.answers["third"] == [ask.CutOpened(cut=CutNumber(2))]


def test_no_more_requests_wait_than_the_policy_allows() -> None:
    rig = opened("a", policy=Policy(requests_max=1))
    rig.run(rig.request_cut("second"))
    rig.run(rig.request_cut("third"))
    assert rig.answers["third"] == [ask.Refusal(reason="too many requests wait for the next cut; ask again later")]


def test_the_interval_opens_a_cut_only_when_one_can_be_opened() -> None:
    rig = running()
    assert rig.run(was.IntervalElapsed(now=rig.now())) == ()
    rig.run(rig.arrives("a"))
    rig.forget()
    effects = rig.run(was.IntervalElapsed(now=rig.now()))
    assert of_type(effects, ask.Say)[0].message == msgspec.structs.replace(BEGIN, members=(A,))
    assert rig.run(was.IntervalElapsed(now=rig.now())) == ()


def test_a_cut_that_cannot_be_opened_is_refused_by_name() -> None:
    rig = running("a", "b")
    rig.run(rig.leaves_the_line("b"))
    assert rig.run(rig.request_cut()) == (
        ask.Answer(
            request="ask",
            outcome=ask.Refusal(
                reason="no cut was opened: b is not connected; start it again, "
                "or `cutpoint release b` if it will not come back"
            ),
        ),
    )
    assert rig.core.ledger.computation.last_cut == 0


def test_nobody_to_record_is_a_reason_too() -> None:
    rig = running()
    rig.run(rig.request_cut())
    (refusal,) = rig.answers["ask"]
    assert refusal == ask.Refusal(
        reason="no cut was opened: no process has joined yet; start one whose agent names this coordinator"
    )


# ------------------------------------------------------------------------------------------------ what counts as a part


def late_and_foreign(rig: Rig) -> list[was.AgentSaid]:
    return [
        rig.stored("a", 0),
        rig.stored("a", 2),
        rig.stored("a", 1, incarnation=Incarnation(2)),
        rig.stored("a", 1, life="another"),
        rig.stored("a", 1, process=B),
        rig.says("a", PartCaptured(cut=CutNumber(7))),
        rig.says("a", CutRefused(cut=CutNumber(7), reason="late")),
        rig.says("a", HeldUp(cut=CutNumber(7), by="late")),
    ]


def test_late_and_foreign_parts_are_counted_and_ignored() -> None:
    rig = opened("a")
    before = rig.core.statistics().ignored
    events = late_and_foreign(rig)
    for event in events:
        assert rig.run(event) == ()
    assert rig.core.statistics().ignored == before + len(events)
    assert rig.core.statistics().cut is not None


def test_a_part_of_a_stranger_is_ignored() -> None:
    rig = opened("a")
    rig.run(rig.arrives("z"))
    assert rig.run(rig.stored("z", 1)) == ()


def test_a_part_that_is_repeated_counts_once() -> None:
    rig = opened("a", "b")
    assert rig.run(rig.stored("a", 1)) == ()
    assert rig.run(rig.stored("a", 1)) == ()
    assert rig.run(rig.stored("b", 1)) != ()


def test_a_timer_of_another_cut_changes_nothing() -> None:
    rig = opened("a")
    assert rig.run(was.DeadlinePassed(now=rig.now(), cut=CutNumber(9))) == ()
    assert rig.run(was.PartsChecked(now=rig.now(), cut=CutNumber(9), complaints=())) == ()
    assert rig.run(rig.manifest_written(1)) == ()


# --------------------------------------------------------------------------------------------------------- abandoned


def test_a_refused_cut_is_abandoned_with_the_reason() -> None:
    rig = opened()
    reason = "a has the channel x to z, which is not a member of cut 1"
    assert rig.step(rig.says("a", CutRefused(cut=ONE, reason=reason))) == called_off(rig, reason, "leader1-5")
    assert rig.step(written(rig)) == ends(rig, reason)


def test_the_deadline_says_what_the_cut_was_waiting_for() -> None:
    rig = opened("a", "b", "c")
    rig.run(rig.says("a", PartCaptured(cut=ONE)))
    rig.run(rig.says("b", HeldUp(cut=ONE, by="handler pay() on b->c:x waits at till.py:31")))
    rig.run(was.DeadlinePassed(now=rig.now(), cut=ONE))
    assert rig.answers["ask"][-1] == ask.CutAbandoned(
        cut=ONE,
        reason="its deadline of 10 s passed; waiting for a: its part is being stored; "
        "b: handler pay() on b->c:x waits at till.py:31; no word from c",
    )


def test_a_process_lost_before_its_part_was_stored_ends_the_cut() -> None:
    rig = opened()
    reason = "lost b (its control connection closed) before it had stored its part"
    lost = ask.Notice(kind="process lost", text="the connection of b is gone", fields={"process": "b"})
    effects = rig.step(rig.leaves_the_line("b"))
    assert effects == (lost, *called_off(rig, reason, "leader1-5", names="a"))


def test_a_process_lost_after_its_part_was_stored_does_not_end_the_cut() -> None:
    rig = opened()
    rig.run(rig.stored("b", 1))
    rig.run(rig.leaves_the_line("b"))
    rig.run(rig.stored("a", 1))
    assert 1 in rig.core.ledger.points


def test_a_process_lost_before_the_number_is_durable_ends_the_cut_and_nobody_begins() -> None:
    rig = running("a", "b")
    rig.step(rig.request_cut())
    rig.step(rig.leaves_the_line("b"))
    effects = rig.run(written(rig))
    assert not rig.said_to("a", Begin)
    assert len(of_type(effects, ask.WriteLedger)) == 1
    assert rig.core.ledger.abandoned[ONE].reason.startswith("lost b")


def test_a_cut_that_is_not_consistent_is_abandoned_and_the_complaint_names_the_channel() -> None:
    rig = opened()
    there = Direction(sent=2, received=((1, 1),))
    one, other = session("a", "b", there=there, back=Direction())
    rig.run(rig.says("a", PartStored(summary=recounted(rig.summary("a", 1), one))))
    rig.run(rig.says("b", PartStored(summary=recounted(rig.summary("b", 1), other))))
    reason = "it is not consistent: a->b:x: lost: 2 of 2 sent by a are in no part"
    assert rig.core.ledger.abandoned[ONE].reason == reason
    assert rig.manifests == {}


def until_checking(rig: Rig) -> None:
    rig.step(rig.stored("a", 1))
    rig.step(rig.stored("b", 1))


def test_a_part_that_reads_back_otherwise_ends_the_cut() -> None:
    rig = opened()
    until_checking(rig)
    effects = rig.step(was.PartsChecked(now=rig.now(), cut=ONE, complaints=("b: its bytes are cut short",)))
    assert effects == called_off(rig, "a part is not what was written: b: its bytes are cut short", "leader1-5")


def test_a_deadline_while_parts_are_read_back_ends_the_cut() -> None:
    rig = opened()
    until_checking(rig)
    rig.step(was.DeadlinePassed(now=rig.now(), cut=ONE))
    assert rig.said_to("a", Abandon)[0].reason == ("its deadline of 10 s passed; waiting for the parts to be read back")


def until_writing(rig: Rig) -> None:
    until_checking(rig)
    rig.step(was.PartsChecked(now=rig.now(), cut=ONE, complaints=()))


@pytest.mark.parametrize(
    "disturb",
    [
        lambda rig: was.DeadlinePassed(now=rig.now(), cut=ONE),
        lambda rig: rig.says("a", CutRefused(cut=ONE, reason="late")),
        lambda rig: rig.request_recovery(0),
    ],
)
def test_nothing_stops_a_cut_whose_manifest_is_being_written(disturb: Callable[[Rig], was.Event]) -> None:
    rig = opened()
    until_writing(rig)
    assert rig.step(disturb(rig)) == ()
    rig.run(rig.manifest_written(1))
    assert rig.said_to("a", Published) == [PUBLISHED]


def test_a_manifest_that_failed_ends_the_cut_durably_before_anybody_hears_of_it() -> None:
    rig = opened()
    until_writing(rig)
    reason = "its manifest could not be written: the disk is full"
    before = called_off(rig, reason, "leader1-5")
    failed = was.ManifestFailed(now=rig.now(), cut=ONE, reason="the disk is full")
    assert rig.step(failed) == before[2:]
    assert rig.step(written(rig)) == (*before[:2], *ends(rig, reason))


def test_a_number_is_never_used_again_after_an_abandoned_cut() -> None:
    rig = opened()
    rig.run(rig.says("a", CutRefused(cut=ONE, reason="no")))
    rig.run(rig.request_cut("again"))
    assert rig.answers["again"] == [ask.CutOpened(cut=CutNumber(2))]


def test_the_next_cut_waits_until_the_end_of_the_one_before_is_durable() -> None:
    rig = opened()
    rig.step(rig.says("a", CutRefused(cut=ONE, reason="no")))
    assert rig.step(rig.request_cut("again")) == ()
    effects = rig.step(written(rig))
    assert len(of_type(effects, ask.WriteLedger)) == 1


# --------------------------------------------------------------------------------------------------------------- told


def test_statistics_say_what_a_cut_waits_for() -> None:
    rig = opened()
    rig.run(rig.stored("a", 1))
    status = rig.core.statistics()
    assert status.cut is not None
    assert (status.cut.phase, status.cut.waits_for) == ("gathering", ("no word from b",))
    assert [(m.process, m.connected, m.running, m.life) for m in status.members] == [
        ("a", True, True, "a-1"),
        ("b", True, True, "b-1"),
    ]
    assert (status.hindrance, status.hold, status.points) == ("", "", 0)


def test_a_policy_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="deadlines must be positive"):
        Policy(deadline_seconds=0)
    with pytest.raises(ValueError, match="requests_max"):
        Policy(requests_max=0)
