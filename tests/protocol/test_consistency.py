from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.names import ChannelName, CutNumber, ProcessName
from cutpoint.protocol.accounting import account, is_well_formed
from cutpoint.protocol.consistency import Certificate, Violation, certify, recheck
from cutpoint.protocol.messages import PartSummary, SessionEvidence
from tests.protocol.histories import CUT, INCARNATION, Direction, digest, histories, part, recounted, session

replace = msgspec.structs.replace
A_TO_B, B_TO_A = "a->b:x", "b->a:x"


def valid() -> dict[str, PartSummary]:
    """a has sent 9 to b: 1-5 received, 6-7 recorded by b, 8-9 by a; b has sent 3 to a, all received. c is alone."""
    there = Direction(sent=9, received=((1, 5),), in_flight=((6, 7),), recorded_from=8, acknowledged=4)
    back = Direction(sent=3, received=((1, 3),), acknowledged=3)
    one, other = session("a", "b", there=there, back=back)
    return {"a": part("a", one), "b": part("b", other), "c": part("c")}


def unordered() -> dict[str, PartSummary]:
    """The same on channels without order: b has received 1, 2 and 4 of a's 5, and recorded 3 and 5."""
    there = Direction(sent=5, received=((1, 2), (4, 4)), in_flight=((3, 3), (5, 5)), acknowledged=2)
    one, other = session("a", "b", there=there, back=Direction(), fifo=False)
    return {"a": part("a", one), "b": part("b", other)}


def judge(
    parts: dict[str, PartSummary], *, members: str = "abc", released: str = ""
) -> Certificate | tuple[Violation, ...]:
    return certify(
        cut=CUT,
        incarnation=INCARNATION,
        members=[ProcessName(name) for name in members],
        released=[ProcessName(name) for name in released],
        summaries=tuple(parts.values()),
        computation="test",
    )


def complaint(parts: dict[str, PartSummary], *, members: str = "abc", released: str = "") -> Violation:
    """The one and only complaint about these parts."""
    violations = judge(parts, members=members, released=released)
    assert not isinstance(violations, Certificate), "the damage was not noticed"
    assert len(violations) == 1, violations
    return violations[0]


def change(parts: dict[str, PartSummary], process: str, side: str, **changes: Any) -> dict[str, PartSummary]:
    """Damage one half of the first session of ``process``; the in-flight count follows."""
    damaged = parts[process].sessions[0]
    half = replace(getattr(damaged, side), **changes)
    return parts | {process: recounted(parts[process], replace(damaged, **{side: half}))}


def test_a_consistent_cut_gets_a_certificate_that_says_who_holds_what() -> None:
    certificate = judge(valid())
    assert isinstance(certificate, Certificate)
    assert certificate.members == ("a", "b", "c")
    assert certificate.parts == {"a": digest(), "b": digest(), "c": digest()}
    assert certificate.in_flight == 4
    there, back = certificate.channels
    assert (there.channel, there.sent, there.received) == (A_TO_B, 9, 5)
    assert (there.in_flight_by_receiver, there.in_flight_by_sender) == (2, 2)
    assert (there.recorded_by, there.session) == (("a", "b"), "a~b:x")
    assert (back.channel, back.sent, back.received, back.in_flight) == (B_TO_A, 3, 3, 0)


def test_a_certificate_does_not_depend_on_the_order_of_parts() -> None:
    parts = valid()
    assert judge(dict(reversed(parts.items()))) == judge(parts)
    assert certify(
        cut=CUT,
        incarnation=INCARNATION,
        members=tuple(part.process for part in parts.values()),
        summaries={part.process: part for part in parts.values()},
        computation="test",
    ) == judge(parts)


def test_channels_without_order_may_have_gaps_that_are_recorded() -> None:
    certificate = judge(unordered(), members="ab")
    assert isinstance(certificate, Certificate)
    assert [(c.received, c.in_flight) for c in certificate.channels] == [(3, 2), (0, 0)]


def test_a_missing_part_is_named() -> None:
    parts = valid()
    del parts["b"]
    assert complaint(parts) == Violation(channel="", process="b", complaint="there is no part of b, a member of cut 4")


