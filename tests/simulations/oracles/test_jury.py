"""All oracles over real agents and the real coordinator: silent on sound runs, loud where a driver does damage."""

from __future__ import annotations

import msgspec
import pytest

from cutpoint.names import CutNumber
from cutpoint.protocol.channel import Incoming
from cutpoint.protocol.ledger import encode, key_of
from cutpoint.protocol.messages import InFlight
from cutpoint.protocol.numbers import NumberSet
from cutpoint.protocol.recording import Recording
from cutpoint.registry import Transaction
from cutpoint_simulations.bank import holdings, payment
from cutpoint_simulations.oracles import (
    Conservation,
    Consistency,
    Descent,
    Durability,
    ExactlyOnce,
    Jury,
    NoOrphan,
    Oracle,
    Progress,
)
from tests.simulations.chronicle.running import banks
from tests.simulations.oracles.story import staged, till, vault


def oracles() -> tuple[Oracle, ...]:
    """One of each kind."""
    return (
        Consistency(),
        NoOrphan(),
        Conservation(states=holdings, payload=payment),
        Durability(),
        Descent(),
        Progress(seconds=6.0),
        ExactlyOnce(),
    )


def complaints(seed: int) -> list[str]:
    """What the oracles say of a run in which one bank is killed and its machine loses power."""
    with banks(seed, *oracles()) as run:
        run.at(1.4, run.cluster.services["trieste"].kill)
        run.run(2.5)
        run.simulation.lose_power("machine")
        run.jury.struck()
        run.run(3.0)
        run.cluster.operator.start()
        run.jury.healed()
        run.run(7.5)
        assert len(run.jury.points) >= 4
        assert len(run.chronicle.restores) == 6
        return [str(violation) for violation in run.jury.ended()]


@pytest.mark.parametrize("seed", range(2))
def test_a_run_with_a_kill_and_a_loss_of_power_is_sound(seed: int) -> None:
    assert complaints(seed) == []


def spoiled(messages: tuple[InFlight, ...]) -> tuple[InFlight, ...]:
    """The same messages, in JSON that is written a little differently."""
    return tuple(
        InFlight(message.number, message.payload.replace("{", "{ ")) if isinstance(message.payload, str) else message
        for message in messages
    )


def test_payloads_that_were_never_sent_are_found_in_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Recording.arrived
    monkeypatch.setattr(Recording, "arrived", lambda me, session, new: real(me, session, spoiled(new)))
    assert "is recorded as '{ " in _found("consistency: cut ")


def test_payloads_that_a_restore_has_spoiled_are_found_when_they_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Incoming.restore

    def spoiling(incoming: Incoming, *, received: NumberSet, closed: bool, in_flight: tuple[InFlight, ...]) -> None:
        real(incoming, received=received, closed=closed, in_flight=spoiled(in_flight))

    monkeypatch.setattr(Incoming, "restore", spoiling)
    assert "and taken as '{ " in _found("exactly once: ")


def _found(oracle: str) -> str:
    """What ``oracle`` says first of runs in which cuts have messages under way, and one bank is killed."""
    for seed in range(12):
        with banks(seed, *oracles()) as run:
            run.at(1.3, run.cluster.services["trieste"].kill)
            run.run(2.5)
            said = [str(violation) for violation in run.jury.ended()]
        if found := [complaint for complaint in said if complaint.startswith(oracle)]:
            return found[0]
    return ""


def test_a_recovery_point_is_judged_once_and_damage_found_later_makes_no_new_one() -> None:
    stage = staged()
    point = stage.publish(till(), vault()).point
    heard: list[int] = []
    jury = Jury(stage.case, [Durability()], on_published=lambda known: heard.append(known.cut))
    for record in (point, msgspec.structs.replace(point, damaged="rotten")):
        jury.committed(Transaction(request="x", puts=((key_of(record), encode(record)),)))
    assert heard == [1]
    assert jury.verdict == ""

    other = msgspec.structs.replace(point, parent=CutNumber(0), bytes=1)
    jury.committed(Transaction(request="y", puts=((key_of(other), encode(other)),)))
    assert jury.verdict == "durability: cut 1: its number was used before: it was published"
