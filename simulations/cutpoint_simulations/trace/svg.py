"""A trace as one SVG: processes as lines, time to the right, messages as arrows, cuts as lines across.

A single file that needs no script, no font and no network; pointing at something tells what it is, and so does the
keyboard's focus. It shows everything that is in the trace and is as wide as that takes; for long traces
`cutpoint_simulations.trace.page` has a page that can be zoomed and stepped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from cutpoint_simulations.trace.cuts import read_crossings
from cutpoint_simulations.trace.geometry import Frame, Shelf, arrow_ends, arrow_path, cut_path, head_path, jump_path
from cutpoint_simulations.trace.layout import LOOKS, Arrow, CutLine, Layout, lay_out
from cutpoint_simulations.trace.model import Entry, Trace
from cutpoint_simulations.trace.resources import packaged
from cutpoint_simulations.trace.shapes import DOT, MARKS, STUB
from cutpoint_simulations.trace.words import clock, describe, heading, one_line, verdict

LINE_HEIGHT = 76.0
TOP = 118.0
TICKS_APART = 150.0
LABELS_MAX = 48
"""With more messages than this only those are labelled that crossed a cut, and with more of those none."""
LABEL_LETTERS = 22
JUMP_NAME_WIDTH = 84.0
FOCUSABLE_MAX = 200
"""With more messages than this the keyboard stops only at those that crossed a cut."""

_STYLE = """
  .diagram .title { font-size: 21px; font-weight: 650; fill: var(--ink); }
  .diagram .well { fill: var(--good); font-size: 14px; font-weight: 600; }
  .diagram .ill { fill: var(--orphan); font-size: 14px; font-weight: 650; }
  g[tabindex] { outline: none; } .diagram .told { visibility: hidden; fill: var(--ink); font-weight: 600; }
  g:hover > .told, g:focus > .told { visibility: visible; } g:hover > .arrow, g:focus > .arrow { stroke-width: 4; }
  g:focus > .mark { stroke: var(--ink); }
  .target { fill: none; stroke: none; stroke-width: 12; pointer-events: stroke; }
"""


def draw_svg(trace: Trace) -> str:
    """The whole SVG."""
    return "\n".join([*_Drawing(trace).parts(), "</svg>\n"])


def described(trace: Trace, layout: Layout) -> str:
    """What the diagram shows, for those who cannot see it."""
    counts = {look: layout.count(look) for look in LOOKS}
    return (
        f"Space-time diagram of {len(trace.processes)} processes ({', '.join(trace.processes)}), "
        f"{sum(counts.values())} messages, of which {counts['in-flight']} in flight and {counts['orphan']} orphans, "
        f"and {len(layout.cuts)} cuts. Verdict: {verdict(trace)}."
    )


def short(entry: Entry) -> str:
    """What a message's arrow is labelled with."""
    text = one_line(entry.text) or entry.message
    return text if len(text) <= LABEL_LETTERS else text[: LABEL_LETTERS - 1] + "…"


