"""Timelines: what a restore cuts back, and how one session is recognised under many keys and names."""

from __future__ import annotations

from cutpoint_simulations.chronicle import Chronicle, Observation
from cutpoint_simulations.chronicle.observations import Adopted, Began, Named, Over, Restored, RestoredSession, Sent
from tests.simulations.oracles.story import (
    KEY,
    SESSION,
    aftermath,
    began,
    history,
    recorded,
    sent,
    session,
    taken,
    till,
    vault,
)


def the(chronicle: Chronicle, process: str) -> tuple[list[object], list[int]]:
    """What the one session of a process has sent, and the numbers that it took."""
    (line,) = chronicle.standing(process).values()
    return list(line.sent), [number for number, _ in line.taken]


def back(process: str, *, cut: int = 1, incarnation: int = 2, key: str = "") -> Restored:
    """``process`` goes back to a cut in which it has the session of the story."""
    (record,) = (till() if process == "till" else vault()).sessions
    return Restored(1.0, process, cut, incarnation, (RestoredSession(key or f"{process}'s end", record),))


def test_a_timeline_holds_what_was_sent_and_taken_in_order() -> None:
    chronicle = Chronicle([*history(), *aftermath()])
    assert the(chronicle, "till") == (["1", "2", "3", "4"], [])
    assert the(chronicle, "vault") == ([], [1, 2, 3, 4])
    (line,) = chronicle.standing("vault").values()
    assert (line.session, line.peer, line.sent_count, line.took(), line.received()) == (
        SESSION,
        "till",
        0,
        4,
        ((1, 4),),
    )


def test_a_record_keeps_what_was_true_then() -> None:
    chronicle = Chronicle([*history(), *aftermath(), *sent(5)])
    (own,) = (chronicle.at_record("till", 1) or {}).values()
    (other,) = (chronicle.at_record("vault", 1) or {}).values()
    assert (own.sent_count, other.took()) == (4, 2)
    assert own.under_way_to(other) == [3, 4]
    assert own.under_way_to(None) == [1, 2, 3, 4]
    assert chronicle.at_record("vault", 2) is None


def test_a_restore_cuts_the_timeline_back_to_the_record() -> None:
    chronicle = Chronicle([*history(), *aftermath(), *sent(5, 6), back("till"), back("vault")])
    assert the(chronicle, "till") == (["1", "2", "3", "4"], [])
    assert the(chronicle, "vault") == ([], [1, 2])
    assert [chronicle.timelines[name].incarnation for name in chronicle.processes] == [2, 2]
    (line,) = chronicle.standing("till").values()
    assert line.dormant


def test_later_lives_go_on_from_there_and_the_past_stays_where_it_was() -> None:
    chronicle = Chronicle([*history(), back("till"), Sent(2.0, "till", "till's end", 5, "five"), *recorded("till", 2)])
    assert the(chronicle, "till") == (["1", "2", "3", "4", "five"], [])
    chronicle.hear(back("till", incarnation=3))
    assert the(chronicle, "till") == (["1", "2", "3", "4"], [])
    chronicle.hear(back("till", cut=2, incarnation=4))
    assert the(chronicle, "till") == (["1", "2", "3", "4", "five"], [])


def test_a_restore_of_the_beginning_leaves_nothing() -> None:
    chronicle = Chronicle([*history(), Restored(1.0, "till", 0, 2, ())])
    assert chronicle.standing("till") == {}
    assert chronicle.strays == []


def test_a_new_life_remembers_nothing_until_it_is_restored() -> None:
    chronicle = Chronicle([*history(), *aftermath(), Began(1.0, "vault", "second life")])
    assert chronicle.standing("vault") == {}
    line = chronicle.ever("vault", KEY)
    assert line is not None
    assert line.took() == 4
    chronicle.hear(back("vault"))
    assert the(chronicle, "vault") == ([], [1, 2])
    assert chronicle.timelines["vault"].life == "second life"


