"""A plan drawn from a seed: some runs are calm, some have faults of one kind only, some have everything."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from cutpoint_simulations.faults.fault import Kind, Places, Plan
from cutpoint_simulations.faults.table import KINDS, find_kinds

CALM = 0.05
"""The share of plans without any fault."""

ONE_KIND = 0.3
"""The share of plans with several faults of one kind."""

FAULTS_MOST = 8
FIRST_AT_SECONDS = 0.05
"""Faults begin when the hosts do: what happens at the very start is worth a look."""


def draw(chance: random.Random, places: Places, seconds: float, *, kinds: Sequence[str] | None = None) -> Plan:
    """A plan whose faults begin within ``seconds``. ``kinds``: only these, and then no plan is calm by chance.

    Raises `ConfigurationError` for a kind that there is not.
    """
    possible = [kind for kind in find_kinds(KINDS if kinds is None else kinds) if kind.possible(places)]
    style = chance.random()
    if not possible or (kinds is None and style < CALM):
        return ()
    if style < CALM + ONE_KIND:
        possible = [chance.choice(possible)]
    count = 1 + int(FAULTS_MOST * chance.random() ** 1.5)
    faults = [
        msgspec.structs.replace(
            _choose(chance, possible).draw(chance, places), at=round(chance.uniform(FIRST_AT_SECONDS, seconds), 3)
        )
        for _ in range(count)
    ]
    return tuple(sorted(faults, key=lambda fault: fault.at))


def _choose(chance: random.Random, kinds: Sequence[Kind]) -> Kind:
    return chance.choices(kinds, weights=[kind.share for kind in kinds])[0]
