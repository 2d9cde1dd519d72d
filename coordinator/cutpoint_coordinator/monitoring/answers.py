"""What the API says of monitors. The code of one never leaves the coordinator; its digest does."""

from __future__ import annotations

from typing import Any

import msgspec

from cutpoint.monitors.deployed import Deployed
from cutpoint.monitors.results import Results


class EpisodeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The cuts from ``first`` to ``last`` that a monitor complained of; ``first`` is the evidence, and was pinned."""

    first: int
    last: int
    complaint: str
    details: dict[str, Any] = {}
    began: str = ""
    over: bool = False


class MonitorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor. ``verdict``: of cut ``last_cut``; ``fault``: what is wrong with the monitor itself, if anything is.

    ``episodes``: the latest violations, oldest first.
    """

    name: str
    description: str = ""
    code: str = ""
    python: str = ""
    by: str = ""
    added: str = ""
    period_seconds: float = 0.0
    seconds: float = 0.0
    memory_bytes: int = 0
    pins: bool = True
    last_cut: int = 0
    at: str = ""
    verdict: str = ""
    checked: int = 0
    violated: int = 0
    failed: int = 0
    skipped: int = 0
    fault: str = ""
    episodes: tuple[EpisodeAnswer, ...] = ()


class MonitorsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All monitors. ``refused``: records that are not run, by name, and why."""

    monitors: tuple[MonitorAnswer, ...]
    refused: dict[str, str] = {}


def monitor_answer(deployed: Deployed, results: Results) -> MonitorAnswer:
    """What to say of one monitor."""
    return MonitorAnswer(
        name=deployed.name,
        description=deployed.description,
        code=deployed.digest,
        python=deployed.python,
        by=deployed.by,
        added=deployed.at,
        period_seconds=deployed.period_seconds,
        seconds=deployed.seconds,
        memory_bytes=deployed.memory_bytes,
        pins=deployed.pins,
        last_cut=results.last if results.checked else 0,
        at=results.at,
        verdict=results.verdict,
        checked=results.checked,
        violated=results.violated,
        failed=results.failed,
        skipped=results.skipped,
        fault=results.fault,
        episodes=tuple(
            EpisodeAnswer(
                first=each.first,
                last=each.last,
                complaint=each.complaint,
                details=each.details,
                began=each.began,
                over=each.over,
            )
            for each in results.episodes
        ),
    )
