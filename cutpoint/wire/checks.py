"""What the types of a decoded message cannot say: ranges of numbers, lengths of texts, shapes of names.

Every function returns a complaint, ``""`` when there is none, so that the wire (a peer's fault) and the store
(damaged bytes) can raise their own error for the same finding. Nothing here raises.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from cutpoint.names import ProcessName, is_process_name
from cutpoint.protocol.messages import Close, IncomingEvidence, OutgoingEvidence, PackRef, Ranges, SessionEvidence

NUMBER_MAX = 2**53 - 1
"""The highest number that a message may carry: every JSON reader keeps it exactly, and adding never overflows."""

TEXT_MAX = 1000
"""The longest name, label, nonce or life, in characters."""

PACKS_MAX = 50_000
"""The most packs that one part may need."""

ERA_END = 10**12
"""Above every era: the name of a pack has room for twelve digits."""

_COMPLAINT_MAX = 200
_HEX = frozenset("0123456789abcdef")


def one_line(error: object) -> str:
    """``str(error)`` on one line and short, whatever a peer has put into it."""
    text = "".join(c if c.isprintable() else " " for c in str(error))
    return text if len(text) <= _COMPLAINT_MAX else text[:_COMPLAINT_MAX] + "..."


def check_numbers(message: msgspec.Struct, fields: Iterable[str], *, least: int = 0) -> str:
    """Complain of the first of ``fields`` that is not between ``least`` and `NUMBER_MAX`."""
    for field in fields:
        number = getattr(message, field)
        if not least <= number <= NUMBER_MAX:
            return f"{field} {number} is not between {least} and {NUMBER_MAX}"
    return ""


def check_texts(message: msgspec.Struct, fields: Iterable[str]) -> str:
    """Complain of the first of ``fields`` that is too long or not printable."""
    for field in fields:
        text = getattr(message, field)
        if len(text) > TEXT_MAX:
            return f"{field} has {len(text)} characters, {TEXT_MAX} are allowed"
        if not text.isprintable():
            return f"{field} holds characters that cannot be printed"
    return ""


def check_process(name: ProcessName) -> str:
    """Complain of a text that cannot name a process."""
    return "" if is_process_name(name) else f"{one_line(repr(name))} is not a process name"


def check_processes(names: Iterable[ProcessName]) -> str:
    """Complain of the first of ``names`` that cannot name a process."""
    for name in names:
        if complaint := check_process(name):
            return complaint
    return ""


def check_digest(digest: str) -> str:
    """Complain of a text that is not ``sha256:`` and 64 lower-case hexadecimal digits."""
    prefix, _, digits = digest.partition(":")
    if prefix == "sha256" and len(digits) == 64 and _HEX.issuperset(digits):
        return ""
    return f"{one_line(repr(digest))} is not a sha256 digest"


def check_packs(packs: tuple[PackRef, ...]) -> str:
    """Complain of packs that no process could have written, or of one that is named twice."""
    if len(packs) > PACKS_MAX:
        return f"{len(packs)} packs are named, {PACKS_MAX} are allowed"
    for pack in packs:
        if not 0 <= pack.era < ERA_END:
            return f"era {pack.era} is not between 0 and {ERA_END - 1}"
        if complaint := check_numbers(pack, ("bytes",)) or check_digest(pack.digest):
            return complaint
    if len({pack.name() for pack in packs}) != len(packs):
        return "a pack is named twice"
    return ""


def check_ranges(ranges: Ranges) -> str:
    """Complain of ranges that are not ascending, or touch, or hold a number below 1."""
    end = -1
    for first, last in ranges:
        if not 1 <= first <= last <= NUMBER_MAX or first <= end + 1:
            return f"the range {first} to {last} is empty, out of order or touches the one before"
        end = last
    return ""


def check_seconds(seconds: float, name: str) -> str:
    """Complain of a duration that is negative, infinite or not a number."""
    return "" if 0.0 <= seconds < float("inf") else f"{name} {seconds} is not a duration"


def _check_outgoing(evidence: OutgoingEvidence) -> str:
    complaint = (
        check_texts(evidence, ("session",))
        or check_process(evidence.receiver)
        or check_numbers(evidence, ("sent", "acknowledged"))
        or check_numbers(evidence, ("in_flight_from",), least=1)
    )
    if not complaint and evidence.in_flight_from > evidence.sent + 1:
        complaint = f"in_flight_from {evidence.in_flight_from} is beyond the {evidence.sent} sent"
    return complaint


def _check_incoming(evidence: IncomingEvidence) -> str:
    return (
        check_texts(evidence, ("session",))
        or check_process(evidence.sender)
        or check_ranges(evidence.received)
        or check_ranges(evidence.in_flight)
    )


def check_session(evidence: SessionEvidence) -> str:
    """Complain of a session's evidence that no process could have recorded. Channels are not compared here."""
    complaint = (
        check_texts(evidence, ("session",))
        or check_process(evidence.peer)
        or _check_outgoing(evidence.outgoing)
        or _check_incoming(evidence.incoming)
    )
    if not complaint:
        return ""
    return f"session {one_line(repr(evidence.session))}: {complaint}"


def checked_payload(payload: Any) -> str | bytes | Close | None:
    """Return ``payload`` as what it is: text, bytes, or `Close` built from its array; ``None`` for anything else."""
    if type(payload) is str or type(payload) is bytes or type(payload) is Close:
        return payload
    if type(payload) is not list:
        return None
    try:
        close = msgspec.convert(payload, Close)
    except (msgspec.ValidationError, RecursionError):
        return None
    return close if 0 <= close.code <= 65535 and len(close.reason) <= TEXT_MAX else None
