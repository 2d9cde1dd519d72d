"""Many futures of one recovery point, in this process or in several, and the two of them that are to be compared.

The services are found by what the command line says, in each process anew, so nothing of them is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cutpoint.errors import ConfigurationError
from cutpoint.state.built_in import BUILT_IN_SIGN
from cutpoint.wire.checks import one_line
from cutpoint_simulations.cluster.freshness import fresh_application
from cutpoint_simulations.cores import on_cores
from cutpoint_simulations.loop.watchdog import watched
from cutpoint_simulations.replay.divergence import Divergence, compare
from cutpoint_simulations.replay.future import Future, Question, Seen, see, see_closely
from cutpoint_simulations.replay.point import RecordedPoint
from cutpoint_simulations.replay.report import PointSummary, Report
from cutpoint_simulations.replay.verdict import Verdict


def inquire(
    point: RecordedPoint,
    question: Question,
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    messages: bool = False,
    progress: Callable[[Future], object] = lambda _: None,
) -> Report:
    """Replay every seed; ``progress`` hears of each future as soon as it is there.

    ``jobs``: how many processes share the work; 1: this one does it. ``messages``: compare what was sent, too, if all
    futures end the same. Raises `CutpointError` if the recovery point cannot be restored into the services.
    """
    fresh_application(question.app)
    _check_ignored(point, question)
    shared, found = (point, question), {}
    futures: Iterable[Future] = (
        (_replay(shared, seed) for seed in seeds)
        if min(jobs, len(seeds)) == 1
        else on_cores(_replay, shared, seeds, jobs=jobs)
    )
    for future in futures:
        found[future.seed] = future
        progress(future)
    in_order = tuple(found[seed] for seed in seeds)
    verdict = Verdict.of(in_order)
    pair = verdict.pair or ((seeds[0], seeds[1]) if messages and len(seeds) > 1 else None)
    return Report(
        point=PointSummary.of(point),
        question=question,
        futures=in_order,
        verdict=verdict,
        divergence=None if pair is None else _compare(point, question, *pair),
    )


def _check_ignored(point: RecordedPoint, question: Question) -> None:
    """A state that is to be ignored and is not there is a slip of the pen."""
    known = {f"{part.process}:{state.name}": state.name for part in point.parts for state in part.states}
    for name in question.ignored:
        if name not in known and name not in known.values():
            raise ConfigurationError(
                f"--ignore {one_line(name)}: {point.title} has no such state; nothing was started; "
                f"it has {', '.join(sorted(full for full, state in known.items() if state[0] != BUILT_IN_SIGN))}"
            )


def look(point: RecordedPoint, question: Question, seed: int) -> Seen:
    """Run one future again and look closely."""
    with watched():
        return see_closely(point, fresh_application(question.app), question, seed)


def _compare(point: RecordedPoint, question: Question, first: int, second: int) -> Divergence:
    return compare(look(point, question, first), look(point, question, second))


def _replay(shared: tuple[RecordedPoint, Question], seed: int) -> Future:
    point, question = shared
    with watched():
        return see(point, fresh_application(question.app), question, seed)
