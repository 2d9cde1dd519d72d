"""What runs have found out: one line of JSON for each for programs, words for people."""

from __future__ import annotations

import msgspec

from cutpoint_coordinator.commands.printing import several
from cutpoint_simulations.faults import Plan, tell
from cutpoint_simulations.oracles import Violation
from cutpoint_simulations.runs.outcome import Counts, Outcome
from cutpoint_simulations.runs.series import Totals
from cutpoint_simulations.runs.shrinking import Shrunk
from cutpoint_simulations.trace import tell as tell_trace

TOLD_LINES = 40
"""How much of a failed run's story is told; the diagram has all of it."""

FAILURES_NAMED = 10
NO_FAULTS = "  no faults"


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """One run as ``--json`` prints it. ``hash`` is that of everything that happened."""

    app: str
    seed: int
    hash: str
    verdict: str
    violations: tuple[Violation, ...]
    counts: Counts
    seconds: float
    turns: int
    plan: Plan

    @classmethod
    def of(cls, outcome: Outcome) -> RunReport:
        """What there is to say of a run."""
        return cls(
            app=outcome.scenario,
            seed=outcome.seed,
            hash=outcome.digest,
            verdict=outcome.verdict or "sound",
            violations=outcome.violations,
            counts=outcome.counts,
            seconds=round(outcome.statistics.seconds, 6),
            turns=outcome.statistics.turns,
            plan=outcome.plan,
        )

    def line(self) -> str:
        """The report as one line of JSON."""
        return msgspec.json.encode(self).decode()


def tell_run(outcome: Outcome) -> str:
    """One run in words: its faults, what came of it, its hash."""
    counts = outcome.counts
    recoveries = several(counts.recoveries, "recovery", "recoveries")
    after = f"; sound again {counts.recovered_after_seconds:g} s after the healing" if not outcome.failed else ""
    return "\n".join(
        [
            f"{outcome.scenario}, seed {outcome.seed}, {outcome.statistics.seconds:.3f} virtual seconds",
            tell(outcome.plan) or NO_FAULTS,
            f"{several(counts.published, 'recovery point')} with {several(counts.in_flight, 'message')} in flight, "
            f"{several(counts.abandoned, 'cut')} abandoned, {recoveries}{after}",
            f"hash {outcome.digest}",
            outcome.verdict or "all is well",
        ]
    )


def tell_another_run(first: Outcome, again: Outcome) -> str:
    """What to say if a seed that was run twice gave two runs; empty if they are the same."""
    if (first.digest, first.verdict) == (again.digest, again.verdict):
        return ""
    return (
        f"This program is not deterministic: seed {first.seed} was run again, and this time {_ending(again)}; "
        f"before, {_ending(first)}. Told and drawn is the second run. Look for sets of objects that have no hash of "
        "their own, for what modules or libraries keep from run to run, and for code that reads a real clock, file or "
        "source of chance by itself."
    )


def _ending(outcome: Outcome) -> str:
    return f"{outcome.verdict or 'all was well'} (hash {outcome.digest[:19]})"


def tell_shrunk(shrunk: Shrunk) -> str:
    """The smallest run that fails as the first one did: its faults, and the end of its story."""
    outcome = shrunk.outcome
    scenario, before = shrunk.scenario, several(shrunk.faults_before, "fault")
    pace = f", at 1/{scenario.pace:g} of the pace" if scenario.pace != 1 else ""
    return "\n".join(
        [
            f"seed {outcome.seed} fails with {len(outcome.plan)} of its {before}, healed after {scenario.seconds:g} s"
            f"{pace} ({several(shrunk.reruns, 'rerun')}):",
            tell(outcome.plan) or NO_FAULTS,
            "",
            tell_story(outcome),
        ]
    )


def tell_story(outcome: Outcome) -> str:
    """What the first complaint is about, and the end of a traced run, one line an entry."""
    assert outcome.trace is not None, "the run is traced"
    evidence = outcome.violations[0].evidence if outcome.failed else ()
    found = [f"recovery point {outcome.violations[0].cut} holds:", *evidence, ""] if evidence else []
    story = tell_trace(outcome.trace, last=TOLD_LINES).splitlines()
    return "\n".join(f"  {line}".rstrip() for line in (*found, *story))


def tell_totals(totals: Totals) -> str:
    """Many runs in words, the failed ones by their seeds."""
    named = [failure.line() for failure in totals.failures[:FAILURES_NAMED]]
    more = totals.failed - len(named)
    rest = [f"and {more} more"] if more > 0 and named else []
    return "\n".join([*named, *rest, str(totals)])
