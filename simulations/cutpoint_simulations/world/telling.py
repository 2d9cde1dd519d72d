"""A history told in words: a line for each action, what came of it, and the verdict at the end.

For people who know what a cut and a marker are, and nothing of the insides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cutpoint.protocol.messages import AnyFrame
from cutpoint_simulations.trace.model import Entry
from cutpoint_simulations.world.action import Action
from cutpoint_simulations.world.history import HEAL, REST, Build, History, replay
from cutpoint_simulations.world.phrases import frames, phrase
from cutpoint_simulations.world.shrinking import Shrunk
from cutpoint_simulations.world.tracing import Tracer
from cutpoint_simulations.world.verdict import Verdict
from cutpoint_simulations.world.world import World

COMPLAINT_MAX = 400
"""So many characters of a complaint are told; one that describes a whole world is longer."""


def told(history: History, *, build: Build | None = None) -> tuple[str, ...]:
    """Replay a history and tell it: who is there at the start, a line for each action, the healing, the verdict."""
    teller = Teller()
    replayed = replay(history, build=build, observer=teller)
    return (f"at the start: {_all(history.names)}", *teller.lines, _verdict(replayed.verdict))


def report(shrunk: Shrunk, *, build: Build | None = None) -> str:
    """The shortest history that was found, numbered, under a line that says how it was found."""
    start, *lines, verdict = told(shrunk.history, build=build)
    numbered = [f"{number:3}  {line}" for number, line in enumerate(lines, start=1)]
    found = f"{shrunk.before} actions shrunk to {len(shrunk.history.actions)} in {shrunk.replays} replays"
    return "\n".join([found, f"     {start}", *numbered, f"     {verdict}"])


def _verdict(verdict: Verdict) -> str:
    if not verdict.failed:
        return "verdict: all is well"
    complaint = verdict.complaint
    return f"verdict: {complaint if len(complaint) <= COMPLAINT_MAX else complaint[:COMPLAINT_MAX] + ' ...'}"


class Teller:
    """An `Observer` of a replay. ``lines`` are what it has told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._heard: list[Entry] = []
        self._tracer = Tracer(self._heard.append)
        self._whole: Action | None = None
        self._clause = ""
        self._under_way = 0

    def before(self, world: World, action: Action) -> None:
        """Take down the clause while everything it speaks of is still there."""
        if self._whole is not None:
            self._tracer.before(world, action)
            return
        if action in (REST, HEAL):
            self._whole = action
            self._clause = "everything that is under way happens" if action == REST else "nothing fails any more"
        else:
            self._clause = phrase(world, action)
            self._under_way = len(_on_line(world, action))
        self._tracer.before(world, action)
        self._heard.clear()
        self.lines.append(self._clause)

    def after(self, world: World, action: Action) -> None:
        """Add what came of it. Where a replay fails half-way, what was told before stays."""
        self._tracer.after(world, action)
        if self._whole is None and action.kind == "transmit" and action.number in world.network.wires:
            self._clause = f"{self._clause}: {frames(_on_line(world, action)[self._under_way :])}"
        what = consequences(self._heard, whole=self._whole is not None)
        self.lines[-1] = f"{self._clause}: {what}" if what else self._clause
        if action == self._whole:
            self._whole = None


def _on_line(world: World, action: Action) -> list[AnyFrame]:
    wire = world.network.wires.get(action.number) if action.kind == "transmit" else None
    return [] if wire is None else list(wire.line_from(action.actor).frames)


def consequences(entries: Sequence[Entry], *, whole: bool) -> str:
    """What came of one action, or with ``whole`` of many that were not told one by one."""
    clauses: dict[str, list[str]] = {}
    for entry in entries:
        clause = _clause(entry, whole=whole)
        if clause:
            clauses.setdefault(clause, []).append(entry.process)
    return "; ".join(clause.format(who=_all(who)) for clause, who in clauses.items())


def _clause(entry: Entry, *, whole: bool) -> str:
    match entry.kind:
        case "record":
            return f"{{who}} recorded cut {entry.cut}"
        case "restore":
            return f"{{who}} went back to {f'cut {entry.cut}' if entry.cut else 'the beginning'}"
        case "publish":
            return f"cut {entry.cut} was published"
        case "abandon":
            return f"cut {entry.cut} was abandoned ({_short(entry.text)})".replace("{", "{{").replace("}", "}}")
        case "receive" if whole:
            return f"{{who}} received {entry.text} from {entry.peer}"
        case "start" if whole:
            return "{who} started again"
        case "end" if whole:
            return "{who} went"
        case _:
            return ""


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else text[:most] + " ..."


def _all(names: Iterable[str]) -> str:
    *others, last = dict.fromkeys(names)
    return f"{', '.join(others)} and {last}" if others else last
