"""Many futures of one recovery point, in this process or in several, and the two that are to be compared.

The services are found by what the command line says, in each process anew, so nothing of them is sent anywhere.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

import msgspec

from cutpoint.errors import CutpointError
from cutpoint_simulations.cluster.application import load_application
from cutpoint_simulations.replay.divergence import Divergence, compare
from cutpoint_simulations.replay.future import Future, Question, Seen, see, see_closely
from cutpoint_simulations.replay.point import RecordedPoint

Progress = Callable[[Future], object]


def replay_seeds(
    point: RecordedPoint,
    question: Question,
    seeds: Sequence[int],
    *,
    jobs: int = 1,
    progress: Progress = lambda _: None,
) -> tuple[Future, ...]:
    """One future for each seed, in their order; ``progress`` hears of each as soon as it is there.

    ``jobs``: how many processes share the work; 1: this one does it. Raises `CutpointError` if the recovery point
    cannot be restored into the services.
    """
    declare = load_application(question.app)
    found: dict[int, Future] = {}
    run = (see(point, declare, question, seed) for seed in seeds)
    for future in run if min(jobs, len(seeds)) == 1 else _in_parallel(point, question, seeds, min(jobs, len(seeds))):
        found[future.seed] = future
        progress(future)
    return tuple(found[seed] for seed in seeds)


def compare_seeds(point: RecordedPoint, question: Question, first: int, second: int) -> Divergence:
    """Run two futures again, look closely, and say where they part."""
    return compare(look(point, question, first), look(point, question, second))


def look(point: RecordedPoint, question: Question, seed: int) -> Seen:
    """Run one future again and look closely."""
    return see_closely(point, load_application(question.app), question, seed)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What many futures say together. ``failed``: seeds with a complaint; ``busy``: those that did not come to rest.

    ``differing``: of the others, those that end otherwise than the first of them, which is ``reference``.
    """

    failed: tuple[int, ...]
    busy: tuple[int, ...]
    reference: int | None
    differing: tuple[int, ...]

    @property
    def pair(self) -> tuple[int, int] | None:
        """Two seeds that end differently, if there are any."""
        return None if self.reference is None or not self.differing else (self.reference, self.differing[0])

    @property
    def worst(self) -> int | None:
        """The first seed that somebody should look at."""
        return next(iter((*self.failed, *self.differing)), None)

    @classmethod
    def of(cls, futures: Sequence[Future]) -> Verdict:
        """Judge them; what was cut off in the middle of its work is not compared."""
        sound = [future for future in futures if not future.complaint]
        rested = [future for future in sound if future.at_rest]
        return cls(
            failed=tuple(future.seed for future in futures if future.complaint),
            busy=tuple(future.seed for future in sound if not future.at_rest),
            reference=rested[0].seed if rested else None,
            differing=tuple(future.seed for future in rested if future.end != rested[0].end),
        )


# ---------------------------------------------------------------------------------------------------- several processes

_told: tuple[RecordedPoint, Question] | None = None
"""What a process that shares the work was told when it was started."""


def _in_parallel(point: RecordedPoint, question: Question, seeds: Sequence[int], jobs: int) -> Iterator[Future]:
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        jobs, mp_context=fresh, initializer=_begin, initargs=(point, question)
    ) as processes:
        waiting = [processes.submit(_replay, seed) for seed in seeds]
        try:
            for done in concurrent.futures.as_completed(waiting):
                yield done.result()
        except BrokenProcessPool as error:
            raise CutpointError(
                f"a process that replayed has died ({error}); the store was not changed; "
                "give --jobs 1 to see why, or fewer jobs if memory was short"
            ) from error
        except BaseException:
            processes.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(point: RecordedPoint, question: Question) -> None:
    global _told
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # interrupted, it ends without a word
    _told = point, question


def _replay(seed: int) -> Future:
    assert _told is not None, "the process was started by _in_parallel"
    point, question = _told
    return see(point, load_application(question.app), question, seed)
