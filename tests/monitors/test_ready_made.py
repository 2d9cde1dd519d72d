from __future__ import annotations

from typing import Any

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint.monitors import (
    Complaint,
    InFlight,
    Limits,
    Monitor,
    Recorded,
    Wait,
    conservation,
    deadlock,
    monitor,
    termination,
)
from cutpoint.monitors.waits import parse_waits, written_waits
from cutpoint.state.built_in import TIMERS_STATE, WAITS_STATE

CHANNEL = "alice>bob:ask"
BACK = "bob>alice:ask"


def message(sender: str, receiver: str, channel: str, payload: str = "1") -> InFlight:
    return InFlight(sender=sender, receiver=receiver, channel=channel, payload=payload)


def waiting(*waits: Wait) -> dict[str, Any]:
    return {WAITS_STATE: written_waits(waits)}


def point(*in_flight: InFlight, **states: dict[str, Any]) -> Recorded:
    return Recorded(cut=7, states=states, in_flight=in_flight)


# --------------------------------------------------------------------------------------------------------- conservation

money = conservation("money", states=lambda states: states["held"], payload=int, total=10)


def test_what_is_under_way_counts() -> None:
    assert money(point(message("a", "b", "c", "3"), a={"held": 5}, b={"held": 2})) is None


def test_money_out_of_nothing_is_told_with_what_each_process_holds() -> None:
    complaint = money(point(message("a", "b", "c", "3"), a={"held": 5}, b={"held": 4}))
    assert complaint == "9 in the states of 2 processes and 3 in 1 messages under way are 12, not 10"
    assert isinstance(complaint, Complaint)
    assert complaint.details == {"found": 12, "total": 10, "in_flight": 3, "states": {"a": 5, "b": 4}}


def test_the_total_may_be_said_by_the_recovery_point_itself() -> None:
    minted = conservation(
        states=lambda states: states["held"], total=lambda p: sum(states["minted"] for states in p.states.values())
    )
    assert minted(point(a={"held": 5, "minted": 9}, b={"held": 4, "minted": 0})) is None
    assert minted(point(a={"held": 5, "minted": 9}, b={"held": 5, "minted": 0})) is not None


# ------------------------------------------------------------------------------------------------------------- deadlock

ALICE = Wait(process="bob", channel=CHANNEL, why="a lock")
BOB = Wait(process="alice", channel=BACK, seconds=3.0, where="order at bob.py:7")


def test_two_that_wait_for_each_other_with_nothing_under_way_are_a_deadlock() -> None:
    complaint = deadlock()(point(alice=waiting(ALICE), bob=waiting(BOB)))
    assert complaint == (
        "alice and bob wait for each other, and no message is under way between them: "
        f"alice waits for bob on {CHANNEL} for a lock; bob waits for alice on {BACK} in order at bob.py:7"
    )


@pytest.mark.parametrize(
    "under_way",
    [
        message("bob", "alice", CHANNEL),
        message("alice", "bob", CHANNEL),
        message("alice", "bob", BACK),
    ],
    ids=["the answer", "the question", "the other's answer"],
)
def test_a_message_that_could_free_one_of_them_is_no_deadlock(under_way: InFlight) -> None:
    assert deadlock()(point(under_way, alice=waiting(ALICE), bob=waiting(BOB))) is None


def test_a_message_on_another_channel_frees_nobody() -> None:
    assert deadlock()(point(message("bob", "alice", "bob>alice:news"), alice=waiting(ALICE), bob=waiting(BOB)))


def test_who_waits_for_one_that_is_free_is_no_deadlock() -> None:
    assert deadlock()(point(alice=waiting(ALICE), bob={})) is None
    assert deadlock()(point(alice=waiting(ALICE), bob=waiting(Wait(process="carol")), carol={})) is None


def test_a_process_that_can_go_on_elsewhere_may_still_answer() -> None:
    free = Wait(process="carol")
    assert deadlock()(point(alice=waiting(ALICE), bob=waiting(BOB, free), carol={})) is None


