"""The oracle is awake: whatever is wrong with a recovery point, the check that is named for it says so."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable

import msgspec
import pytest

from cutpoint.names import CutNumber, Incarnation
from cutpoint.protocol.ledger import AbandonedCut
from cutpoint.protocol.messages import InFlight
from cutpoint_simulations.world.healing import heal, settle
from cutpoint_simulations.world.oracle import CHECKS, INCONSISTENT, Oracle, Violation
from cutpoint_simulations.world.participant import StoredPart
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World


def paid_in_mid_cut() -> World:
    """Two processes and one recovery point, with two payments received inside it and two in flight."""
    world, chance = World(names=("p", "q")), random.Random(0)
    settle(world, chance, world.apply)
    world.apply(Action("p", "open", key="q"))
    settle(world, chance, world.apply)
    (key,) = world.participants["p"].keys
    for actor in ("p", "q"):
        world.apply(Action(actor, "send", key=key, amount=5))
    settle(world, chance, world.apply)
    for actor in ("p", "q"):
        world.apply(Action(actor, "send", key=key, amount=3))
    while not world.durable.published:
        for actor in ("p", "q", HEADQUARTERS):
            if actions := [action for action in world.enabled(actor) if action.kind != "take"]:
                world.apply(chance.choice(actions))
        if not world.durable.ledger().computation.last_cut:
            world.apply(Action(HEADQUARTERS, "interval"))
    return world


def part(world: World, name: str) -> tuple[str, StoredPart]:
    (point,) = world.durable.published
    digest = {str(member): str(digest) for member, digest in point.members.items()}[name]
    return digest, world.durable.disk[digest]


def replace(world: World, name: str, new: StoredPart) -> None:
    digest, _ = part(world, name)
    world.durable.disk[digest] = world.durable.disk.history[digest] = new


def lose_a_part(world: World) -> None:
    del world.durable.disk[part(world, "p")[0]]


def lose_the_manifest(world: World) -> None:
    world.durable.manifests.clear()


def tell_too_early(world: World) -> None:
    world.told.append(("p", CutNumber(7)))


def start_too_early(world: World) -> None:
    world.participants["p"].core.identity.started = Incarnation(2)


def publish_twice(world: World) -> None:
    world.durable.published.append(world.durable.published[0])


def contradict(world: World) -> None:
    """A cut that was abandoned because its parts contradicted each other."""
    reason = INCONSISTENT + "somebody lied"
    abandoned = AbandonedCut(cut=CutNumber(1), incarnation=world.durable.published[0].incarnation, reason=reason)
    ledger = world.durable.ledger().with_records([abandoned])
    world.durable.ledger = lambda: ledger  # type: ignore[method-assign]


def miscount(world: World) -> None:
    (point,) = world.durable.published
    manifest = world.durable.manifests[point.cut]
    certificate = msgspec.structs.replace(manifest.certificate, in_flight=9)
    world.durable.manifests[point.cut] = dataclasses.replace(manifest, certificate=certificate)


def change_account(world: World, name: str, **changes: object) -> None:
    _, stored = part(world, name)
    replace(world, name, dataclasses.replace(stored, account=dataclasses.replace(stored.account, **changes)))  # type: ignore[arg-type]


def receive_what_nobody_sent(world: World) -> None:
    change_account(world, "q", received=part(world, "q")[1].account.received | {"ghost:1"})


def receive_what_is_in_flight(world: World) -> None:
    """The payment that the part holds as in-flight was handled inside the cut as well."""
    _, stored = part(world, "q")
    (payment,) = [message.payload for record in stored.sessions for message in record.incoming_in_flight]
    assert isinstance(payment, str)
    change_account(world, "q", received=stored.account.received | {payment})


def alter_what_is_in_flight(world: World) -> None:
    _, stored = part(world, "q")
    (record,) = stored.sessions
    altered = tuple(InFlight(message.number, "other:3") for message in record.incoming_in_flight)
    sessions = (msgspec.structs.replace(record, incoming_in_flight=altered),)
    replace(world, "q", dataclasses.replace(stored, sessions=sessions))


def lose_money(world: World) -> None:
    change_account(world, "p", balance=0)


DAMAGES: dict[Callable[[World], None], str] = {
    lose_a_part: "durable",
    lose_the_manifest: "durable",
    tell_too_early: "told",
    start_too_early: "started",
    publish_twice: "numbers",
    contradict: "sound",
    miscount: "certificate",
    receive_what_nobody_sent: "orphans",
    receive_what_is_in_flight: "doubled",
    alter_what_is_in_flight: "in-flight",
    lose_money: "money",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_each_damage_is_found_by_the_check_that_is_named_for_it(damage: Callable[[World], None]) -> None:
    world = paid_in_mid_cut()
    damage(world)
    with pytest.raises(Violation) as found:
        Oracle(world).judge(Action("p", "hear"))
    assert found.value.check == DAMAGES[damage]


def test_every_check_has_a_damage_that_it_finds() -> None:
    assert sorted(dict.fromkeys(DAMAGES.values())) == sorted(CHECKS)


def test_without_damage_there_is_nothing_to_find_and_everything_is_judged_once() -> None:
    world = paid_in_mid_cut()
    oracle = Oracle(world)
    oracle.judge()
    oracle.judge()
    assert (oracle.judged, oracle.in_flight) == (1, 2)
    heal(world, random.Random(1), world.apply)
    oracle.judge()
    assert (oracle.judged, oracle.in_flight) == (2, 2)
    assert world.money() == 200
