"""Work that several processes share. Each is started fresh: what this one has imported and patched is not in them."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from cutpoint.errors import CutpointError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


def on_cores(work: Callable[[S, T], R], shared: S, items: Sequence[T], *, jobs: int) -> Iterator[R]:
    """``work(shared, item)`` for every item, ``jobs`` at a time; results come as they are done, in no order.

    ``work`` is a function of a module; everything else is pickled, ``shared`` once for each process. Raises what
    ``work`` raises, and `CutpointError` if one of the processes dies.
    """
    fresh = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(items)), mp_context=fresh, initializer=_begin, initargs=(work, shared))
    done = 0
    try:
        with _uninterrupted():
            submitted = [pool.submit(_do, item) for item in items]
        for future in as_completed(submitted):
            yield future.result()
            done += 1
    except BrokenProcessPool as error:
        raise CutpointError(
            f"one of {jobs} processes was killed when {done} of {len(items)} pieces of work were done; the others are "
            "lost; start again, with fewer --jobs if memory was short"
        ) from error
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()  # its thread must be gone before anything is simulated here: it asks for this process's number


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Who is started meanwhile ignores the terminal's interrupt until `_begin`: a half-started one would tell of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_work: Any = None


def _begin(work: Callable[[S, T], R], shared: S) -> None:
    """The terminal interrupts every process of the group: only the first one has something to say about it."""
    global _work
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _work = work, shared


def _do(item: Any) -> Any:
    work, shared = _work
    return work(shared, item)
