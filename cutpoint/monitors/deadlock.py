"""Ready made: processes that wait for each other in a circle, with nothing under way that could free one of them.

This is the stable property of Chandy and Lamport's paper, by way of the waits that services declare (`waits`).

A wait on a channel is *open* when no message is in flight on it, either way: what was asked has been received, and no
answer has been sent. Then it takes somebody in the other process to act:

* if a task there answers this very channel (its turn began on it) and waits itself, then that wait has to end first;
* otherwise the process has put the answer off. It may come out of anything that still goes on there, so the wait is
  stuck only if all waits of that process are stuck; if it waits for nothing, it is free.

What waits for its own process (a lock, a queue) is stuck if all that waits for other processes there is. Of all open
waits those that are not stuck are taken away, until nothing changes: what is left waits for ever. A process that says
nothing of what it waits for counts as free, so silence can hide a deadlock and never make one up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cutpoint.monitors.monitor import LIMITS, Complaint, Limits, Monitor
from cutpoint.monitors.recorded import InFlight, Recorded
from cutpoint.monitors.waits import Wait, waits_of

WaitsOf = Callable[[str, Mapping[str, Any]], Iterable[Wait]]


@dataclasses.dataclass(frozen=True)
class _Stand:
    """One wait, where it is; the order of a recovery point's waits is that of its processes."""

    process: str
    number: int
    wait: Wait

    def __str__(self) -> str:
        return f"{self.process} waits for {self.wait}"


def deadlock(
    name: str = "deadlock",
    *,
    waits: WaitsOf | None = None,
    seconds: float = 0.0,
    period_seconds: float = 0.0,
    limits: Limits = LIMITS,
) -> Monitor:
    """``waits`` gives what a process's states say of what it waits for, besides what its agent has recorded.

    ``seconds``: what has waited for less is left out.
    """

    def check(point: Recorded) -> str | None:
        """No processes wait for each other in a circle."""
        return entangled(point, waits=waits, seconds=seconds)

    return Monitor(name=name, check=check, period_seconds=period_seconds, limits=limits)


def entangled(point: Recorded, *, waits: WaitsOf | None = None, seconds: float = 0.0) -> Complaint | None:
    """The waits of ``point`` that can never end, or None."""
    stands = [
        _Stand(process, number, wait)
        for process in sorted(point.states)
        for number, wait in enumerate(_all_waits(process, point.states[process], waits))
    ]
    stuck = _stuck([stand for stand in stands if stand.wait.seconds >= seconds and _open(stand, point)], stands)
    if not stuck:
        return None
    circle = _circle(stuck)
    processes = list(dict.fromkeys(stand.process for stand in circle))
    who = (
        f"{processes[0]} waits for itself" if len(processes) == 1 else f"{' and '.join(processes)} wait for each other"
    )
    others = [stand for stand in stuck if stand not in circle]
    also = f"; {len(others)} more waits never end either" if others else ""
    return Complaint(
        f"{who}, and no message is under way between them: {'; '.join(map(str, circle))}{also}",
        processes=processes,
        circle=[_told(stand) for stand in circle],
        behind=[_told(stand) for stand in others],
    )


def _all_waits(process: str, states: Mapping[str, Any], waits: WaitsOf | None) -> list[Wait]:
    return [*waits_of(states), *(waits(process, states) if waits is not None else ())]


def _open(stand: _Stand, point: Recorded) -> bool:
    """Whether nothing is under way that could end the wait, or that its end could come of."""
    wait = stand.wait
    if not wait.process:
        return True
    if wait.process not in point.states:
        return False
    return not any(_concerns(message, stand) for message in point.in_flight)


def _concerns(message: InFlight, stand: _Stand) -> bool:
    ends = {message.sender, message.receiver}
    if ends != {stand.process, stand.wait.process}:
        return False
    return not stand.wait.channel or message.channel == stand.wait.channel


def _stuck(stuck: list[_Stand], stands: list[_Stand]) -> list[_Stand]:
    """What is left of ``stuck`` when all that others can still end is taken away; ``stands`` are all waits."""
    while True:
        left = [stand for stand in stuck if _freed_by(stand, stands) and _all_in(_freed_by(stand, stands), stuck)]
        if len(left) == len(stuck):
            return left
        stuck = left


def _freed_by(stand: _Stand, stands: list[_Stand]) -> list[_Stand]:
    """The waits of which one has to end before this one does; none: it may end at any time."""
    wait = stand.wait
    if not wait.process:
        return [other for other in stands if other.process == stand.process and other.wait.process]
    there = [other for other in stands if other.process == wait.process and other != stand]
    answering = [other for other in there if wait.channel and other.wait.turn_of == wait.channel]
    return answering or there


def _all_in(some: list[_Stand], stuck: list[_Stand]) -> bool:
    return all(other in stuck for other in some)


def _circle(stuck: list[_Stand]) -> list[_Stand]:
    """A circle among ``stuck``: every one of them waits for another."""
    path = [stuck[0]]
    while True:
        following = _freed_by(path[-1], stuck)[0]
        if following in path:
            return path[path.index(following) :]
        path.append(following)


def _told(stand: _Stand) -> dict[str, Any]:
    return {"waits": stand.process, **dataclasses.asdict(stand.wait)}
