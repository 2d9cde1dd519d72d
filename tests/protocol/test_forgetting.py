"""Recovery points are forgotten durably, one transaction each, and never one that is still needed."""

from __future__ import annotations

import pytest

from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Policy
from cutpoint.protocol.forgetting import CHANGES_MAX
from cutpoint.protocol.ledger import from_records, to_records
from cutpoint.protocol.messages import CutRefused, Prepare, Unfit
from tests.protocol.coordination_rig import Rig, of_type, running, with_new_leader


def forget(rig: Rig, *cuts: int, request: str = "drop") -> was.ForgetRequested:
    return was.ForgetRequested(now=rig.now(), request=request, cuts=tuple(map(CutNumber, cuts)))


def with_points(count: int, *names: str, policy: Policy | None = None) -> Rig:
    rig = running(*(names or ("a", "b")), policy=policy)
    for _ in range(count):
        rig.publish(*(names or ("a", "b")))
    rig.forget()
    return rig


def forgotten(*cuts: int, **kept: str) -> ask.Forgotten:
    return ask.Forgotten(
        cuts=tuple(map(CutNumber, cuts)), kept={CutNumber(int(cut[1:])): why for cut, why in kept.items()}
    )


def recover(rig: Rig, target: int | None, *names: str, request: str = "back") -> None:
    rig.run(rig.request_recovery(target, request))
    for name in names:
        rig.run(rig.ready(name))


# ------------------------------------------------------------------------------------------------------ being granted


def test_a_point_is_forgotten_in_one_transaction_and_answered_when_that_is_durable() -> None:
    rig = with_points(3)
    (write,) = rig.step(forget(rig, 1))
    assert isinstance(write, ask.WriteLedger)
    assert (write.deletes, [key for key, _ in write.puts]) == (("points/1",), ["points/2"])
    rig.commit(write)
    assert rig.step(was.LedgerWritten(now=rig.now(), request=write.request)) == (
        ask.Answer(request="drop", outcome=forgotten(1)),
    )
    assert sorted(rig.ledger().points) == [2, 3]


def test_a_number_that_was_forgotten_is_known_to_be_collected_without_a_record() -> None:
    rig = with_points(3)
    rig.run(forget(rig, 1))
    rig.run(rig.request_cut("half"))
    ledger = rig.core.ledger
    assert [cut for cut in range(6) if ledger.collected(CutNumber(cut))] == [1]


def test_what_was_forgotten_before_or_never_counted_is_forgotten_again_without_a_transaction() -> None:
    rig = with_points(3)
    rig.run(forget(rig, 1))
    rig.forget()
    assert rig.step(forget(rig, 1, request="again")) == (ask.Answer(request="again", outcome=forgotten(1)),)


def test_the_manifest_of_an_abandoned_cut_may_go() -> None:
    rig = with_points(1)
    rig.run(rig.request_cut("vain"))
    rig.run(rig.leaves_the_line("a"))
    assert rig.run(forget(rig, 2))[-1] == ask.Answer(request="drop", outcome=forgotten(2))


# ------------------------------------------------------------------------------------------------------ being refused


def test_the_last_published_and_what_the_computation_descends_from_stay() -> None:
    rig = with_points(3)
    recover(rig, 1, "a", "b")
    rig.run(forget(rig, 1, 2, 3, 9))
    why = {
        "_1": "what runs now descends from it",
        "_3": "it is the last published",
        "_9": "no cut 9 has begun: these are the recovery points of another registry",
    }
    assert rig.answers["drop"] == [forgotten(2, **why)]
    assert sorted(rig.ledger().points) == [1, 3]


def test_what_a_recovery_would_fall_back_to_stays() -> None:
    rig = with_points(3)
    rig.run(rig.request_recovery(3))
    rig.run(rig.says("a", Unfit(incarnation=rig.said_to("a", Prepare)[-1].incarnation, reason="torn")))
    for name in ("a", "b"):
        rig.run(rig.ready(name))
    assert rig.core.ledger.computation.base == 2
    rig.run(forget(rig, 2, request="two"))
    assert rig.answers["two"] == [forgotten(_2="what runs now descends from it")]


@pytest.mark.parametrize("first", ["recovery", "drop"])
def test_nothing_is_forgotten_while_a_recovery_is_under_way(first: str) -> None:
    rig = with_points(3)
    if first == "recovery":
        rig.run(rig.request_recovery(2))
        rig.run(forget(rig, 1))
    else:
        rig.run(rig.request_cut("half"))
        rig.run(forget(rig, 1))
        assert "drop" not in rig.answers
        rig.run(rig.request_recovery(2))
    assert rig.answers["drop"] == [forgotten(_1="a recovery is under way, and may need it")]
    assert sorted(rig.ledger().points) == [1, 2, 3]


def test_a_request_waits_for_the_end_of_the_open_cut() -> None:
    rig = with_points(2)
    rig.run(rig.request_cut("whole"))
    assert of_type(rig.step(forget(rig, 1)), ask.WriteLedger) == []
    for name in ("a", "b"):
        rig.run(rig.stored(name, 3))
    assert rig.answers["drop"] == [forgotten(1)]
    assert sorted(rig.ledger().points) == [2, 3]


