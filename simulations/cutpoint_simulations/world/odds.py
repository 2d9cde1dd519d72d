"""How often what happens in a schedule: what applications wish, and what fails."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wishes:
    """How often an application wants what, of what it can have. The kinds are those of `World.wishes`."""

    send: float = 8.0
    open: float = 1.0
    close: float = 0.3
    redial: float = 1.0
    give_up: float = 0.1


RARE = (
    *("interval", "deadline", "kill", "kill_coordinator", "lose_control", "lose_part", "join", "leave"),
    *("pause", "sever", "registry_fails", "tear"),
)
"""What happens as often in the time in which every process acts once, however many there are."""

STORMY = ("pause", "sever", "registry_fails", "tear", "hold", "duplicate", "drop")
"""Faults that only a storm has: what is named so in `Odds` is the kind of the action, with an underscore."""

SPOILT = {"do next": ("write unanswered", "manifest fails"), "persist": ("persist fails",)}
"""How what takes time may end instead."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Odds:
    """How often, per step, something fails, and how often a cut is asked for. All between 0 and 1.

    ``spoil``: how often what takes time fails, or its answer is lost. ``relief``: how often what a lasting fault has
    stopped begins again, when that would be the next step. ``spell``: after so many steps in which applications do as
    they wish there are twice as many in which they only receive, so that cuts end while things fail; 0: none.
    """

    interval: float = 0.02
    deadline: float = 0.002
    kill: float = 0.002
    kill_coordinator: float = 0.001
    break_connection: float = 0.01
    lose_control: float = 0.001
    lose_part: float = 0.0005
    join: float = 0.0015
    leave: float = 0.001
    wish: float = 0.35
    unordered: float = 0.4
    hold_turn: float = 0.2
    pause: float = 0.0
    sever: float = 0.0
    hold: float = 0.0
    duplicate: float = 0.0
    drop: float = 0.0
    registry_fails: float = 0.0
    tear: float = 0.0
    spoil: float = 0.0
    relief: float = 1.0
    spell: int = 0
    wishes: Wishes = Wishes()

    def among(self, processes: int) -> Odds:
        """As often in the time in which every process acts once, however many there are: 10 or fewer are the measure.

        Connections break as often as before, because there are more of them.
        """
        share = min(1.0, 10 / processes)
        return dataclasses.replace(self, **{name: getattr(self, name) * share for name in RARE})


STORM: dict[str, Any] = {
    "pause": 0.002,
    "sever": 0.002,
    "hold": 0.008,
    "duplicate": 0.02,
    "drop": 0.003,
    "registry_fails": 0.002,
    "tear": 0.003,
    "spoil": 0.12,
    "relief": 0.3,
    "spell": 60,
}
"""Everything else that may fail: for `dataclasses.replace` of any odds."""

CALM = Odds(deadline=0.0003, kill=0.0005, kill_coordinator=0.0003, break_connection=0.005, lose_control=0.0003)
"""Seldom enough that most cuts come through, with many messages under way."""

FICKLE = Wishes(send=2.0, open=2.0, close=1.5, give_up=0.5)
"""Sessions are short, and their names are used again."""
