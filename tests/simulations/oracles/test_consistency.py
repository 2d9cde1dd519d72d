"""Whether the parts of a recovery point hold exactly what happened."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from cutpoint.names import Sequence
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.messages import InFlight
from cutpoint_simulations.chronicle import Chronicle, Observation
from cutpoint_simulations.chronicle.observations import Began, Over
from cutpoint_simulations.oracles import Consistency, Violation, read_point
from tests.parts import Draft
from tests.simulations.oracles.story import (
    CHANNEL,
    KEY,
    Stage,
    began,
    history,
    part,
    recorded,
    sent,
    session,
    staged,
    taken,
    till,
    vault,
)


def complaint(stage: Stage, *parts: Draft) -> Violation:
    """The one complaint about these parts."""
    (violation,) = Consistency().published(stage.publish(*parts), stage.case)
    assert (violation.oracle, violation.cut) == ("consistency", 1)
    return violation


def test_parts_that_hold_what_happened_are_consistent() -> None:
    stage = staged()
    assert Consistency().published(stage.publish(till(), vault()), stage.case) == ()


@pytest.mark.parametrize(
    ("observations", "process", "says"),
    [
        (
            [*began(), *sent(1, 2, 3, 4), *recorded("till"), *taken(1, 2, 3), *recorded("vault")],
            "vault",
            "vault had received 1-3 when it recorded, its part says 1-2",
        ),
        (
            [*began(), *sent(1, 2, 3, 4, 5), *recorded("till"), *taken(1, 2), *recorded("vault")],
            "till",
            "till had sent 5 when it recorded, its part says 4",
        ),
    ],
    ids=["received", "sent"],
)
def test_counters_that_are_not_those_of_the_record_are_named(
    observations: list[Observation], process: str, says: str
) -> None:
    violation = complaint(staged(observations), till(), vault())
    assert (violation.process, violation.channel) == (process, CHANNEL)
    assert violation.complaint == f"{CHANNEL}: {says}"


def test_a_message_recorded_with_another_payload_is_named() -> None:
    other = vault(session("vault", receipts=(1, 2), held=(InFlight(Sequence(3), "33"),)))
    violation = complaint(staged(), till(), other)
    assert violation.channel == CHANNEL
    assert violation.complaint == f"{CHANNEL}: message 3 was sent as '3' and is recorded as '33'"


def test_messages_that_no_part_knows_of_are_named() -> None:
    """A certificate cannot see a session that both ends have left out."""
    violation = complaint(staged(), part("till", 90), part("vault", 3))
    assert violation.channel == CHANNEL
    assert violation.complaint == f"{CHANNEL}: 3-4 were under way (sent 4, taken 2), the parts hold none"


def test_a_message_that_is_counted_and_not_there_is_named() -> None:
    """Its part says that the vault holds message 3, and it does not."""
    stage = staged()
    sound = stage.publish(till(), vault())
    (record,) = sound.parts["vault"].sessions
    empty = msgspec.structs.replace(record, incoming_in_flight=())
    hollow = msgspec.structs.replace(sound.parts["vault"], sessions=(empty,))
    forged = dataclasses.replace(sound, parts={**sound.parts, "vault": hollow})
    (violation,) = Consistency().published(forged, stage.case)
    assert violation.complaint == f"{CHANNEL}: 3-4 were under way (sent 4, taken 2), the parts hold 4"


def test_a_certificate_that_the_parts_contradict_is_named_and_nothing_else() -> None:
    def altered(certificate: Certificate) -> Certificate:
        channels = tuple(
            msgspec.structs.replace(channel, received=channel.received + 1) if channel.channel == CHANNEL else channel
            for channel in certificate.channels
        )
        return msgspec.structs.replace(certificate, channels=channels)

    stage = staged([*began(), *sent(1), *recorded("till"), *recorded("vault")])
    (violation,) = Consistency().published(stage.publish(till(), vault(), alter=altered), stage.case)
    assert violation.complaint == f"{CHANNEL}: the certificate does not say what the parts say"


def test_a_part_of_somebody_who_never_recorded_the_cut_is_named() -> None:
    stage = staged([observation for observation in history() if observation not in recorded("vault")])
    violation = complaint(stage, till(), vault())
    assert (violation.process, violation.complaint) == ("vault", "vault never recorded it and has a part in it")


def test_a_part_of_another_life_is_named() -> None:
    observations = [
        Began(0.0, "vault", "another life") if o == Began(0.0, "vault", "life of vault") else o for o in history()
    ]
    violation = complaint(staged(observations), till(), vault())
    assert violation.process == "vault"
    assert "vault recorded it in life another life" in violation.complaint


def test_what_was_sent_on_a_session_that_was_given_up_is_in_no_part() -> None:
    stage = Stage(chronicle=Chronicle([*began(), *sent(1), Over(0.0, "till", KEY, "nobody answers")]))
    for observation in (*recorded("till"), *recorded("vault")):
        stage.chronicle.hear(observation)
    assert Consistency().published(stage.publish(part("till", 90), part("vault", 3)), stage.case) == ()


def test_what_cannot_be_read_is_left_to_durability() -> None:
    stage = staged()
    point = stage.publish(till(), vault()).point
    for name in stage.backend.list("parts/"):
        stage.backend.delete(name)
    assert Consistency().published(read_point(stage.backend, point), stage.case) == ()
