"""When which process is killed: ``origin@2`` is a random origin after the second recovery point was published.

The choice among processes of one kind comes from a seed and from nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import msgspec

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.flights.children import Child, Kind

KINDS: tuple[Kind, ...] = ("origin", "destination", "coordinator", "etcd")
NO_KILLS = "none"
DEFAULT_KILLS = ("origin@2", "destination@4", "coordinator@6", "etcd@8")


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """``kill -9`` a process of ``kind`` once ``after`` recovery points have been published."""

    kind: Kind
    after: int

    def __str__(self) -> str:
        return f"{self.kind}@{self.after}"


def parse_kills(texts: Iterable[str]) -> tuple[Kill, ...]:
    """The kills that the command line asks for, soonest first. Raises `ConfigurationError`."""
    given = tuple(texts)
    if NO_KILLS in given:
        if len(given) > 1:
            raise ConfigurationError(
                "--kill none excludes every other --kill; nothing was started; leave one of them out"
            )
        return ()
    return tuple(sorted((_parse(text) for text in given), key=lambda kill: kill.after))


def _parse(text: str) -> Kill:
    kind, _, number = text.partition("@")
    for known in KINDS:
        if kind == known and number.isascii() and number.isdigit() and len(number) <= 7 and int(number) >= 1:
            return Kill(kind=known, after=int(number))
    raise ConfigurationError(
        f"--kill {text[:60]!r} is not KIND@K; nothing was started; KIND is one of {', '.join(KINDS)} and K the number "
        "of recovery points to wait for, from 1"
    )


class Schedule:
    """The kills that are still to come."""

    def __init__(self, kills: Iterable[Kill], *, seed: int) -> None:
        self.ahead = list(kills)
        self._chance = random.Random(seed)

    def due(self, points: int) -> Kill | None:
        """The next kill, if that many recovery points are enough for it. It is then no longer ahead."""
        return self.ahead.pop(0) if self.ahead and self.ahead[0].after <= points else None

    def choose(self, children: list[Child]) -> Child:
        """One of ``children`` at random."""
        return self._chance.choice(children)