class _Drawing:
    def __init__(self, trace: Trace) -> None:
        crossings = read_crossings(trace)
        self.trace = trace
        self.layout: Layout = lay_out(trace, crossings)
        self.words = describe(trace, crossings)
        longest = max(map(len, trace.processes), default=0)
        self.frame = Frame(left=44.0 + 8.6 * longest, top=TOP, line_height=LINE_HEIGHT, xs=self.layout.xs)
        self.right = max(self.frame.left + self.layout.width + 30, 900.0)
        self.bottom = TOP + LINE_HEIGHT * len(trace.processes)

    def parts(self) -> Iterator[str]:
        width, height = self.right + 24, self.bottom + 86
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}" role="group" aria-labelledby="title" aria-describedby="desc">'
        )
        yield f'<title id="title">{escape(heading(self.trace))}</title>'
        yield f'<desc id="desc">{escape(described(self.trace, self.layout))}</desc>'
        yield f"<style>{packaged('diagram.css')}{_STYLE}</style>"
        yield f'<rect class="paper" width="{width:g}" height="{height:g}"/>'
        yield from self._heading()
        yield from self._ticks()
        yield from self._lines()
        yield from self._jumps()
        arrows = sorted(self.layout.arrows, key=lambda arrow: LOOKS.index(arrow.look))
        labels = self._labels(arrows)
        yield from (self._arrow(arrow, label) for arrow, label in zip(arrows, labels, strict=True))
        yield from self._cuts()
        yield from self._marks()
        yield from self._legend()

    def _heading(self) -> Iterator[str]:
        sign, look = ("✗ ", "ill") if self.trace.verdict else ("✓ ", "well")
        yield f'<text class="title" x="24" y="38">{escape(heading(self.trace))}</text>'
        yield f'<text class="{look}" x="24" y="62">{escape(sign + verdict(self.trace))}</text>'

    def _ticks(self) -> Iterator[str]:
        """The time of the entry that stands at each tick."""
        due = 0.0
        for x, entry in zip(self.layout.xs, self.trace.entries, strict=True):
            if x >= due:
                place = self.frame.left + x
                yield f'<path class="ticks" d="M{place:g} {TOP:g} V{self.bottom:g}"/>'
                yield (
                    f'<text class="time" x="{place:g}" y="{self.bottom + 18:g}" text-anchor="middle">'
                    f"{clock(entry.at, self.trace.unit)}</text>"
                )
                due = x + TICKS_APART

    def _lines(self) -> Iterator[str]:
        for index, process in enumerate(self.trace.processes):
            y = self.frame.y(index)
            yield f'<path class="dead" d="M{self.frame.left:g} {y:g} H{self.right:g}"/>'
            yield (
                f'<text class="name" x="{self.frame.left - 16:g}" y="{y + 5:g}" text-anchor="end">'
                f"{escape(process)}</text>"
            )
        for life in self.layout.lives:
            start = self.frame.left if life.started is None else self.frame.x(life.started)
            end = self.right if life.ended is None else self.frame.x(life.ended)
            yield f'<path class="alive" d="M{start:g} {self.frame.y(life.line):g} H{end:g}"/>'

    def _jumps(self) -> Iterator[str]:
        for jump in self.layout.jumps:
            path, head, (label_x, label_y) = jump_path(self.frame, jump)
            yield (
                f'<path class="jump" d="{path}"/><path class="jump-head" d="{head}"/><text class="jump-name halo" '
                f'x="{label_x:g}" y="{label_y:g}" text-anchor="end">back to cut {jump.cut}</text>'
            )

    def _arrow(self, arrow: Arrow, label: str) -> str:
        (x0, y0), (x1, y1) = arrow_ends(self.frame, arrow)
        told = "; ".join(f"{self._who(index)} {self.words[index]}" for index in _known(arrow))
        focus = len(self.layout.arrows) <= FOCUSABLE_MAX or arrow.look in CROSSED
        path = arrow_path(self.frame, arrow)
        parts = [
            f'<g class="message {arrow.look}"{_focusable(told) if focus else ""}><title>{escape(told)}</title>',
            f'<path class="target" d="{path}"/><path class="arrow" d="{path}"/>',
            f'<path class="dot" d="M{x0:.1f} {y0:.1f}{DOT}"/>' if arrow.sent is not None and not arrow.again else "",
            f'<path class="head" d="{head_path(self.frame, arrow)}"/>' if arrow.received is not None else "",
            f'<path class="stub" d="M{x1:.1f} {y1:.1f}{STUB}"/>' if arrow.received is None else "",
            f'<path class="stub" d="M{x0:.1f} {y0:.1f}{STUB}"/>' if arrow.sent is None or arrow.again else "",
            label,
        ]
        if focus:
            x, y = (x0 + x1) / 2, (y0 + y1) / 2 + 18
            parts.append(f'<text class="told halo" x="{x:.1f}" y="{y:.1f}">{escape(told)}</text>')
        return "".join([*parts, "</g>"])

    def _labels(self, arrows: list[Arrow]) -> list[str]:
        """A label for each arrow, empty where there is no room; what crossed a cut chooses first."""
        all_of_them = len(arrows) <= LABELS_MAX
        wanted = [arrow.look in CROSSED or (all_of_them and arrow.look == "plain") for arrow in arrows]
        labels = [""] * len(arrows)
        if sum(wanted) <= LABELS_MAX:
            shelf = Shelf()
            for jump in self.layout.jumps:
                _, _, (x, y) = jump_path(self.frame, jump)
                shelf.take(x - JUMP_NAME_WIDTH, y, JUMP_NAME_WIDTH, 13)
            for index in reversed(range(len(arrows))):
                if wanted[index]:
                    labels[index] = self._label(arrows[index], shelf)
        return labels

    def _label(self, arrow: Arrow, shelf: Shelf) -> str:
        text = short(self.trace.entries[_known(arrow)[0]])
        (x0, y0), (x1, y1) = arrow_ends(self.frame, arrow)
        for share in (0.4, 0.6, 0.25, 0.75):
            x, y = x0 + share * (x1 - x0) + 5, y0 + share * (y1 - y0) + 3
            if shelf.take(x, y, 6.4 * len(text), 13):
                return f'<text class="label halo" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'
        return ""

    def _cuts(self) -> Iterator[str]:
        free = [0.0, 0.0]
        for cut in self.layout.cuts:
            x = self.frame.x(cut.records[0])
            row = 0 if x > free[0] else 1
            free[row] = x + 8.0 * len(cut.label)
            path = cut_path(self.frame, cut, self.layout.lines, self.bottom)
            yield (
                f'<g class="crossing"{_focusable(_cut_told(cut))}><title>{escape(_cut_told(cut))}</title>'
                f'<path class="target" d="{path}"/><path class="cut {cut.state}" d="{path}"/>'
                f'<text class="cut-name halo {cut.state}" x="{x:g}" y="{TOP - 12 - 17 * row:g}" text-anchor="middle">'
                f"{escape(cut.label)}</text></g>"
            )

    def _marks(self) -> Iterator[str]:
        gone = {index for cut in self.layout.cuts if cut.state == "abandoned" for index in cut.records}
        for index, entry in enumerate(self.trace.entries):
            if entry.kind in MARKS:
                look = f"{entry.kind} abandoned" if index in gone else entry.kind
                told = f"{self._who(index)} {self.words[index]}"
                x, y = self.frame.x(index), self.frame.y(self.layout.lines[index])
                yield (
                    f'<g{_focusable(told)}><title>{escape(told)}</title><path class="mark {look}" '
                    f'd="M{x:g} {y:g}{MARKS[entry.kind]}"/><text class="told halo" x="{x:g}" y="{y + 24:g}" '
                    f'text-anchor="middle">{escape(told)}</text></g>'
                )

    def _who(self, index: int) -> str:
        entry = self.trace.entries[index]
        return f"{clock(entry.at, self.trace.unit)}: {entry.process}"

    def _legend(self) -> Iterator[str]:
        x, y = 24.0, self.bottom + 58
        for look, label in ARROWS_LEGEND:
            yield f'<g class="{look}"><path class="arrow" d="M{x:g} {y - 4:g} h30"/></g>'
            yield f'<text x="{x + 37:g}" y="{y:g}">{label}</text>'
            x += 58 + 6.6 * len(label)
        for kind, label in MARKS_LEGEND:
            yield f'<path class="mark {kind}" d="M{x + 8:g} {y - 4:g}{MARKS[kind]}"/>'
            yield f'<text x="{x + 22:g}" y="{y:g}">{label}</text>'
            x += 42 + 6.6 * len(label)


def _focusable(told: str) -> str:
    return f' tabindex="0" role="img" aria-label="{escape(told)}"'


def _known(arrow: Arrow) -> list[int]:
    """Its ends that are in the trace."""
    return [index for index in (arrow.sent, arrow.received) if index is not None]


def _cut_told(cut: CutLine) -> str:
    reason = f": {one_line(cut.reason)}" if cut.reason else ""
    return f"{cut.label} in incarnation {cut.incarnation}{reason}; {len(cut.records)} processes recorded"


CROSSED = ("in-flight", "orphan")
ARROWS_LEGEND = (("plain", "message"), ("in-flight", "in flight"), ("orphan", "orphan"), ("control", "control"))

MARKS_LEGEND = (
    ("record", "recorded"),
    ("publish", "published"),
    ("abandon", "abandoned"),
    ("end", "ended"),
    ("start", "started"),
    ("restore", "went back"),
    ("fault", "fault"),
)
