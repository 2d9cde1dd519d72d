"""A trace as one HTML page that can be scrolled, zoomed, filtered and stepped; it loads nothing from anywhere.

Python decides what is drawn: places, looks, cuts and words come from `cutpoint_simulations.trace.layout` and
`cutpoint_simulations.trace.words`. The page's own script (page*.js) only scales, paints what is in view, and listens.
"""

from __future__ import annotations

import re
from html import escape

import msgspec

from cutpoint_simulations.trace import geometry
from cutpoint_simulations.trace.cuts import read_crossings
from cutpoint_simulations.trace.layout import Arrow, CutLine, Jump, Layout, Life, lay_out
from cutpoint_simulations.trace.model import Trace
from cutpoint_simulations.trace.resources import packaged
from cutpoint_simulations.trace.shapes import DOT, MARKS, STUB
from cutpoint_simulations.trace.svg import ARROWS_LEGEND, MARKS_LEGEND, described, short
from cutpoint_simulations.trace.words import clock, describe, heading, verdict


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry, as the script gets it. ``label`` is a message's payload, cut to fit on an arrow."""

    x: float
    line: int
    kind: str
    clock: str
    words: str
    channel: str
    label: str


class _Geometry(msgspec.Struct, frozen=True, kw_only=True):
    """What page_places.js shares with `cutpoint_simulations.trace.geometry`."""

    stub_x: float = geometry.STUB_X
    stub_share: float = geometry.STUB_SHARE
    arc: float = geometry.ARC
    head: float = geometry.HEAD
    bend: float = geometry.BEND


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the script paints."""

    processes: tuple[str, ...]
    events: list[_Event]
    width: float
    arrows: tuple[Arrow, ...]
    cuts: tuple[CutLine, ...]
    lives: tuple[Life, ...]
    jumps: tuple[Jump, ...]
    violation: int | None
    marks: dict[str, str]
    dot: str = DOT
    stub: str = STUB
    geometry: _Geometry = _Geometry()


def draw_html(trace: Trace) -> str:
    """The whole page."""
    crossings = read_crossings(trace)
    layout = lay_out(trace, crossings)
    sign, look = ("✗", "ill") if trace.verdict else ("✓", "well")
    fields = {
        "heading": escape(heading(trace)),
        "title": escape(trace.title),
        "seed": str(trace.seed),
        "entries": f"{len(trace.entries):,}",
        "messages": f"{sum(1 for message in crossings.messages if message.number):,}",
        "in_flight": f"{layout.count('in-flight'):,}",
        "orphans": f"{layout.count('orphan'):,}",
        "verdict": escape(verdict(trace)),
        "verdict_sign": sign,
        "verdict_look": look,
        "described": escape(described(trace, layout)),
        "unit": "virtual seconds" if trace.unit == "s" else "steps of the run",
        "legend": _legend(),
        "style": packaged("diagram.css") + packaged("page.css"),
        "script": _script(),
        "data": _inlined(_data(trace, layout, describe(trace, crossings))),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda field: fields[field[1]], packaged("page.html"))


def _data(trace: Trace, layout: Layout, words: tuple[str, ...]) -> _Data:
    return _Data(
        processes=trace.processes,
        events=[
            _Event(
                x=x,
                line=line,
                kind=entry.kind,
                clock=clock(entry.at, trace.unit),
                words=said,
                channel=entry.channel,
                label=short(entry) if entry.kind in ("send", "receive") else "",
            )
            for x, line, entry, said in zip(layout.xs, layout.lines, trace.entries, words, strict=True)
        ],
        width=layout.width,
        arrows=layout.arrows,
        cuts=layout.cuts,
        lives=layout.lives,
        jumps=layout.jumps,
        violation=layout.violation,
        marks=MARKS,
    )


def _script() -> str:
    """The parts of the page's script, in a scope of their own."""
    parts = "".join(packaged(name) for name in ("page_places.js", "page_paint.js", "page.js"))
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _inlined(data: _Data) -> str:
    """JSON that no text in it can end: in a script element only ``<`` could."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")


def _legend() -> str:
    """One item a look, with a swatch."""
    arrows = [(f'<path class="arrow {look}" d="M1 9 H29"/>', 30, label) for look, label in ARROWS_LEGEND]
    cuts = [
        (f'<path class="cut {state}" d="M15 1 C15 9 9 9 9 17"/>', 24, label)
        for state, label in (("published", "published cut"), ("abandoned", "abandoned cut"), ("open", "open cut"))
    ]
    marks = [(f'<path class="mark {kind}" d="M10 9{MARKS[kind]}"/>', 20, label) for kind, label in MARKS_LEGEND]
    return "".join(
        f'<li><svg width="{width}" height="18" aria-hidden="true">{swatch}</svg>{label}</li>'
        for swatch, width, label in (*arrows, *cuts, *marks)
    )