def test_a_part_of_a_stranger_is_named() -> None:
    assert complaint(valid() | {"z": part("z")}).complaint == "z gave a part and is not a member of cut 4"


def test_two_parts_of_one_process_are_named() -> None:
    assert complaint(valid() | {"again": part("c")}).complaint == "c gave more than one part"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"cut": CutNumber(3)}, "the part of c is of cut 3, not of cut 4"),
        ({"incarnation": 1}, "the part of c is of incarnation 1, not 2"),
        ({"object": "sha256:1234"}, "c gave 'sha256:1234' as the digest of its part"),
        ({"in_flight_messages": 1}, "the part of c holds 1 in-flight messages, its channels 0"),
    ],
)
def test_a_part_that_is_not_what_it_says_is_named(changes: dict[str, Any], text: str) -> None:
    parts = valid()
    assert complaint(parts | {"c": replace(parts["c"], **changes)}).complaint == text


def test_a_malformed_digest_of_a_state_is_named() -> None:
    parts = valid()
    state = replace(parts["c"].states[0], digest="md5:00")
    text = "c gave 'md5:00' as the digest of its state 'table'"
    assert complaint(parts | {"c": replace(parts["c"], states=(state,))}).complaint == text


def test_a_lost_message_is_named() -> None:
    found = complaint(change(valid(), "b", "incoming", in_flight=((7, 7),)))
    assert (found.channel, found.process) == (A_TO_B, "b")
    assert found.complaint == "a->b:x: lost: 6 of 9 sent by a are in no part"


def test_a_lost_message_that_was_received_is_named_once() -> None:
    found = complaint(change(valid(), "b", "incoming", received=((1, 2), (4, 5))))
    assert found.complaint == "a->b:x: lost: 3 of 9 sent by a are in no part"


def test_a_doubled_message_is_named() -> None:
    found = complaint(change(valid(), "b", "incoming", in_flight=((6, 8),)))
    assert found.complaint == "a->b:x: doubled: 8 of 9 sent by a are in the cut twice"
    found = complaint(change(valid(), "b", "incoming", in_flight=((5, 7),)))
    assert found.complaint == "a->b:x: doubled: 5 of 9 sent by a are in the cut twice"


def test_an_orphan_is_named() -> None:
    found = complaint(change(valid(), "a", "incoming", received=((1, 4),)))
    assert found.complaint == "b->a:x: orphans: 4 received inside the cut by a, sent outside it (b had sent 3)"
    found = complaint(change(valid(), "a", "incoming", in_flight=((4, 6),)))
    assert found.complaint == "b->a:x: orphans: 4-6 received inside the cut by a, sent outside it (b had sent 3)"


def test_a_gap_on_a_channel_that_keeps_order_is_named() -> None:
    there = Direction(sent=3, received=((1, 1), (3, 3)), in_flight=((2, 2),))
    one, other = session("a", "b", there=there, back=Direction())
    parts = {"a": part("a", one), "b": part("b", other)}
    assert complaint(parts, members="ab").complaint == "a->b:x: b received 1, 3 on a channel that keeps order"


def test_an_acknowledgement_from_after_the_cut_is_named() -> None:
    found = complaint(change(valid(), "a", "outgoing", acknowledged=6))
    text = "a->b:x: a knows that b received 6, which lies after the cut (b had received 5)"
    assert found.complaint == text


def test_an_acknowledgement_covers_a_prefix_also_without_order() -> None:
    found = complaint(change(unordered(), "a", "outgoing", acknowledged=4), members="ab")
    assert found.complaint == "a->b:x: a knows that b received 4, which lies after the cut (b had received 2)"


def test_ends_that_disagree_about_order_are_named() -> None:
    found = complaint(change(valid(), "b", "incoming", fifo=False))
    assert found.complaint == "a->b:x: a and b do not agree on whether it keeps order"


def test_a_close_that_was_received_and_not_sent_is_named() -> None:
    found = complaint(change(valid(), "a", "incoming", closed=True))
    assert found.complaint == "b->a:x: b had not closed it at message 3 and a received its close"


