"""Is a recovery point what it says? Judged by the histories of the accounts, which no core ever sees.

For a cut to be consistent (Chandy & Lamport 1985, section 3) every message that was received inside it was sent inside
it; and its channels hold exactly the messages sent and not received inside it. Money is conserved besides.
"""

from __future__ import annotations

from collections.abc import Mapping

from cutpoint.names import CutNumber
from cutpoint.protocol.ledger import RecoveryPoint
from cutpoint.protocol.messages import SessionRecord
from cutpoint_simulations.world.participant import Disk


class Violation(AssertionError):
    """A recovery point is not a consistent cut."""


def judge(point: RecoveryPoint, points: Mapping[CutNumber, RecoveryPoint], disk: Disk, *, opening_balance: int) -> int:
    """The number of in-flight messages of a recovery point; Violation if it is none.

    ``points`` are all recovery points: whoever has left since one of its ancestors counts with the last part it gave.
    """
    parts = [disk.history[digest] for digest in _digests(point, points)]
    sent = [name for part in parts for name in sorted(part.account.sent)]
    received = [name for part in parts for name in sorted(part.account.received)]
    in_flight = [name for part in parts for session in part.sessions for name in _messages(session)]
    where = f"cut {point.cut}"
    if orphans := sorted(set(received) - set(sent)):
        raise Violation(f"{where}: received and not sent: {orphans}")
    if len(received) != len(set(received)):
        raise Violation(f"{where}: received twice")
    expected = sorted(set(sent) - set(received))
    if sorted(in_flight) != expected:
        raise Violation(f"{where}: in-flight {sorted(in_flight)}, sent and not received {expected}")
    money = sum(part.account.balance for part in parts) + sum(map(amount, in_flight))
    if money != opening_balance * len(parts):
        raise Violation(f"{where}: {money} in all accounts and channels, {opening_balance * len(parts)} expected")
    return len(in_flight)


def _digests(point: RecoveryPoint, points: Mapping[CutNumber, RecoveryPoint]) -> list[str]:
    found: dict[str, str] = {}
    ancestor: RecoveryPoint | None = point
    while ancestor is not None:
        found = {**{str(name): str(digest) for name, digest in ancestor.members.items()}, **found}
        ancestor = points.get(ancestor.parent)
    return [digest for _, digest in sorted(found.items())]


def amount(message: str) -> int:
    """What a message of the bank is worth."""
    return int(message.rsplit(":", 1)[1])


def _messages(session: SessionRecord) -> list[str]:
    recorded = (*session.incoming_in_flight, *session.outgoing_in_flight)
    return [message.payload for message in recorded if isinstance(message.payload, str)]
