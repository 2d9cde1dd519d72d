"""K. M. Chandy and L. Lamport, "Distributed Snapshots: Determining Global States of Distributed Systems" (ACM TOCS,
1985): each sentence that claims something, claimed of the real cores.

The words: iota is when the algorithm is initiated, phi when it terminates, S* what it records. A process of ours
records "spontaneously" when it hears Begin. Where a sender has put its marker ahead of messages that it still holds
(overtaking, which the paper does not have), the channel's state is what both ends recorded together.
"""

from __future__ import annotations

import random

import pytest

from cutpoint.protocol.messages import Data
from cutpoint.protocol.numbers import NumberSet
from cutpoint_simulations.world.topology import Edge, Topology, ring
from tests.paper.chronicle import Chronicle, pair
from tests.paper.model import NotAComputation, end, states
from tests.paper.wandering import SEEDS, connected, run

# ------------------------------------------------------------------------------- section 3.1: motivation for the steps


@pytest.mark.parametrize("seed", SEEDS)
def test_what_happens_is_a_computation_of_the_papers_model(seed: int) -> None:
    """Section 2: a channel is a queue without limit, without error, in order; an event concerns one process."""
    assert run(seed).states[-1].channels == {}
    assert run(seed).states[-1].processes == {
        name: participant.account for name, participant in run(seed).chronicle.world.participants.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_the_marker_counts_what_was_sent_before_the_record(seed: int) -> None:
    """Section 3.1, equation n = n': as many were sent before the process recorded as before the channel was."""
    one = run(seed)
    prerecorded = [event for event, pre in zip(one.events, one.chronicle.prerecording(one.cut), strict=True) if pre]
    for channel in one.chronicle.channels:
        sent = sum(event.kind == "sends" and event.channel == channel for event in prerecorded)
        ((_, marker),) = one.chronicle.markers(one.cut, channel)
        assert marker.sent == sent


@pytest.mark.parametrize("seed", SEEDS)
def test_the_receiver_counts_what_it_received_before_its_record(seed: int) -> None:
    """Section 3.1, equation m = m', and then n >= m: no more is received than was sent."""
    one = run(seed)
    prerecorded = [event for event, pre in zip(one.events, one.chronicle.prerecording(one.cut), strict=True) if pre]
    manifest = one.chronicle.world.durable.manifests[one.cut]
    evidence = {(part.process, s.session): s for part in manifest.parts for s in part.sessions}
    for session in evidence.values():
        twin = evidence[session.peer, session.session]
        received = len(NumberSet.from_ranges(session.incoming.received))
        assert received <= twin.outgoing.sent
    total = sum(len(NumberSet.from_ranges(session.incoming.received)) for session in evidence.values())
    assert total == sum(event.kind == "receives" for event in prerecorded)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_channels_state_is_the_messages_after_those_received_up_to_those_sent(seed: int) -> None:
    """Section 3.1: the messages m' + 1 to n', and the empty sequence where n' = m'."""
    one = run(seed)
    prerecorded = [event for event, pre in zip(one.events, one.chronicle.prerecording(one.cut), strict=True) if pre]
    for channel in one.chronicle.channels:
        on_channel = [event for event in prerecorded if event.channel == channel]
        sent = [event.message for event in on_channel if event.kind == "sends"]
        received = [event.message for event in on_channel if event.kind == "receives"]
        assert sent[: len(received)] == received
        assert one.recorded.channels.get(channel, ()) == tuple(sent[len(received) :])


# ---------------------------------------------------------------------------------------- section 3.2: the two rules


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_that_records_sends_one_marker_along_each_outgoing_channel(seed: int) -> None:
    """Section 3.2, marker-sending rule: one marker, after the process has recorded."""
    one = run(seed)
    for channel in one.chronicle.channels:
        ((put, _),) = one.chronicle.markers(one.cut, channel)
        assert put >= one.chronicle.cuts[one.cut].recorded[channel.sender]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_further_message_is_sent_along_a_channel_before_the_marker(seed: int) -> None:
    """Section 3.2, marker-sending rule: what is sent after the record comes after the marker."""
    one = run(seed)
    for channel in one.chronicle.channels:
        frames = [put.frame for put in one.chronicle.puts if put.channel == channel]
        ((_, marker),) = one.chronicle.markers(one.cut, channel)
        position = frames.index(marker)
        before = [frame for frame in frames[:position] if isinstance(frame, Data)]
        after = [frame for frame in frames[position:] if isinstance(frame, Data)]
        assert all(frame.first + len(frame.payloads) <= marker.recorded_from for frame in before)
        assert all(frame.first >= marker.recorded_from for frame in after)


def test_a_marker_makes_a_process_record_that_has_not_and_the_channel_is_empty() -> None:
    """Section 3.2, marker-receiving rule, first branch."""
    one = pair()
    one.deaf = ("q",)
    cut = one.open_cut()
    one.pay("p", "k1")
    one.carry("k1", "p")
    one.take("q", "k1")
    one.hear("p")
    assert list(one.cuts[cut].recorded) == ["p"]
    one.carry("k1", "p")
    assert list(one.cuts[cut].recorded) == ["p", "q"]
    one.deaf = ()
    one.rest()
    assert one.recorded(cut).channels == {}


def test_a_marker_makes_a_process_record_before_it_receives_what_follows() -> None:
    """Section 3.2, marker-receiving rule, first branch: what was sent after the record is received after the record."""
    one = pair()
    one.deaf = ("q",)
    cut = one.open_cut()
    one.hear("p")
    one.pay("p", "k1")
    one.carry("k1", "p")
    one.take("q", "k1")
    assert one.cuts[cut].recorded["q"] == 1
    assert one.prerecording(cut) == [False, False]


def test_a_marker_closes_a_channel_whose_receiver_has_recorded_and_the_channel_is_what_came_between() -> None:
    """Section 3.2, marker-receiving rule, second branch: received after the record and before the marker."""
    one = pair()
    cut = one.open_cut()
    one.pay("p", "k1", 1)
    one.carry("k1", "p")
    one.take("q", "k1")
    one.hear("q")
    for amount in (2, 3):
        one.pay("p", "k1", amount)
        one.carry("k1", "p")
        one.take("q", "k1")
    one.hear("p")
    one.pay("p", "k1", 4)
    one.carry("k1", "p")
    one.take("q", "k1")
    one.rest()
    assert one.recorded(cut).channels == {one.channel("k1", "p"): ("m2:2", "m3:3")}
    assert one.recorded(cut).processes["q"].received == {"m1:1"}


# --------------------------------------------------------------------------------------------- section 3.3: termination


@pytest.mark.parametrize("seed", SEEDS)
def test_all_record_if_one_does_and_there_is_a_path_from_it_to_everybody(seed: int) -> None:
    """Section 3.3: markers alone reach every process of a strongly connected graph, and the algorithm ends."""
    topology = connected(random.Random(seed), 2 + seed % 5)
    one = Chronicle(topology, seed=seed)
    first = one.chance.choice(topology.names)
    one.deaf = tuple(name for name in topology.names if name != first)
    one.wander(40)
    cut = one.open_cut()
    one.wander(100)
    one.rest()
    assert sorted(one.cuts[cut].recorded) == sorted(one.cuts[cut].complete) == sorted(topology.names)
    assert next(iter(one.cuts[cut].recorded)) == first


def test_a_process_that_no_path_reaches_records_only_by_itself() -> None:
    """Section 3.3: the condition is needed: for each process, it records spontaneously or somebody reaches it."""
    one = Chronicle(Topology(names=("p", "q", "r"), edges=(Edge("p", "q"),)))
    one.deaf = ("q", "r")
    cut = one.open_cut()
    one.rest()
    assert sorted(one.cuts[cut].complete) == ["p", "q"]
    one.deaf = ()
    one.rest()
    assert sorted(one.cuts[cut].complete) == ["p", "q", "r"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_any_number_of_processes_may_initiate_at_the_same_time(count: int) -> None:
    """Section 3.3: the algorithm may be initiated by one or more processes, each spontaneously."""
    one = Chronicle(ring(5), seed=count)
    one.wander(60)
    cut = one.open_cut()
    for name in list(one.world.participants)[:count]:
        one.hear(name)
    assert len(one.cuts[cut].recorded) == count
    one.rest()
    assert sorted(one.cuts[cut].complete) == sorted(one.world.participants)
    assert one.recorded(cut).money == one.initial.money


@pytest.mark.parametrize("seed", SEEDS)
def test_no_marker_stays_in_a_channel_for_ever(seed: int) -> None:
    """Section 3.3, L1: every marker that was sent arrives, and closes its channel."""
    one = run(seed)
    assert all(not wire.forth.frames and not wire.back.frames for wire in one.chronicle.world.network.wires.values())
    assert len(one.chronicle.cuts[one.cut].complete) == len(one.chronicle.world.participants)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_process_records_once_however_many_markers_come(seed: int) -> None:
    """Section 3.2: a second marker finds that the process has recorded."""
    one = run(seed)
    assert [p.core.recorder.recorded for p in one.chronicle.world.participants.values()] == [1] * len(
        one.chronicle.world.participants
    )


# ----------------------------------------------------------------- section 1: it is superimposed on the computation


@pytest.mark.parametrize("seed", SEEDS)
def test_the_computation_is_the_same_with_the_cut_and_without(seed: int) -> None:
    """Section 1: it runs concurrently with the computation and does not alter it: same sends, same receives.

    A computation is drawn without any cut. It is then played again, step for step, with a cut in its midst: each step
    is possible when its turn comes, and does the same.
    """
    topology = connected(random.Random(seed), 2 + seed % 4)
    without = Chronicle(topology)
    script = _improvise(without, random.Random(seed), 120)
    with_cut = Chronicle(topology)
    chance = random.Random(-seed)
    begins = chance.randrange(60)
    cut, unheard = None, list(topology.names)
    for index, (kind, process, key) in enumerate(script):
        if index == begins:
            cut = with_cut.open_cut()
        if cut is not None and unheard and chance.random() < 0.2:
            with_cut.hear(unheard.pop(chance.randrange(len(unheard))))
        _play(with_cut, kind, process, key)
    assert with_cut.events == without.events
    with_cut.rest()
    without.rest()
    assert [point.cut for point in with_cut.world.durable.published] == [cut]
    assert without.world.durable.published == []
    assert end(with_cut.initial, with_cut.events) == end(without.initial, without.events)


def _improvise(one: Chronicle, chance: random.Random, steps: int) -> list[tuple[str, str, str]]:
    """Pay, carry and take at random; what was done."""
    script = []
    for _ in range(steps):
        channel = chance.choice(one.channels)
        steps_possible = [("pay", channel.sender, channel.key), ("carry", channel.sender, channel.key)]
        session = one.world.participants[channel.receiver].core.session(channel.key)
        if session is not None and session.incoming.available:
            steps_possible.append(("take", channel.receiver, channel.key))
        script.append(chance.choice(steps_possible))
        _play(one, *script[-1])
    return script


def _play(one: Chronicle, kind: str, process: str, key: str) -> None:
    if kind == "pay":
        one.pay(process, key)
    elif kind == "carry":
        one.carry(key, process)
    else:
        one.take(process, key)


# ------------------------------------------------------------------- section 4: properties of the recorded global state


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_received_before_a_record_that_was_sent_after_one(seed: int) -> None:
    """Section 4: if the receive is a prerecording event, so is the send (there is no orphan)."""
    one = run(seed)
    prerecording = one.chronicle.prerecording(one.cut)
    sent = {e.message: pre for e, pre in zip(one.events, prerecording, strict=True) if e.kind == "sends"}
    received = {e.message: pre for e, pre in zip(one.events, prerecording, strict=True) if e.kind == "receives"}
    assert all(sent[message] for message, pre in received.items() if pre)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_event_before_initiation_is_prerecording_and_every_one_after_termination_postrecording(seed: int) -> None:
    """Section 4: only the events between iota and phi can be either."""
    one = run(seed)
    prerecording = one.chronicle.prerecording(one.cut)
    assert all(prerecording[: one.initiated])
    assert not any(prerecording[one.terminated :])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_permutation_of_what_happened_is_a_computation_that_passes_through_the_recorded_state(seed: int) -> None:
    """Section 4, theorem 1: S* is reachable from S-iota, and S-phi from S*."""
    one = run(seed)
    prerecording = one.chronicle.prerecording(one.cut)
    before = [event for event, pre in zip(one.events, prerecording, strict=True) if pre]
    after = [event for event, pre in zip(one.events, prerecording, strict=True) if not pre]
    permuted = before + after
    assert permuted[: one.initiated] == one.events[: one.initiated]
    assert permuted[one.terminated :] == one.events[one.terminated :]
    passed = states(one.chronicle.initial, permuted)
    assert passed[one.initiated] == one.states[one.initiated]
    assert passed[len(before)] == one.recorded
    assert passed[one.terminated] == one.states[one.terminated]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_postrecording_event_may_be_swapped_with_the_prerecording_event_after_it(seed: int) -> None:
    """Section 4, proof of theorem 1: they are on different processes, and neither receives what the other sends.

    Swapped two by two, until none is left, the sequence stays a computation and ends in the same global state.
    """
    one = run(seed)
    sequence = list(zip(one.events, one.chronicle.prerecording(one.cut), strict=True))
    final = one.states[-1]
    while pair := next((i for i in range(1, len(sequence)) if sequence[i][1] and not sequence[i - 1][1]), None):
        (later, _), (sooner, _) = sequence[pair - 1 : pair + 1]
        assert later.process != sooner.process
        assert later.message != sooner.message
        sequence[pair - 1 : pair + 1] = reversed(sequence[pair - 1 : pair + 1])
        assert end(one.chronicle.initial, [event for event, _ in sequence]) == final


def test_the_recorded_state_need_not_have_occurred() -> None:
    """Section 4: S* may differ from every global state that the computation passed through."""
    differs = [seed for seed in SEEDS if run(seed).recorded not in run(seed).states]
    assert differs


def test_the_recorded_channels_are_not_trivially_empty() -> None:
    """What is claimed above of channels is claimed of several that hold messages."""
    assert sum(len(content) for seed in SEEDS for content in run(seed).recorded.channels.values()) > len(SEEDS)


def test_the_model_knows_a_sequence_that_is_no_computation() -> None:
    """Section 2: a process can receive only what is at the head of the channel."""
    one = pair()
    one.pay("p", "k1", 1)
    one.pay("p", "k1", 2)
    one.carry("k1", "p")
    one.take("q", "k1")
    one.take("q", "k1")
    first, second, *receives = one.events
    for wrong in ([first, second, receives[1], receives[0]], [receives[0], first], [first, receives[0], receives[0]]):
        with pytest.raises(NotAComputation):
            end(one.initial, wrong)


# ----------------------------------------------------------------------------------------- section 5: stable properties


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stable_property_of_the_start_holds_in_the_recorded_state_and_one_of_that_at_the_end(seed: int) -> None:
    """Section 5: y(S-iota) implies y(S*), and y(S*) implies y(S-phi): here, "at least k were sent, and received"."""
    one = run(seed)
    start, recorded, final = one.states[one.initiated], one.recorded, one.states[one.terminated]
    for k in range(final.sent + 2):
        assert start.sent < k or recorded.sent >= k
        assert recorded.sent < k or final.sent >= k
        assert start.received < k or recorded.received >= k
        assert recorded.received < k or final.received >= k


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_conserved_is_conserved_in_the_recorded_state(seed: int) -> None:
    """Sections 2 and 5: the money in all processes and channels is a stable property from the first state on."""
    one = run(seed)
    assert one.recorded.money == one.chronicle.initial.money == 100 * len(one.chronicle.world.participants)


@pytest.mark.parametrize("quota", [6, 20])
def test_termination_is_detected_when_it_has_happened_and_never_before(quota: int) -> None:
    """Section 5: "the computation has terminated" is stable: all have sent their quota and all channels are empty.

    Cuts are taken again and again until one says so. Those that do not were begun before it was true; what one does
    say is true when it is complete.
    """
    one = Chronicle(ring(3), seed=quota)
    said: list[bool] = []
    while not said or not said[-1]:
        cut = one.open_cut()
        while cut not in one.world.durable.ledger().points:
            sent = sum(event.kind == "sends" for event in one.events)
            one.wander(1, pays=0.4 if sent < quota else 0.0)
        recorded = one.recorded(cut)
        said.append(recorded.sent == quota and not recorded.channels)
        passed = states(one.initial, one.events)
        start = passed[min(one.cuts[cut].recorded.values())]
        complete = passed[max(one.cuts[cut].complete.values())]
        if said[-1]:
            assert complete.sent == quota
            assert not complete.channels
        else:
            assert start.sent < quota or start.channels
    assert said.count(False) > 0