def test_a_close_that_was_received_and_not_noticed_is_named() -> None:
    found = complaint(change(valid(), "b", "outgoing", closed=True))
    assert found.complaint == "b->a:x: b closed it with message 3 and a did not receive its close"


@pytest.mark.parametrize(
    "changes", [{"in_flight_from": 0}, {"in_flight_from": 11}, {"acknowledged": -1}, {"sent": -1}, {"sent": 6}]
)
def test_numbers_that_contradict_each_other_are_named(changes: dict[str, Any]) -> None:
    found = complaint(change(valid(), "a", "outgoing", **changes))
    assert found.channel == A_TO_B
    assert "contradict each other" in found.complaint


@pytest.mark.parametrize("ranges", [((0, 3),), ((3, 1),), ((1, 2), (3, 5)), ((3, 5), (1, 1))])
def test_ranges_that_are_no_set_of_numbers_are_named(ranges: tuple[tuple[int, int], ...]) -> None:
    found = complaint(change(valid(), "b", "incoming", received=ranges))
    assert found.complaint == f"a->b:x: b gave {ranges} as received: that is no ascending set of numbers"


def session_of(parts: dict[str, PartSummary], process: str, **changes: Any) -> dict[str, PartSummary]:
    return parts | {process: recounted(parts[process], replace(parts[process].sessions[0], **changes))}


def test_ends_that_disagree_about_who_they_are_are_named() -> None:
    found = complaint(session_of(valid(), "b", initiator=True))
    assert found.complaint == "b recorded session a~b:x as one that b opened to a: the ends disagree"
    found = complaint(change(valid(), "a", "outgoing", receiver=ProcessName("c")))
    assert found.complaint == "a recorded session a~b:x with b, to c and from b"


def test_a_session_with_itself_is_named() -> None:
    found = complaint(session_of(valid(), "a", peer=ProcessName("a")))
    assert found.complaint == "a has session a~b:x with itself"


def test_a_session_that_is_recorded_twice_is_named() -> None:
    parts = valid()
    twice = (*parts["a"].sessions, *parts["a"].sessions)
    found = complaint(parts | {"a": recounted(parts["a"], *twice)})
    assert found.complaint == "a recorded session a~b:x twice"


def test_a_session_with_somebody_outside_the_cut_is_named() -> None:
    parts = valid()
    del parts["b"]
    found = complaint(parts, members="ac")
    assert (found.channel, found.process) == (A_TO_B, "a")
    assert found.complaint == "a->b:x: b is not a member of the cut"


def lonely(out: Direction, got: Direction, *, opening: bool = False) -> dict[str, PartSummary]:
    """a recorded a session with b, and b recorded nothing of it."""
    one, _ = session("a", "b", there=out, back=got)
    one = replace(one, outgoing=replace(one.outgoing, opening=opening))
    return {"a": part("a", one), "b": part("b")}


CLOSED = Direction(sent=3, received=((1, 3),), acknowledged=3, closed=True)
FRESH = Direction(sent=2, recorded_from=1)


def test_a_session_that_was_being_opened_needs_no_twin() -> None:
    certificate = judge(lonely(FRESH, Direction(), opening=True), members="ab")
    assert isinstance(certificate, Certificate)
    assert [(c.sent, c.received, c.in_flight_by_sender, c.recorded_by) for c in certificate.channels] == [
        (2, 0, 2, ("a",)),
        (0, 0, 0, ("a",)),
    ]


def test_a_session_that_was_over_at_the_other_end_needs_no_twin() -> None:
    certificate = judge(lonely(CLOSED, CLOSED), members="ab")
    assert isinstance(certificate, Certificate)
    assert [(c.sent, c.received, c.in_flight, c.closed) for c in certificate.channels] == [(3, 3, 0, True)] * 2