def test_a_session_opened_anew_after_a_restore_is_the_one_that_was_restored() -> None:
    """The application sends before the answer tells that there is a past: its messages are numbered on."""
    opened: list[Observation] = [
        Sent(2.0, "till", "new", 1, "five"),
        Adopted(2.0, "till", "new", "till's end", 4),
        Named(2.0, "till", "new", SESSION, "vault"),
        Sent(2.0, "till", "new", 6, "six"),
        Adopted(2.0, "vault", "new", "vault's end", 0),
        Named(2.0, "vault", "new", SESSION, "till"),
    ]
    chronicle = Chronicle([*history(), back("till"), back("vault"), *opened])
    assert the(chronicle, "till") == (["1", "2", "3", "4", "five", "six"], [])
    assert list(chronicle.standing("till")) == list(chronicle.standing("vault"))
    (line,) = chronicle.standing("till").values()
    assert not line.dormant


def test_an_end_that_had_not_heard_of_the_session_inside_the_cut_joins_it_afterwards() -> None:
    """The till recorded a session that the vault had not welcomed; after the restore the vault sees a new one."""
    record = session("till", payments=(1,))
    unheard: list[Observation] = [
        Restored(1.0, "till", 1, 2, (RestoredSession("till's end", record),)),
        Restored(1.0, "vault", 1, 2, ()),
        Named(2.0, "vault", "new", SESSION, "till"),
        Adopted(2.0, "till", "new", "till's end", 1),
        Named(2.0, "till", "new", SESSION, "vault"),
    ]
    opening = [Began(0.0, "till", "a"), Began(0.0, "vault", "b"), Named(0.0, "till", KEY, SESSION, "vault"), *sent(1)]
    chronicle = Chronicle([*opening, *recorded("till"), *recorded("vault"), *unheard])
    assert list(chronicle.standing("till")) == list(chronicle.standing("vault"))
    assert the(chronicle, "till") == (["1"], [])


def test_a_session_that_its_opener_reopens_under_its_old_key_is_one_at_both_ends() -> None:
    record = session("till", payments=(1,))
    key = "till's end"
    unheard: list[Observation] = [
        Restored(1.0, "till", 1, 2, (RestoredSession(key, record),)),
        Restored(1.0, "vault", 1, 2, ()),
        Named(2.0, "vault", key, SESSION, "till"),
    ]
    opening = [Began(0.0, "till", "a"), Began(0.0, "vault", "b"), Named(0.0, "till", KEY, SESSION, "vault"), *sent(1)]
    chronicle = Chronicle([*opening, *recorded("till"), *recorded("vault"), *unheard])
    assert list(chronicle.standing("till")) == list(chronicle.standing("vault"))


def test_a_name_that_is_given_again_is_another_session() -> None:
    over = [Over(1.0, name, KEY, "") for name in ("till", "vault")]
    again = [Named(2.0, "vault", "k2", SESSION, "till"), Named(2.0, "till", "k2", SESSION, "vault")]
    chronicle = Chronicle([*began(), *sent(1), *taken(1), *over, *again, Sent(2.0, "till", "k2", 1, "one")])
    first, second = chronicle.standing("till").values()
    assert (first.over, first.sent, second.over, second.sent) == ("", ["1"], None, ["one"])
    assert chronicle.timelines["till"].names[SESSION] == second.instance


def test_a_session_that_nobody_answered_is_no_channel() -> None:
    chronicle = Chronicle([Began(0.0, "till", "a"), *sent(1), Over(1.0, "till", KEY, "nobody answers")])
    assert chronicle.standing("till") == {}


def test_a_cut_that_was_recorded_before_anybody_watched_begins_with_its_part() -> None:
    chronicle = Chronicle([Began(0.0, "till", "a"), back("till", cut=7)], given=[7])
    (line,) = chronicle.standing("till").values()
    assert (line.sent_before, line.sent, line.sent_count) == (3, ["4"], 4)
    assert (line.payload(3), line.payload(4), line.payload(5)) == (None, "4", None)
    chronicle.hear(back("vault", cut=7))
    (line,) = chronicle.standing("vault").values()
    assert (line.took(), line.received()) == (2, ((1, 2),))
    assert chronicle.strays == []


def test_a_cut_that_was_never_recorded_is_a_stray() -> None:
    chronicle = Chronicle([*history(), back("till", cut=7)])
    assert chronicle.strays == chronicle.restores == [back("till", cut=7)]