def test_the_task_that_owes_the_answer_decides_whatever_else_its_process_does() -> None:
    answering = Wait(process="alice", channel=BACK, turn_of=CHANNEL)
    free = Wait(process="carol")
    assert deadlock()(point(alice=waiting(ALICE, free), bob=waiting(answering, free), carol={})) is None
    locked = Wait(process="bob", channel=CHANNEL, turn_of=BACK)
    assert deadlock()(point(alice=waiting(locked, free), bob=waiting(answering, free), carol={}))


def test_what_waits_behind_a_lock_of_its_own_process_waits_for_the_one_that_has_it() -> None:
    behind_alice, behind_bob = Wait(process="", turn_of=BACK), Wait(process="", turn_of=CHANNEL)
    complaint = deadlock()(point(alice=waiting(ALICE, behind_alice), bob=waiting(BOB, behind_bob)))
    assert isinstance(complaint, Complaint)
    assert complaint.details["processes"] == ["alice", "bob"]


def test_a_circle_of_three_is_found_and_who_waits_behind_it_is_counted() -> None:
    a, b, c, d = (waiting(Wait(process=process)) for process in ("b", "c", "a", "a"))
    complaint = deadlock()(point(a=a, b=b, c=c, d=d))
    assert isinstance(complaint, Complaint)
    assert complaint.details["processes"] == ["a", "b", "c"]
    assert complaint.endswith("; 1 more waits never end either")


def test_short_waits_can_be_left_out() -> None:
    assert deadlock(seconds=2.0)(point(alice=waiting(ALICE), bob=waiting(BOB))) is None
    longer = Wait(process="bob", channel=CHANNEL, seconds=2.0)
    assert deadlock(seconds=2.0)(point(alice=waiting(longer), bob=waiting(BOB)))


def test_a_service_may_remember_in_its_tables_what_it_waits_for() -> None:
    asked = deadlock(waits=lambda _, states: [Wait(process=whom) for whom in states["asked"]])
    assert asked(point(a={"asked": ["b"]}, b={"asked": ["a"]}))
    assert asked(point(a={"asked": ["b"]}, b={"asked": []})) is None


@pytest.mark.parametrize("content", [{}, [[]], [["a", "", "", 1, "", ""]], ["a"]])
def test_waits_that_no_agent_records_are_refused(content: Any) -> None:
    with pytest.raises(ValueError, match="what is recorded of waits is none"):
        parse_waits(content)


# ---------------------------------------------------------------------------------------------------------- termination

ended = termination(passive=lambda _, states: not states["todo"])


def test_all_passive_and_nothing_under_way_is_the_end() -> None:
    complaint = ended(point(a={"todo": []}, b={"todo": []}))
    assert complaint == "all 2 processes are passive and no message is under way: the computation has terminated"


@pytest.mark.parametrize(
    "still",
    [
        point(message("a", "b", "c"), a={"todo": []}),
        point(a={"todo": [1]}),
        point(a={"todo": [], TIMERS_STATE: [["expire", b"", 3.0]]}),
        point(),
    ],
    ids=["a message", "work", "a timer", "nobody"],
)
def test_whatever_can_still_happen_is_not_the_end(still: Recorded) -> None:
    assert ended(still) is None


# --------------------------------------------------------------------------------------------------------- the monitors


def test_the_decorator_makes_a_monitor_that_is_called_like_the_function() -> None:
    @monitor("nobody-in-debt", period_seconds=5)
    def in_debt(point: Recorded) -> str | None:
        """Nobody owes us.

        Ever."""
        return "somebody does" if point.states["a"]["held"] < 0 else None

    assert (in_debt.name, in_debt.period_seconds, in_debt.description) == ("nobody-in-debt", 5, "Nobody owes us.")
    assert in_debt(point(a={"held": -1})) == "somebody does"


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "a/b", 7])
def test_a_name_that_can_be_no_label_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a monitor"):
        Monitor(name=name, check=lambda _: None)


def test_limits_that_nothing_could_keep_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="bytes of memory"):
        Limits(memory_bytes=1024)
    with pytest.raises(ConfigurationError, match="0 seconds"):
        Limits(seconds=0)
    with pytest.raises(ConfigurationError, match="period of -1"):
        Monitor(name="a", check=lambda _: None, period_seconds=-1)
