"""Paths of arrows, cuts and jumps in a frame of lines, for the SVG; page_places.js has the same for every zoom."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from cutpoint_simulations.trace.layout import Arrow, CutLine, Jump
from cutpoint_simulations.trace.shapes import smooth

STUB_X = 24.0
STUB_SHARE = 0.42
"""What is drawn of a message that has one end only: so far to the side, and this share of a line's height."""
ARC = 0.7
"""How high what a process sends to itself rises, as a share of a line's height; the arc reaches half of it."""
HEAD = 9.0
BEND = 26.0
"""How far below the line a jump back runs."""

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where lines are: the first one half a ``line_height`` below ``top``, places counted from ``left``."""

    left: float
    top: float
    line_height: float
    xs: tuple[float, ...]

    def x(self, index: int) -> float:
        """The place of an entry."""
        return self.left + self.xs[index]

    def y(self, line: int) -> float:
        """The height of a line."""
        return self.top + (line + 0.5) * self.line_height


def arrow_ends(frame: Frame, arrow: Arrow) -> tuple[Point, Point]:
    """Where an arrow begins and where it ends; an end that is not at its process is a stub's."""
    y0, y1 = frame.y(arrow.sender), frame.y(arrow.receiver)
    reach = STUB_SHARE * frame.line_height * (1 if y1 >= y0 else -1)
    if arrow.sent is None or arrow.again:
        end = frame.x(arrow.received or 0), y1
        return (end[0] - STUB_X, y1 - reach), end
    start = frame.x(arrow.sent), y0
    if arrow.received is None:
        return start, (start[0] + STUB_X, y0 + reach)
    return start, (frame.x(arrow.received), y1)


def arrow_path(frame: Frame, arrow: Arrow) -> str:
    """A straight line, or an arc above the line for what a process sends to itself."""
    (x0, y0), (x1, y1) = arrow_ends(frame, arrow)
    if y0 == y1:
        return f"M{x0:.1f} {y0:.1f} Q{(x0 + x1) / 2:.1f} {y0 - ARC * frame.line_height:.1f} {x1:.1f} {y1:.1f}"
    return f"M{x0:.1f} {y0:.1f} L{x1:.1f} {y1:.1f}"


def head_path(frame: Frame, arrow: Arrow) -> str:
    """The head at the receiver's end."""
    (x0, y0), (x1, y1) = arrow_ends(frame, arrow)
    return head((x0, y0) if y0 != y1 else ((x0 + x1) / 2, y0 - ARC * frame.line_height), (x1, y1))


def head(start: Point, end: Point) -> str:
    """A triangle whose tip is ``end``, seen from ``start``."""
    (x0, y0), (x1, y1) = start, end
    length = hypot(x1 - x0, y1 - y0) or 1.0
    dx, dy = HEAD * (x1 - x0) / length, HEAD * (y1 - y0) / length
    return (
        f"M{x1:.1f} {y1:.1f} L{x1 - dx - 0.42 * dy:.1f} {y1 - dy + 0.42 * dx:.1f} "
        f"L{x1 - dx + 0.42 * dy:.1f} {y1 - dy - 0.42 * dx:.1f} Z"
    )


def cut_path(frame: Frame, cut: CutLine, lines: tuple[int, ...], bottom: float) -> str:
    """Through the places where the processes recorded, from above the first line to ``bottom``."""
    points = [(frame.x(index), frame.y(lines[index])) for index in cut.records]
    first, *_, last = (points[0], *points)
    return smooth([(first[0], frame.top - 6), *points, (last[0], bottom)])


def jump_path(frame: Frame, jump: Jump) -> tuple[str, str, Point]:
    """From a restore back, below the line, to what it restored: the line, its head, and where its name ends.

    What was recorded before the trace begins is somewhere to the left.
    """
    x1, y = frame.x(jump.restored), frame.y(jump.line)
    if jump.recorded is None:
        x0 = x1 - 60
        return (
            f"M{x1:.1f} {y + 8:.1f} q-4 {BEND - 8} -18 {BEND - 8} H{x0:.1f}",
            head((x1, y + BEND), (x0 - HEAD, y + BEND)),
            (x1 - 10, y + BEND + 12),
        )
    x0 = frame.x(jump.recorded)
    corner = min(18.0, (x1 - x0) / 2)
    line = (
        f"M{x1:.1f} {y + 8:.1f} q-2 {BEND - 8} {-corner:.1f} {BEND - 8} "
        f"H{x0 + corner:.1f} q{2 - corner:.1f} 0 {-corner:.1f} {8 - BEND}"
    )
    return line, head((x0 + 4, y + BEND), (x0, y + 8)), (x1 - 14, y + BEND + 12)


class Shelf:
    """Rooms for labels: the first one to ask for a room gets it."""

    def __init__(self) -> None:
        self._taken: list[tuple[float, float, float, float]] = []

    def take(self, x: float, y: float, width: float, height: float) -> bool:
        """Take the room from ``x`` to the right and from ``y`` upwards, unless somebody has a part of it."""
        room = (x, y - height, x + width, y)
        if any(x0 < room[2] and room[0] < x1 and y0 < room[3] and room[1] < y1 for x0, y0, x1, y1 in self._taken):
            return False
        self._taken.append(room)
        return True