@pytest.mark.parametrize(
    ("out", "got", "opening", "channel"),
    [
        (FRESH, Direction(), False, A_TO_B),
        (Direction(sent=2, recorded_from=2), Direction(), True, A_TO_B),
        (replace(CLOSED, acknowledged=2), CLOSED, False, A_TO_B),
        (replace(CLOSED, closed=False), CLOSED, False, A_TO_B),
        (CLOSED, replace(CLOSED, closed=False), False, B_TO_A),
        (CLOSED, Direction(sent=1, in_flight=((1, 1),)), False, B_TO_A),
        (FRESH, Direction(sent=1, received=((1, 1),)), True, B_TO_A),
    ],
)
def test_a_session_without_a_twin_that_holds_messages_is_named(
    out: Direction, got: Direction, opening: bool, channel: ChannelName
) -> None:
    found = complaint(lonely(out, got, opening=opening), members="ab")
    assert (found.channel, found.process) == (channel, "a")
    assert found.complaint.startswith("no twin: b recorded nothing of session a~b:x, but a ")


def test_a_peer_that_has_left_needs_no_twin_when_both_halves_are_closed() -> None:
    parts = lonely(replace(CLOSED, acknowledged=1), CLOSED)
    del parts["b"]
    assert isinstance(judge(parts, members="a", released="b"), Certificate)


@pytest.mark.parametrize(
    ("out", "got", "channel"),
    [(replace(CLOSED, closed=False), CLOSED, A_TO_B), (CLOSED, replace(CLOSED, closed=False), B_TO_A)],
)
def test_an_open_channel_to_a_peer_that_has_left_is_named(out: Direction, got: Direction, channel: ChannelName) -> None:
    parts = lonely(out, got)
    del parts["b"]
    found = complaint(parts, members="a", released="b")
    assert found.complaint == f"{channel}: b has left and the channel is not closed"


# ------------------------------------------------------------------------------------------------- checked again


def certificate_of(parts: dict[str, PartSummary]) -> Certificate:
    certificate = judge(parts)
    assert isinstance(certificate, Certificate)
    return certificate


def test_a_stored_certificate_can_be_checked_by_anyone() -> None:
    parts = valid()
    stored = msgspec.json.decode(msgspec.json.encode(certificate_of(parts)), type=Certificate)
    assert recheck(stored, tuple(parts.values())) == ()


def test_a_certificate_that_names_another_part_is_found_out() -> None:
    parts = valid()
    certificate = certificate_of(parts)
    altered = replace(certificate, parts=certificate.parts | {ProcessName("c"): digest("d")})
    (found,) = recheck(altered, tuple(parts.values()))
    assert found.process == "c"


def test_a_certificate_with_other_numbers_is_found_out() -> None:
    parts = valid()
    certificate = certificate_of(parts)
    there, back = certificate.channels
    altered = replace(certificate, channels=(replace(there, received=6), back))
    (found,) = recheck(altered, tuple(parts.values()))
    assert found.complaint == "a->b:x: the certificate does not say what the parts say"
    (found,) = recheck(replace(certificate, channels=(there,)), tuple(parts.values()))
    assert found.channel == B_TO_A
    (found,) = recheck(replace(certificate, in_flight=5), tuple(parts.values()))
    assert found.complaint == "the certificate's lists or totals do not agree with its channels and parts"


def test_parts_that_no_longer_fit_are_found_out_by_a_check() -> None:
    parts = valid()
    damaged = change(parts, "b", "incoming", in_flight=((7, 7),))
    (found,) = recheck(certificate_of(parts), tuple(damaged.values()))
    assert found.channel == A_TO_B


# ----------------------------------------------------------------------------------------------- drawn histories


@given(histories())
def test_every_consistent_history_gets_a_certificate(parts: tuple[PartSummary, ...]) -> None:
    names = [part.process for part in parts]
    certificate = certify(cut=CUT, incarnation=INCARNATION, members=names, summaries=parts)
    assert isinstance(certificate, Certificate), certificate
    for channel in certificate.channels:
        assert channel.received + channel.in_flight == channel.sent
    assert certificate.in_flight == sum(part.in_flight_messages for part in parts)
    assert recheck(certificate, parts) == ()


