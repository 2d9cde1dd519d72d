"""The fence of incarnations: a Hello from before a recovery must not open what the recovery has restored."""

from __future__ import annotations

import random

import pytest

from cutpoint_simulations.world.healing import NoProgress, heal
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World
from tests.ablations.safeguards_out import no_incarnation_fence

PAYER, PAYEE = "payer", "payee"


class Story:
    """A payment is in flight in a recovery point; then a Hello of the old incarnation arrives in the new one."""

    def __init__(self) -> None:
        self.world = World(names=(PAYER, PAYEE))
        self.oracle = Oracle(self.world)
        self.chance = random.Random(0)

    def apply(self, action: Action) -> None:
        self.world.apply(action)
        self.oracle.judge()

    def rest(self, *actors: str, but: tuple[str, ...] = ()) -> None:
        """Let everything happen at these actors, but for some kinds of things, until nothing is left to do."""
        while actions := [a for actor in actors for a in self.world.enabled(actor) if a.kind not in but]:
            self.apply(actions[0])

    def everybody(self, *but: str) -> None:
        self.rest(PAYER, PAYEE, HEADQUARTERS, but=but)

    def tell(self) -> None:
        self.everybody()
        self.apply(Action(PAYER, "open", key=PAYEE))
        self.everybody()
        (key,) = self.world.participants[PAYER].keys
        self.apply(Action(PAYER, "send", key=key, amount=7))
        self.rest(PAYER)
        self.apply(Action(HEADQUARTERS, "interval"))
        self.everybody("take")
        assert self.oracle.in_flight == 1, "the payment is not in flight"
        self.apply(Action(HEADQUARTERS, "recover", number=1))
        self.rest(HEADQUARTERS)
        self.rest(PAYEE, but=("take",))
        self.rest(PAYER, but=("hear",))
        self.apply(Action(PAYER, "redial", key=key))
        self.rest(PAYER, but=("hear",))
        self.everybody("receive", "notice end")
        assert self.world.participants[PAYEE].core.incarnation == 2, "the recovery is not over"
        self.everybody()
        self.apply(Action(PAYER, "open", key=PAYEE))
        heal(self.world, self.chance, self.apply)


def test_a_hello_from_before_a_recovery_is_refused_and_what_was_in_flight_arrives() -> None:
    story = Story()
    story.tell()
    assert story.world.participants[PAYEE].balance == 107
    assert story.world.money() == 200


def test_without_the_fence_a_cut_waits_for_a_ghost_of_the_old_incarnation() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        no_incarnation_fence(monkeypatch)
        with pytest.raises(NoProgress, match=f"'{PAYER} on {PAYER}~{PAYEE}:/pay'"):
            Story().tell()
