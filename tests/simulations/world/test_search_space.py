"""The states of the search are those of the real world: one that takes the same steps stands where they say."""

from __future__ import annotations

import random

import pytest

from cutpoint_simulations.world.action import HEADQUARTERS, Action
from cutpoint_simulations.world.search import CONFIGURATIONS
from cutpoint_simulations.world.search.changes import Found
from cutpoint_simulations.world.search.copying import duplicate
from cutpoint_simulations.world.search.fingerprint import fingerprint
from cutpoint_simulations.world.search.numbering import Lines
from cutpoint_simulations.world.search.places import Places, State
from cutpoint_simulations.world.search.space import Space
from cutpoint_simulations.world.world import World


class Pair:
    """A real world and a space, step by step. ``left`` and ``budget`` are what may still be wished for, or fail."""

    def __init__(self, name: str) -> None:
        configuration = CONFIGURATIONS[name]
        self.world = configuration.established()
        self.space = Space(configuration)
        self.state = self.space.first
        self.left = {key: list(numbers) for key, numbers in configuration.numbers().items()}
        self.budget = {
            "interval": configuration.cuts,
            "deadline": configuration.deadlines,
            "kill": configuration.crashes,
        }

    def offered(self) -> set[Action]:
        """What the real world offers, within the budget."""
        world, found = self.world, []
        for actor in (*world.participants, *world.dead, HEADQUARTERS):
            found += [a._replace(number=1) if a.kind == "take" else a for a in world.enabled(actor)]
            wishes = {action.key for action in world.wishes(actor) if action.kind == "send"}
            found += [
                Action(actor, "send", key=key, number=left[0], amount=1)
                for (payer, key), left in self.left.items()
                if payer == actor and key in wishes and left
            ]
        if self.budget["interval"]:
            found.append(Action(HEADQUARTERS, "interval"))
        return {*found, *(action for action in world.faults() if self.budget.get(action.kind) and self._counts(action))}

    def _counts(self, action: Action) -> bool:
        return action.kind == "deadline" or action.actor != HEADQUARTERS

    def step(self, action: Action, state: State) -> None:
        self.world.apply(action)
        self.state = state
        if action.kind == "send":
            self.left[action.actor, action.key].pop(0)
        elif action.kind in self.budget:
            self.budget[action.kind] -= 1


def described(world: World) -> list[object]:
    """Every place of a world, in a fixed order."""
    headquarters = world.headquarters
    assert headquarters is not None
    found: list[object] = []
    for name in sorted((*world.participants, *world.dead)):
        participant = world.participants.get(name)
        if participant is None:
            found.append(f"{name} is dead")
            continue
        heard = headquarters.lines.get(participant.control, ())
        found += [fingerprint(participant), fingerprint(tuple(participant.said)), fingerprint(tuple(heard))]
    for number, wire in sorted(world.network.wires.items()):
        lines = [(fingerprint(tuple(line.frames)), line.ends) for line in (wire.forth, wire.back)]
        found.append((number, lines))
    durable = world.durable
    found += [fingerprint(headquarters), sorted(headquarters.lines), fingerprint(durable.ledger())]
    return [*found, fingerprint(durable.manifests), fingerprint(durable.disk)]


@pytest.mark.parametrize("name", ["pair-2", "pair-crash", "ring-3"])
@pytest.mark.parametrize("seed", range(8))
def test_a_real_world_offers_the_same_steps_and_stands_in_the_same_state(name: str, seed: int) -> None:
    pair, chance = Pair(name), random.Random(seed)
    while steps := dict(pair.space.steps(pair.state)):
        assert set(steps) == pair.offered()
        assert described(pair.space.places.world(pair.state)[0]) == described(pair.world)
        action = chance.choice(list(steps))
        state = steps[action]
        assert not isinstance(state, Found)
        pair.step(action, state)
    assert pair.offered() == set()
    assert described(pair.space.places.world(pair.state)[0]) == described(pair.world)


@pytest.mark.parametrize("name", ["pair-2", "pair-crash", "ring-3"])
def test_equal_states_by_different_ways_go_on_alike(name: str) -> None:
    """Two spaces that number things in the order of different walks agree on every state that both have met."""
    seen = [walked(name, seed) for seed in range(6)]
    met: dict[str, set[str]] = {}
    for states in seen:
        for state, following in states.items():
            assert met.setdefault(state, following) == following
    assert sum(map(len, seen)) > len(met), "the walks have nothing in common"


def walked(name: str, seed: int) -> dict[str, set[str]]:
    """What each state on a walk, by its fingerprint, may become."""
    space, chance = Space(CONFIGURATIONS[name]), random.Random(seed)
    state: State | Found = space.first
    found: dict[str, set[str]] = {}
    while not isinstance(state, Found):
        steps = space.steps(state)
        shown = {f"{action} {known(space.places, end)}" for action, end in steps if not isinstance(end, Found)}
        found[known(space.places, state)] = shown
        if not steps:
            break
        _, state = steps[0] if chance.random() < 0.7 else chance.choice(steps)
    return found


def known(places: Places, state: State) -> str:
    """A state by its contents, whatever the numbers are."""
    world, _ = places.world(state)
    return repr((described(world), places.budgets.things[state[places.budget]]))


def test_a_duplicate_goes_on_by_itself() -> None:
    world = CONFIGURATIONS["pair-1"].established()
    copied = duplicate(world)
    before = described(world)
    assert described(copied) == before
    (key,) = copied.participants["p0"].keys
    copied.apply(Action("p0", "send", key=key, amount=1))
    copied.apply(Action(HEADQUARTERS, "interval"))
    copied.apply(Action("p0", "transmit", number=1))
    assert described(world) == before
    assert described(copied) != before
    for action in (Action("p0", "send", key=key, amount=1), Action(HEADQUARTERS, "interval")):
        world.apply(action)
    world.apply(Action("p0", "transmit", number=1))
    assert described(world) == described(copied)


def test_what_is_shared_stays_what_it_is() -> None:
    world = CONFIGURATIONS["pair-1"].established()
    participant = duplicate(world.participants["p0"], shared=(world.network,))
    participant.send(next(iter(participant.keys)), 1, "m1")
    assert participant.core is not world.participants["p0"].core
    assert participant.__dict__["_network"] is world.network
    assert participant.__dict__["_disk"] is not world.durable.disk


def test_lines_are_numbered_by_what_they_hold() -> None:
    lines = Lines()
    one = lines.append(0, (7,))
    two = lines.append(one, (8, 9))
    assert lines.contents[two] == (7, 8, 9)
    assert lines.without(two, 1) == lines.append(one, (9,))
    assert lines.without(one, 0) == 0