def test_a_cut_that_is_wanted_goes_before_what_is_to_be_forgotten() -> None:
    rig = with_points(2)
    rig.step(rig.request_cut("first"))
    rig.step(forget(rig, 1))
    rig.commit(rig.writes[-1])
    assert rig.core.occupied
    rig.run(was.LedgerWritten(now=rig.now(), request=rig.writes[-1].request))
    assert rig.core.ledger.computation.open_cut == 3
    assert "drop" not in rig.answers


def test_too_many_requests_or_cuts_at_once_are_refused() -> None:
    rig = with_points(2, policy=Policy(requests_max=1))
    rig.run(rig.request_cut("half"))
    rig.run(forget(rig, 1, request="one"))
    rig.run(forget(rig, 1, request="two"))
    rig.run(forget(rig, *range(1, CHANGES_MAX + 2), request="many"))
    assert "one" not in rig.answers
    assert [type(rig.answers[name][0]) for name in ("two", "many")] == [ask.Refusal, ask.Refusal]


def test_one_transaction_never_changes_more_than_a_registry_takes() -> None:
    rig = with_points(1, "a")
    for _ in range(CHANGES_MAX):
        recover(rig, 1, "a")
        rig.publish("a")
    assert len(rig.core.ledger.points) == CHANGES_MAX + 1
    rig.forget()
    rig.run(forget(rig, 1))
    assert rig.answers["drop"] == [forgotten(_1="too many recovery points descend from it; they go first")]
    rig.run(forget(rig, 2, request="a child"))
    rig.run(forget(rig, 1, request="again"))
    assert rig.answers["again"] == [forgotten(1)]
    assert all(len(write.puts) + len(write.deletes) <= CHANGES_MAX for write in rig.writes)


# -------------------------------------------------------------------------------------------------- lineage afterwards


def test_a_recovery_still_falls_back_past_points_that_were_forgotten() -> None:
    rig = with_points(5)
    rig.run(forget(rig, 2, 4))
    rig.run(forget(rig, 3, request="three"))
    assert [(p.cut, p.parent, p.older) for p in rig.ledger().points.values()] == [(1, 0, 0), (5, 4, 1)]
    rig.run(rig.request_recovery(None))
    rig.run(rig.says("a", Unfit(incarnation=rig.said_to("a", Prepare)[-1].incarnation, reason="torn")))
    assert rig.said_to("a", Prepare)[-1].cut == 1


def test_a_branch_that_is_left_keeps_what_it_descends_from() -> None:
    rig = with_points(3)
    recover(rig, 1, "a", "b")
    rig.publish("a", "b")
    rig.run(forget(rig, 1))
    assert [(p.cut, p.parent, p.older) for p in rig.ledger().points.values()] == [(2, 1, 0), (3, 2, 2), (4, 1, 0)]


def test_a_recovery_to_a_forgotten_point_is_told_that_it_was_collected() -> None:
    rig = with_points(4)
    rig.run(forget(rig, 3))
    rig.run(rig.request_cut("vain"))
    rig.run(rig.says("a", CutRefused(cut=CutNumber(5), reason="not now")))
    rig.run(rig.request_recovery(3, "there"))
    rig.run(rig.request_recovery(5, "never"))
    assert rig.answers["there"] == [
        ask.Refusal(
            reason="recovery point 3 was collected: retention kept it no longer; nothing was changed; "
            "`cutpoint points` lists those that there are"
        )
    ]
    assert rig.answers["never"] == [
        ask.Refusal(reason="there is no recovery point 5; nothing was changed; `cutpoint points` lists them")
    ]


# ------------------------------------------------------------------------------------------------------- other leaders


@pytest.mark.parametrize("applied", [False, True])
def test_a_new_leader_sees_what_was_forgotten_and_finishes_what_was_not(applied: bool) -> None:
    rig = with_points(3)
    rig.step(forget(rig, 1))
    if applied:
        rig.commit(rig.writes[-1])
    with_new_leader(rig, "a", "b")
    assert sorted(rig.core.ledger.points) == ([2, 3] if applied else [1, 2, 3])
    rig.run(forget(rig, 1, request="again"))
    assert rig.answers["again"] == [forgotten(1)]
    assert rig.core.ledger == rig.ledger()
    assert rig.core.ledger.collected(CutNumber(1))


def test_a_request_that_came_before_the_ledger_waits_for_it() -> None:
    rig = with_points(2)
    rig.new_leader()
    assert rig.step(forget(rig, 1)) == ()
    rig.run(was.LedgerLoaded(now=rig.now(), ledger=rig.ledger()))
    assert rig.answers["drop"] == [forgotten(1)]


def test_records_of_points_without_an_ancestor_read_as_before() -> None:
    rig = with_points(2)
    records = to_records(rig.ledger())
    old = {
        key: value.replace(b',"ancestor":null', b"").replace(b',"fresh_bytes":0', b"") for key, value in records.items()
    }
    assert old != records
    assert from_records(old, computation="test") == rig.ledger()
