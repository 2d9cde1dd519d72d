"""Lists by pages: every list of the API is ordered by a number, and no answer holds more than one page of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from cutpoint_coordinator.asked import PageQuery

T = TypeVar("T")


def page_of(things: Iterable[T], number: Callable[[T], int], query: PageQuery) -> tuple[tuple[T, ...], int | None]:
    """The page that ``query`` asks for, and the ``after`` of the next one; None: there is no more, or none was wanted.

    ``number`` is what things are ordered by; no two have the same.
    """
    after = query.after
    if query.newest_first:
        chosen = [thing for thing in things if after is None or number(thing) < after]
    else:
        chosen = [thing for thing in things if after is None or number(thing) > after]
    chosen.sort(key=number, reverse=query.newest_first)
    page = tuple(chosen[: query.limit])
    return page, number(page[-1]) if page and len(chosen) > len(page) else None
