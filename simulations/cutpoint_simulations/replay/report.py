"""What a replay found out: as one value for programs, and as lines and a table for people."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cutpoint_coordinator.commands.printing import several
from cutpoint_simulations.replay.divergence import Divergence, in_short, told
from cutpoint_simulations.replay.future import Future, Question
from cutpoint_simulations.replay.point import RecordedPoint
from cutpoint_simulations.replay.verdict import Verdict

SEEDS_NAMED = 5

COLUMNS = ("seed#", "virtual time#", "messages#", "end", "trace", "")


class PointSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Which recovery point was replayed."""

    store: str
    computation: str
    cut: int
    created: str
    processes: tuple[str, ...]
    in_flight: int

    @classmethod
    def of(cls, point: RecordedPoint) -> PointSummary:
        """What there is to say of it."""
        return cls(
            store=point.url,
            computation=point.manifest.computation,
            cut=int(point.cut),
            created=point.manifest.created,
            processes=tuple(map(str, point.manifest.members)),
            in_flight=point.in_flight,
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. ``divergence``: of the first two that end differently, or of the first two at all if asked for."""

    point: PointSummary
    question: Question
    futures: tuple[Future, ...]
    verdict: Verdict
    divergence: Divergence | None = None

    @property
    def failure(self) -> str:
        """Why the replay is a failure, in one line; empty if it is none."""
        count, verdict = len(self.futures), self.verdict
        if verdict.failed:
            first = next(future for future in self.futures if future.complaint)
            return (
                f"{len(verdict.failed)} of {several(count, 'future')} went wrong; seed {first.seed}: "
                f"{first.complaint}; the store was not changed; --seed {first.seed} --seeds 1 --draw FILE.html shows it"
            )
        if self.divergence is not None and verdict.differing:
            return (
                f"the futures of recovery point {self.point.cut} do not all end the same: {len(verdict.differing)} of "
                f"{count} end otherwise than seed {verdict.reference}; {in_short(self.divergence)}; the store was not "
                "changed; make the services come to the same end in every order that the network may choose"
            )
        return ""


def heading(point: RecordedPoint) -> str:
    """What is replayed, in one line."""
    processes, messages = several(len(point.parts), "process", "processes"), several(point.in_flight, "message")
    return f"{point.title[0].upper()}{point.title[1:]}: {processes}, {messages} in flight, {point.manifest.created}"


def rows(futures: Sequence[Future]) -> list[tuple[object, ...]]:
    """The futures, for a table with `COLUMNS`."""
    return [
        (
            future.seed,
            f"{future.seconds:.3f} s",
            future.messages,
            _short(future.end),
            _short(future.trace),
            future.complaint or ("at rest" if future.at_rest else "still at work"),
        )
        for future in futures
    ]


def conclusions(report: Report) -> list[str]:
    """What the futures say together, in lines."""
    verdict, lines = report.verdict, []
    for name in sorted({name: None for future in report.futures for name in future.newcomers}):
        lines.append(f"{name} is not in the recovery point: it began anew.")
    if verdict.busy:
        lines.append(
            f"{_seeds(verdict.busy)} still at work after {report.question.until:g} virtual seconds: what they had come "
            "to is not compared."
        )
    rested = len(report.futures) - len(verdict.busy) - len(verdict.failed)
    if rested and not verdict.differing:
        end = next(future.end for future in report.futures if future.seed == verdict.reference)
        lines.append(f"{several(rested, 'future')} came to rest{_alike(rested)}: {end}")
    if report.divergence is not None:
        lines += told(report.divergence)
    return lines


def _alike(rested: int) -> str:
    return " in the same end" if rested > 1 else ""


def _seeds(seeds: Sequence[int]) -> str:
    named = ", ".join(map(str, seeds[:SEEDS_NAMED]))
    rest = f" and {len(seeds) - SEEDS_NAMED} more" if len(seeds) > SEEDS_NAMED else ""
    return f"Seed {named} was" if len(seeds) == 1 else f"Seeds {named}{rest} were"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12] or "-"
