"""Whether something was received inside a recovery point that was not sent inside it."""

from __future__ import annotations

from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint_simulations.chronicle.observations import Named
from cutpoint_simulations.oracles import NoOrphan, Published
from tests.simulations.oracles.story import CHANNEL, SESSION, began, recorded, sent, staged, taken, till, vault


def test_what_was_sent_inside_may_be_received_inside() -> None:
    stage = staged()
    assert NoOrphan().published(stage.publish(till(), vault()), stage.case) == ()


def test_an_orphan_is_named_with_its_channel_and_number() -> None:
    stage = staged(
        [*began(), *sent(1, 2, 3, 4), *recorded("till"), *sent(5, 6), *taken(1, 2, 3, 4, 5, 6), *recorded("vault")]
    )
    (violation,) = NoOrphan().published(stage.publish(till(), vault()), stage.case)
    assert (violation.cut, violation.process, violation.channel) == (1, "vault", CHANNEL)
    assert violation.complaint == f"{CHANNEL}: vault received 5-6 inside it, till had sent 4"


def test_a_message_on_a_session_that_its_sender_had_not_opened_inside_is_an_orphan() -> None:
    named = Named(0.0, "till", "k", SESSION, "vault")
    late = [o for o in began() if o != named]
    stage = staged([*late, *recorded("till"), named, *sent(1), *taken(1), *recorded("vault")])
    (violation,) = NoOrphan().published(stage.publish(till(), vault()), stage.case)
    assert violation.complaint == f"{CHANNEL}: vault received 1 inside it, till had sent 0"


def test_what_somebody_sent_who_has_left_is_no_orphan() -> None:
    stage = staged([*began(), *sent(1, 2), *taken(1, 2), *recorded("vault")])
    point = stage.publish(till(), vault()).point
    without = {name: digest for name, digest in point.members.items() if name != "till"}
    alone = RecoveryPoint(
        cut=point.cut,
        incarnation=point.incarnation,
        parent=point.parent,
        members=without,
        left=(),
        in_flight=0,
        bytes=0,
        duration_seconds=0.0,
        stall_seconds=0.0,
    )
    assert NoOrphan().published(Published(point=alone), stage.case) == ()
