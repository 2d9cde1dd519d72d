"""The operator's rhythm in the coordinator's core: what it asks of its driver, and what the operator hears."""

from __future__ import annotations

import dataclasses

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.cadence import REPORT_SECONDS, Rhythm
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.messages import Abandon, Admit, Begin, CutRefused, PartCaptured, Traffic
from tests.protocol.coordination_rig import Rig, of_type, running

EVERY_MINUTE = Policy(rhythm=Rhythm(interval_seconds=60))


def timers(effects: tuple[ask.Effect, ...]) -> list[float]:
    return [effect.seconds for effect in of_type(effects, ask.SetTimer)]


def elapsed(rig: Rig, seconds: float = 0.0) -> tuple[ask.Effect, ...]:
    rig.time += seconds
    return rig.run(was.IntervalElapsed(now=rig.now()))


def refused(rig: Rig, name: str, cut: int) -> tuple[ask.Effect, ...]:
    (begin, *_) = [message for message in rig.said_to(name, Begin) if message.cut == cut]
    return rig.run(rig.says(name, CutRefused(cut=begin.cut, reason="a stranger")))


def test_the_timer_is_set_when_the_ledger_is_known_and_at_the_end_of_every_cut() -> None:
    rig = Rig(policy=EVERY_MINUTE)
    assert timers(rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))) == [60.0]
    rig.run(rig.arrives("a"))
    rig.time += 30
    rig.publish("a")
    story = [effect for effect in rig.story if isinstance(effect, ask.SetTimer)]
    assert story[-1].seconds == 60.0


def test_the_timer_opens_a_cut_and_one_that_is_early_does_not() -> None:
    rig = running("a", policy=EVERY_MINUTE)
    assert of_type(elapsed(rig, 10), ask.WriteLedger) == []
    assert rig.core.ledger.computation.last_cut == 0
    elapsed(rig, 60)
    assert rig.core.ledger.computation.open_cut == 1


def test_without_a_rhythm_no_timer_is_ever_set() -> None:
    rig = running("a", "b")
    rig.publish("a", "b")
    assert [effect for effect in rig.story if isinstance(effect, ask.SetTimer)] == []


def test_another_policy_holds_at_once() -> None:
    rig = running("a")
    assert timers(rig.run(was.PolicyChanged(now=rig.now(), policy=EVERY_MINUTE))) != []
    elapsed(rig, 60)
    begin = rig.said_to("a", Begin)[-1]
    assert begin.deadline_seconds == 10.0
    rig.run(was.PolicyChanged(now=rig.now(), policy=dataclasses.replace(EVERY_MINUTE, deadline_seconds=3)))
    rig.run(rig.stored("a", 1))
    rig.run(rig.request_cut())
    assert rig.said_to("a", Begin)[-1].deadline_seconds == 3


def test_an_open_cut_keeps_the_deadline_that_it_was_begun_with() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(was.PolicyChanged(now=rig.now(), policy=dataclasses.replace(EVERY_MINUTE, deadline_seconds=3)))
    rig.run(rig.says("a", PartCaptured(cut=CutNumber(1))))
    rig.run(was.DeadlinePassed(now=rig.now(), cut=CutNumber(1)))
    assert rig.core.ledger.abandoned[CutNumber(1)].reason.startswith("its deadline of 10 s passed;")
    rig.run(rig.request_cut("again"))
    assert rig.said_to("a", Begin)[-1].deadline_seconds == 3


def test_processes_are_asked_for_their_traffic_where_the_rhythm_depends_on_it() -> None:
    rig = running("a")
    assert [admit.report_seconds for admit in rig.said_to("a", Admit)] == []
    rig.run(was.PolicyChanged(now=rig.now(), policy=Policy(rhythm=Rhythm(after_messages=10))))
    assert [admit.report_seconds for admit in rig.said_to("a", Admit)] == [REPORT_SECONDS]
    rig.run(rig.arrives("b"))
    assert rig.said_to("b", Admit)[-1].report_seconds == REPORT_SECONDS
    rig.run(was.PolicyChanged(now=rig.now(), policy=EVERY_MINUTE))
    assert rig.said_to("a", Admit)[-1].report_seconds == 0.0


def test_what_was_sent_since_the_last_recovery_point_calls_for_a_cut() -> None:
    rig = running("a", "b", policy=Policy(rhythm=Rhythm(after_messages=10)))
    rig.run(rig.says("a", Traffic(messages=90, bytes=9, messages_since=6, bytes_since=1)))
    assert timers(rig.run(rig.says("b", Traffic(messages=3, bytes=9, messages_since=3, bytes_since=1)))) == []
    assert timers(rig.run(rig.says("b", Traffic(messages=4, bytes=9, messages_since=4, bytes_since=1)))) == [0.0]
    elapsed(rig)
    assert rig.core.ledger.computation.open_cut == 1


def test_everybody_is_asked_for_traffic_again_after_a_recovery() -> None:
    rig = running("a", policy=Policy(rhythm=Rhythm(after_messages=10)))
    rig.publish("a")
    rig.forget()
    rig.run(rig.request_recovery(1))
    rig.run(rig.ready("a"))
    assert [admit.report_seconds for admit in rig.said_to("a", Admit)] == [REPORT_SECONDS]


def test_more_failures_in_a_row_than_are_tolerated_are_told_once_and_so_is_their_end() -> None:
    rig = running("a", policy=Policy(tolerated_failures=1))
    told = []
    for cut in range(1, 5):
        rig.run(rig.request_cut(f"cut {cut}"))
        refused(rig, "a", cut)
        told.append([text for kind, text in rig.notices if kind == "cuts fail"])
        rig.notices.clear()
    text = "2 cuts in a row were abandoned, 1 are tolerated; see why cut 2 was"
    assert told == [[], [text], [], []]
    rig.run(rig.request_cut("at last"))
    rig.run(rig.stored("a", 5))
    assert ("cuts succeed", "cut 5 was published, after 4 had failed") in rig.notices
    rig.notices.clear()
    rig.publish("a")
    assert [kind for kind, _ in rig.notices if kind.startswith("cuts")] == []


def test_a_new_leader_counts_the_failures_that_the_ledger_knows() -> None:
    rig = running("a", policy=Policy(tolerated_failures=1))
    rig.run(rig.request_cut())
    refused(rig, "a", 1)
    rig.new_leader()
    rig.load()
    rig.run(rig.arrives("a", incarnation=1))
    rig.run(rig.request_cut())
    refused(rig, "a", 2)
    assert [kind for kind, _ in rig.notices if kind == "cuts fail"] == ["cuts fail"]
    assert isinstance(rig.heard[rig.lines["a"]][-1], Abandon)


def test_no_cut_is_opened_before_every_strict_process_has_joined() -> None:
    rig = running("a", policy=Policy(strict=(ProcessName("a"), ProcessName("b"))))
    rig.run(rig.request_cut())
    text = (
        "no cut was opened: b has not joined and is declared strict; start what is missing, or declare it joined "
        "in the policy"
    )
    assert rig.answers["ask"] == [ask.Refusal(reason=text)]
    rig.run(rig.arrives("b"))
    rig.run(rig.request_cut("again"))
    assert rig.answers["again"] == [ask.CutOpened(cut=rig.core.ledger.computation.open_cut)]