def numbers_of(part: PartSummary) -> list[tuple[str, int, int, int]]:
    """Every number of the evidence that can be wrong, by (field, session, range, side of the range)."""
    places = [("cut", 0, 0, 0), ("incarnation", 0, 0, 0), ("in_flight_messages", 0, 0, 0)]
    for index, recorded in enumerate(part.sessions):
        places += [("sent", index, 0, 0), ("in_flight_from", index, 0, 0)]
        for field in ("received", "in_flight"):
            ranges = getattr(recorded.incoming, field)
            places += [(field, index, at, end) for at in range(len(ranges)) for end in (0, 1)]
    return places


def shifted(part: PartSummary, place: tuple[str, int, int, int], by: int) -> PartSummary:
    field, index, at, end = place
    if field in ("cut", "incarnation", "in_flight_messages"):
        return replace(part, **{field: getattr(part, field) + by})
    recorded = part.sessions[index]
    sessions: list[SessionEvidence] = list(part.sessions)
    if field in ("sent", "in_flight_from"):
        half = replace(recorded.outgoing, **{field: getattr(recorded.outgoing, field) + by})
        sessions[index] = replace(recorded, outgoing=half)
    else:
        ranges = [list(pair) for pair in getattr(recorded.incoming, field)]
        ranges[at][end] += by
        taken = replace(recorded.incoming, **{field: tuple((low, high) for low, high in ranges)})
        sessions[index] = replace(recorded, incoming=taken)
    return replace(part, sessions=tuple(sessions))


@given(histories(), st.data())
def test_no_single_wrong_number_gets_a_certificate(parts: tuple[PartSummary, ...], data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from(parts))
    place = data.draw(st.sampled_from(numbers_of(victim)))
    by = data.draw(st.integers(min_value=-20, max_value=20).filter(bool))
    damaged = [shifted(part, place, by) if part is victim else part for part in parts]
    names = [part.process for part in parts]
    assert not isinstance(certify(cut=CUT, incarnation=INCARNATION, members=names, summaries=damaged), Certificate)


@given(histories(), st.data())
def test_no_history_with_a_part_taken_away_or_a_session_taken_out_gets_a_certificate_it_does_not_deserve(
    parts: tuple[PartSummary, ...], data: st.DataObject
) -> None:
    victim = data.draw(st.sampled_from(parts))
    names = [part.process for part in parts]
    fewer = [part for part in parts if part is not victim]
    assert not isinstance(certify(cut=CUT, incarnation=INCARNATION, members=names, summaries=fewer), Certificate)
    if victim.sessions:
        gone = data.draw(st.sampled_from(victim.sessions))
        rest = recounted(victim, *[kept for kept in victim.sessions if kept is not gone])
        verdict = certify(
            cut=CUT,
            incarnation=INCARNATION,
            members=names,
            summaries=[rest if part is victim else part for part in parts],
        )
        if isinstance(verdict, Certificate):
            one_sided = [channel for channel in verdict.channels if channel.recorded_by == (gone.peer,)]
            assert all(channel.closed or channel.sent == 0 for channel in one_sided)


@given(st.lists(st.frozensets(st.integers(min_value=1, max_value=20)), max_size=4), st.integers(0, 15))
def test_accounts_agree_with_counting_one_by_one(holders: list[frozenset[int]], sent: int) -> None:
    ranges = [tuple((n, n) for n in sorted(holder)) for holder in holders]
    balance = account(ranges, sent)

    def numbers(pairs: tuple[tuple[int, int], ...]) -> set[int]:
        return {n for low, high in pairs for n in range(low, high + 1)}

    everyone = [n for holder in holders for n in holder]
    assert numbers(balance.lost) == set(range(1, sent + 1)) - set(everyone)
    assert numbers(balance.doubled) == {n for n in everyone if everyone.count(n) > 1 and n <= sent}
    assert numbers(balance.beyond) == {n for n in everyone if n > sent}
    assert balance.balanced == (sorted(everyone) == list(range(1, sent + 1)))


def test_ranges_are_well_formed_when_they_ascend_and_never_touch() -> None:
    assert is_well_formed(())
    assert is_well_formed(((1, 2), (4, 4)))
    assert not is_well_formed(((1, 2), (3, 4)))
