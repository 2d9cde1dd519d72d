"""A small store of recovery points whose parts hold a bit of everything, and ways to draw parts."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName, Sequence, SessionName
from cutpoint.protocol.messages import (
    Close,
    IncomingEvidence,
    InFlight,
    OutgoingEvidence,
    Payload,
    SessionEvidence,
    SessionRecord,
)
from cutpoint.store import Backend, Manifest, manifest_part, publish_manifest
from tests.parts import Draft

ORDERS, PAYMENTS = ProcessName("orders"), ProcessName("payments")
SESSION = SessionName("orders~payments:")


def messages(first: int, *payloads: Payload) -> tuple[InFlight, ...]:
    return tuple(InFlight(number=Sequence(first + i), payload=payload) for i, payload in enumerate(payloads))


def session(me: ProcessName, peer: ProcessName, sent: tuple[InFlight, ...], got: tuple[InFlight, ...]) -> SessionRecord:
    """One session of which ``me`` has sent 5 messages and ``sent`` after them, and received 3 and recorded ``got``."""
    ranges = ((4, 3 + len(got)),) if got else ()
    outgoing = OutgoingEvidence(
        session=SESSION,
        receiver=peer,
        fifo=True,
        sent=Sequence(5 + len(sent)),
        acknowledged=Sequence(2),
        in_flight_from=Sequence(6),
        closed=False,
        opening=False,
    )
    incoming = IncomingEvidence(
        session=SESSION, sender=peer, fifo=True, received=((1, 3),), in_flight=ranges, closed=False
    )
    evidence = SessionEvidence(session=SESSION, peer=peer, initiator=me == ORDERS, outgoing=outgoing, incoming=incoming)
    return SessionRecord(evidence=evidence, outgoing_in_flight=sent, incoming_in_flight=got)


def part(cut: int, process: ProcessName = ORDERS, data: bytes = b"\x80") -> Draft:
    peer = PAYMENTS if process == ORDERS else ORDERS
    return Draft(
        process=process,
        life=Life("a1"),
        incarnation=Incarnation(1),
        cut=CutNumber(cut),
        computation="shop",
        sessions=(session(process, peer, messages(6, "six", b"seven", Close()), messages(4, "four")),),
        values={"balances": data},
        boundary=("browser",),
    )


def manifest(cut: int, parts: tuple[Draft, ...], backend: Backend, **fields: Any) -> Manifest:
    """Write ``parts`` and make the manifest that names them."""
    stored = [one.write(backend, 0.001) for one in parts]
    made = Manifest(
        computation="shop",
        cut=CutNumber(cut),
        incarnation=Incarnation(1),
        parent=CutNumber(cut - 1),
        created="2013-01-01T00:00:00Z",
        duration_seconds=0.25,
        members=tuple(one.process for one in parts),
        parts=tuple(map(manifest_part, stored)),
        certificate={"channels": [{"sent": 8}], "note": "é"},
        boundary=("browser",),
    )
    return msgspec.structs.replace(made, **fields)


def small_store(backend: Backend, cuts: int = 3) -> tuple[CutNumber, ...]:
    """Publish ``cuts`` recovery points of two processes each; their numbers."""
    for cut in range(1, cuts + 1):
        publish_manifest(backend, manifest(cut, (part(cut), part(cut, PAYMENTS)), backend))
    return tuple(CutNumber(cut) for cut in range(1, cuts + 1))


payloads: st.SearchStrategy[Payload] = (
    st.text(max_size=8) | st.binary(max_size=8) | st.builds(Close, code=st.integers(1000, 4999))
)
