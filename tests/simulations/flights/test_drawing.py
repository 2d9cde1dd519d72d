from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName, Sequence, SessionName
from cutpoint.protocol.messages import (
    Close,
    IncomingEvidence,
    InFlight,
    OutgoingEvidence,
    SessionEvidence,
    SessionRecord,
)
from cutpoint.store import Manifest, manifest_part, open_backend, publish_manifest
from cutpoint_simulations.flights.drawing import draw
from cutpoint_simulations.flights.origin import message_of
from cutpoint_simulations.flights.picture import Crossing, Lane, read_picture
from tests.parts import Draft
from tests.simulations.flights.flight_files import january

SVG = "{http://www.w3.org/2000/svg}"
ORIGIN, REGION = ProcessName("JFK"), ProcessName("south")
SESSION = SessionName("JFK~south:south")


def evidence(peer: ProcessName, *, initiator: bool, sent: int, own: int, received: int, held: int) -> SessionEvidence:
    """``own``: in-flight messages that this process recorded as sender; ``held``: as receiver."""
    return SessionEvidence(
        session=SESSION,
        peer=peer,
        initiator=initiator,
        outgoing=OutgoingEvidence(
            session=SESSION,
            receiver=peer,
            fifo=True,
            sent=Sequence(sent),
            acknowledged=Sequence(0),
            in_flight_from=Sequence(sent - own + 1),
            closed=False,
            opening=False,
        ),
        incoming=IncomingEvidence(
            session=SESSION,
            sender=peer,
            fifo=True,
            received=((1, received),) if received else (),
            in_flight=((received + 1, received + held),) if held else (),
            closed=False,
        ),
    )


def part(name: ProcessName, record: SessionRecord) -> Draft:
    return Draft(
        process=name,
        life=Life("life"),
        incarnation=Incarnation(1),
        cut=CutNumber(4),
        computation="default",
        sessions=(record,),
        values={},
    )


def store_cut(folder: Path) -> None:
    """JFK has sent 7 flights: 3 have landed, 2 wait in the region, 2 never left JFK; one of 3 answers is under way."""
    flights = [json.dumps(message_of(number, flight)) for number, flight in enumerate(january(7), 1)]
    landed = json.dumps({"landed": "JFK-MIA", "flight": "AA 1141", "number": 3})
    parts = (
        part(
            ORIGIN,
            SessionRecord(
                evidence=evidence(REGION, initiator=True, sent=7, own=2, received=2, held=1),
                outgoing_in_flight=tuple(InFlight(Sequence(n), flights[n - 1]) for n in (6, 7)),
                incoming_in_flight=(InFlight(Sequence(3), landed),),
            ),
        ),
        part(
            REGION,
            SessionRecord(
                evidence=evidence(ORIGIN, initiator=False, sent=4, own=1, received=3, held=2),
                outgoing_in_flight=(InFlight(Sequence(4), Close()),),
                incoming_in_flight=tuple(InFlight(Sequence(n), flights[n - 1]) for n in (4, 5)),
            ),
        ),
    )
    backend = open_backend(str(folder))
    manifest = Manifest(
        computation="default",
        cut=CutNumber(4),
        incarnation=Incarnation(1),
        parent=CutNumber(0),
        created="2026-01-01T00:00:00Z",
        duration_seconds=0.041,
        members=(ORIGIN, REGION),
        parts=tuple(manifest_part(one.write(backend)) for one in parts),
        certificate={},
    )
    publish_manifest(backend, manifest)


def test_a_picture_holds_what_either_side_recorded_in_flight(tmp_path: Path) -> None:
    store_cut(tmp_path)
    picture = read_picture(tmp_path, 4, ("JFK",), ("south",))
    assert picture.lanes == (
        Lane(name="JFK", origin=True, sent=7, received=2),
        Lane(name="south", origin=False, sent=4, received=3),
    )
    flights = january(7)
    assert picture.crossings == (
        *(
            Crossing(
                sender="JFK",
                receiver="south",
                number=number,
                order=number,
                text=f"{flight.carrier} {flight.flight} ({flight.tailnum}), {flight.origin} → {flight.dest}",
            )
            for number, flight in list(enumerate(flights, 1))[3:]
        ),
        Crossing(sender="south", receiver="JFK", number=3, order=3, text="AA 1141 landed, JFK → MIA"),
    )


def test_every_message_that_crossed_the_cut_is_drawn_across_it_with_its_flight(tmp_path: Path) -> None:
    store_cut(tmp_path)
    picture = read_picture(tmp_path, 4, ("JFK",), ("south",))
    root = ElementTree.fromstring(draw(picture))
    cut = {dot.findtext(f"{SVG}title", "").split()[0]: float(dot.attrib["cx"]) for dot in recorded(root)}
    messages = [group for group in root.iter(f"{SVG}g") if group.get("class") == "message"]
    assert [group.findtext(f"{SVG}title") for group in messages] == [
        f"{c.text}: message {c.number} from {c.sender} to {c.receiver}" for c in picture.crossings
    ]
    for group, crossing in zip(messages, picture.crossings, strict=True):
        path = group.find(f"{SVG}path")
        assert path is not None
        places = path.attrib["d"].replace("M", "").replace("C", "").split()
        assert float(places[0]) < cut[crossing.sender]
        assert float(places[-2]) > cut[crossing.receiver]


def test_what_a_message_says_cannot_become_markup(tmp_path: Path) -> None:
    store_cut(tmp_path)
    picture = read_picture(tmp_path, 4, ("JFK",), ("south",))
    hostile = msgspec.structs.replace(picture.crossings[0], text='</title><script>alert("x")</script>')
    drawn = draw(msgspec.structs.replace(picture, crossings=(hostile,)))
    assert "<script" not in drawn
    ElementTree.fromstring(drawn)


def recorded(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [dot for dot in root.iter(f"{SVG}circle") if dot.get("class") == "recorded"]
