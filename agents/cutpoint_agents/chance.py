"""The random numbers of a process, as a part of its state: after a restore the same ones come again.

Until a program takes the first one, only the seed is recorded. Whoever can read a recovery point knows all numbers
to come: nothing here is for secrets.
"""

from __future__ import annotations

import random
from typing import Any, TypeAlias

from cutpoint.state import BuiltIn

RANDOM_STATE = "@random"
_SEED_BITS = 256

AnyRandom: TypeAlias = random.Random
"""`random.Random`, for whoever has a name ``random`` of another meaning."""


def entropy() -> AnyRandom:
    """Random numbers that nobody can foresee."""
    return random.Random()


class Chance:
    """The recorded random numbers of one process. ``entropy`` is where a beginning takes its seed from."""

    def __init__(self, entropy: AnyRandom) -> None:
        self._entropy = entropy
        self._seed = entropy.getrandbits(_SEED_BITS)
        self._random: AnyRandom | None = None

    @property
    def random(self) -> AnyRandom:
        """The source of numbers, the same object for the life of the process."""
        if self._random is None:
            self._random = random.Random(self._seed)
        return self._random

    def built_in(self) -> BuiltIn:
        """How it is recorded and restored."""
        return BuiltIn(capture=self._capture, parse=parse_numbers, restore=self._restore)

    def _capture(self) -> object:
        return self._seed if self._random is None else self._random.getstate()

    def _restore(self, recorded: Any) -> None:
        if type(recorded) is tuple:
            self.random.setstate(recorded)
            return
        self._seed = self._entropy.getrandbits(_SEED_BITS) if recorded is None else recorded
        if self._random is not None:
            self._random.seed(self._seed)


def parse_numbers(content: Any) -> Any:
    """``content`` as a seed, or as the state of a `random.Random`. Raises `ValueError` if it is neither."""
    if type(content) is int and 0 <= content < 1 << _SEED_BITS:
        return content
    if type(content) is not tuple:
        raise ValueError("it is neither a seed nor the state of a random.Random")
    try:
        random.Random(0).setstate(content)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"it is not the state of a random.Random: {error}") from error
    return content
