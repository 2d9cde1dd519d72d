"""One cut as an SVG: processes as lines, time to the right, and every message that crossed the cut as an arrow.

Horizontal places tell order and no durations: what a process sent last before it recorded starts nearest to the cut,
what it receives first after it ends nearest. Each arrow tells its flight when it is pointed at. The drawing is a
single file that needs no script, no font and no network.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from html import escape

import msgspec

from cutpoint_simulations.flights.picture import Crossing, Lane, Picture
from cutpoint_simulations.trace.shapes import smooth

WIDTH = 1360
LANE_HEIGHT = 104
TOP = 150
LEFT, RIGHT = 190, 1170
CUT_X = 680
SPREAD = 400
"""Arrows start and end at most so far from the cut."""
GAP = 16
STEP_MAX = 12.0

_HUES = ("#d97706", "#2563eb", "#db2777", "#059669", "#7c3aed", "#0891b2")
_ANSWER = "#64748b"

_STYLE = """
  .paper { fill: #ffffff; } .ink { fill: #0f172a; } .soft { fill: #64748b; }
  .lane { stroke: #334155; stroke-width: 2; } .inside { fill: #eff6ff; }
  .cut { fill: none; stroke: #dc2626; stroke-width: 2.5; stroke-dasharray: 9 6; stroke-linecap: round; }
  .recorded { fill: #dc2626; stroke: #ffffff; stroke-width: 2.5; } .said { fill: #dc2626; }
  .message path { fill: none; stroke-width: 1.15; opacity: 0.5; } .message circle { opacity: 0.85; }
  .message:hover path { stroke-width: 3; opacity: 1; }
  text { font-family: ui-sans-serif, system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
  .title { font-size: 26px; font-weight: 650; } .name { font-size: 19px; font-weight: 650; }
  .note { font-size: 14px; } .number { font-size: 13px; font-variant-numeric: tabular-nums; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0b1220; } .ink { fill: #e2e8f0; } .soft { fill: #94a3b8; }
    .lane { stroke: #94a3b8; } .inside { fill: #12203a; } .recorded { stroke: #0b1220; }
  }
"""


class _Place(msgspec.Struct, frozen=True):
    """Where a lane is, and where the cut crosses it."""

    y: float
    cut_x: float


def draw(picture: Picture) -> str:
    """The whole SVG."""
    places = {lane.name: _place(index) for index, lane in enumerate(picture.lanes)}
    height = TOP + LANE_HEIGHT * len(picture.lanes) + 40
    hues = _hues(picture.lanes)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-size="14">',
            f"<title>{escape(_title(picture))}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            _inside(places),
            *_heading(picture, hues),
            *(_lane(lane, places[lane.name], picture) for lane in picture.lanes),
            *_messages(picture, places, hues),
            _cut(places),
            *(_recorded(lane, places[lane.name]) for lane in picture.lanes),
            "</svg>\n",
        ]
    )


def _title(picture: Picture) -> str:
    return f"Cut {picture.cut}: {len(picture.crossings)} messages were in flight"


def _place(index: int) -> _Place:
    """Lanes from top to bottom; the cut sways, since no two processes record at the same moment."""
    sway = (0, 22, -14, 26, -20, 12, -26, 16)
    return _Place(TOP + LANE_HEIGHT * (index + 0.5), CUT_X + sway[index % len(sway)])


def _hues(lanes: tuple[Lane, ...]) -> dict[str, str]:
    """A colour for each process that flights go to; what comes back is grey."""
    regions = [lane.name for lane in lanes if not lane.origin]
    hues = {name: _HUES[index % len(_HUES)] for index, name in enumerate(regions)}
    return {lane.name: hues.get(lane.name, _ANSWER) for lane in lanes}


def _heading(picture: Picture, hues: dict[str, str]) -> list[str]:
    regions = {lane.name for lane in picture.lanes if not lane.origin}
    flights = sum(1 for crossing in picture.crossings if crossing.receiver in regions)
    answers = len(picture.crossings) - flights
    lines = [
        f'<text class="title ink" x="40" y="52">{escape(_title(picture))}</text>',
        f'<text class="note soft" x="40" y="78">{flights} flights in the air and {answers} landings not yet confirmed, '
        f"recorded as part of the cut. It took {1000 * picture.duration_seconds:.0f} ms while all services ran on. "
        "Point at a line to see its flight.</text>",
        f'<text class="note said" x="{CUT_X - 12}" y="{TOP - 14}" text-anchor="end">inside the cut</text>',
        f'<text class="note soft" x="{CUT_X + 34}" y="{TOP - 14}">after it</text>',
    ]
    x = 40
    for label, hue in [*((f"to {name}", hues[name]) for name in hues if name in regions), ("landed", _ANSWER)]:
        lines.append(f'<rect x="{x}" y="99" width="22" height="5" rx="2.5" fill="{hue}"/>')
        lines.append(f'<text class="note soft" x="{x + 30}" y="106">{escape(label)}</text>')
        x += 58 + 8 * len(label)
    return lines


def _inside(places: dict[str, _Place]) -> str:
    """Everything to the left of the cut."""
    first, *_, last = places.values()
    bottom = last.y + LANE_HEIGHT / 2
    around = f"L{last.cut_x} {bottom} L{LEFT} {bottom} L{LEFT} {TOP} L{first.cut_x} {TOP} Z"
    return f'<path class="inside" d="{_curve(places)} {around}"/>'


def _cut(places: dict[str, _Place]) -> str:
    return f'<path class="cut" d="{_curve(places)}"/>'


def _curve(places: dict[str, _Place]) -> str:
    """A smooth line through the points at which the processes recorded, a little beyond the outer ones."""
    first, *_, last = places.values()
    return smooth([(first.cut_x, TOP - 6), *((p.cut_x, p.y) for p in places.values()), (last.cut_x, last.y + 46)])


def _lane(lane: Lane, place: _Place, picture: Picture) -> str:
    waits = Counter(crossing.receiver for crossing in picture.crossings)[lane.name]
    sent, received = ("departed", "confirmed") if lane.origin else ("answered", "landed")
    return "\n".join(
        [
            f'<line class="lane" x1="{LEFT}" y1="{place.y}" x2="{RIGHT}" y2="{place.y}"/>',
            f'<path d="M{RIGHT} {place.y - 6} l14 6 l-14 6 z" fill="#64748b"/>',
            f'<text class="name ink" x="{LEFT - 18}" y="{place.y + 1}" text-anchor="end">{escape(lane.name)}</text>',
            f'<text class="note soft" x="{LEFT - 18}" y="{place.y + 20}" text-anchor="end">'
            f"{'flights leave here' if lane.origin else 'flights land here'}</text>",
            f'<text class="number soft" x="{RIGHT + 30}" y="{place.y - 14}">{lane.sent:,} {sent}</text>',
            f'<text class="number soft" x="{RIGHT + 30}" y="{place.y + 5}">{lane.received:,} {received}</text>',
            f'<text class="number said" x="{RIGHT + 30}" y="{place.y + 24}">{waits:,} in flight to it</text>',
        ]
    )


def _recorded(lane: Lane, place: _Place) -> str:
    told = f"{lane.name} recorded its state here: {lane.sent:,} messages sent, {lane.received:,} received"
    return f'<circle class="recorded" cx="{place.cut_x}" cy="{place.y}" r="7"><title>{escape(told)}</title></circle>'


def _messages(picture: Picture, places: dict[str, _Place], hues: dict[str, str]) -> list[str]:
    starts = _starts(picture.crossings, places)
    ends = _ends(picture.crossings, places)
    drawn = []
    for index, crossing in enumerate(picture.crossings):
        x0, y0, x1, y1 = starts[index], places[crossing.sender].y, ends[index], places[crossing.receiver].y
        dx, dy, hue = x1 - x0, y1 - y0, hues[crossing.receiver]
        told = f"{crossing.text}: message {crossing.number:,} from {crossing.sender} to {crossing.receiver}"
        drawn.append(
            f'<g class="message"><title>{escape(told)}</title><path stroke="{hue}" d="M{x0:.1f} {y0:.1f} '
            f"C{x0 + 0.4 * dx:.1f} {y0 + 0.22 * dy:.1f} {x1 - 0.4 * dx:.1f} {y1 - 0.22 * dy:.1f} {x1:.1f} {y1:.1f}"
            f'"/><circle cx="{x1:.1f}" cy="{y1:.1f}" r="2" fill="{hue}"/></g>'
        )
    return drawn


def _starts(crossings: tuple[Crossing, ...], places: dict[str, _Place]) -> list[float]:
    """Where each message starts: the latest one of a sender nearest to the cut."""
    of_sender: dict[str, list[int]] = defaultdict(list)
    for index, crossing in enumerate(crossings):
        of_sender[crossing.sender].append(index)
    starts = [0.0] * len(crossings)
    for sender, indices in of_sender.items():
        indices.sort(key=lambda index: (-crossings[index].order, crossings[index].receiver))
        for rank, index in enumerate(indices):
            starts[index] = places[sender].cut_x - GAP - rank * _step(len(indices))
    return starts


def _ends(crossings: tuple[Crossing, ...], places: dict[str, _Place]) -> list[float]:
    """Where each message ends: channels are in order, and a receiver takes from all of its channels in turn."""
    of_channel: Counter[tuple[str, str]] = Counter()
    of_receiver: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for index, crossing in sorted(enumerate(crossings), key=lambda pair: pair[1].number):
        channel = (crossing.sender, crossing.receiver)
        of_receiver[crossing.receiver].append((of_channel[channel], crossing.sender, index))
        of_channel[channel] += 1
    ends = [0.0] * len(crossings)
    for receiver, arrivals in of_receiver.items():
        for rank, (_, _, index) in enumerate(sorted(arrivals)):
            ends[index] = places[receiver].cut_x + GAP + rank * _step(len(arrivals))
    return ends


def _step(count: int) -> float:
    return min(STEP_MAX, SPREAD / max(1, count))
