"""Every fault of the failure model that a world can show: what it does, what it does not, and that it ends."""

from __future__ import annotations

import random

import pytest

from cutpoint_simulations.world.faults import FAILURES, RELIEFS
from cutpoint_simulations.world.healing import heal, settle
from cutpoint_simulations.world.history import History, replay
from cutpoint_simulations.world.oracle import Oracle
from cutpoint_simulations.world.schedule import numbered
from cutpoint_simulations.world.world import HEADQUARTERS, Action, World


class Stage:
    """``p`` and ``q`` with a session that keeps no order, ``k1``, judged after every action."""

    def __init__(self, *, fifo: bool = False) -> None:
        self.world = World(names=("p", "q"))
        self.oracle = Oracle(self.world)
        self.chance = random.Random(1)
        self.settle()
        self.apply(Action("p", "open", key="q", pick=int(not fifo)))
        self.settle()

    def apply(self, action: Action) -> Action:
        done = self.world.apply(action)
        self.oracle.judge(done)
        self.world.check()
        return done

    def settle(self) -> None:
        settle(self.world, self.chance, self.apply)

    def kinds(self, actor: str) -> list[str]:
        return list(dict.fromkeys(action.kind for action in self.world.enabled(actor)))

    def pay(self, amount: int = 1) -> None:
        """A payment of p is under way to q."""
        self.apply(Action("p", "send", key="k1", amount=amount))
        self.apply(Action("p", "transmit", number=1))

    def frames(self) -> int:
        return len(self.world.network.wires[1].line_to("q").frames)

    def cut_up_to(self, kind: str) -> None:
        """A cut goes on until the coordinator has this to do."""
        self.apply(Action(HEADQUARTERS, "interval"))
        for _ in range(500):
            headquarters = self.world.headquarters
            assert headquarters is not None
            if headquarters.to_do and type(headquarters.to_do[0]).__name__ == kind:
                return
            for actor in ("p", "q", HEADQUARTERS):
                if actions := self.world.enabled(actor):
                    self.apply(self.chance.choice(actions))
                    break
        raise AssertionError(f"no {kind} came")


@pytest.mark.parametrize("seed", range(30))
def test_whatever_fault_is_offered_can_happen_and_the_world_heals(seed: int) -> None:
    """Any of them, in any state of a small world: but for those who leave with a part that a disk may lose."""
    stage, chance = Stage(fifo=seed % 2 == 1), random.Random(seed)
    for _ in range(150):
        actors = [*stage.world.participants, *stage.world.dead, HEADQUARTERS]
        offers = [action for actor in actors for action in stage.world.enabled(actor)]
        if chance.random() < 0.15:
            faults = [fault for fault in stage.world.faults() if fault.kind not in ("leave", "lose part", "join")]
            kind = chance.choice(list(dict.fromkeys(fault.kind for fault in faults)))
            offers = [fault for fault in faults if fault.kind == kind]
        elif chance.random() < 0.2:
            offers = stage.world.wishes(chance.choice(actors)) or offers
        action = chance.choice(offers or [Action(HEADQUARTERS, "interval")])
        stage.apply(action._replace(amount=min(action.amount, 1)))
    heal(stage.world, chance, stage.apply)


@pytest.mark.parametrize("kind", FAILURES)
def test_every_fault_happens_in_a_storm(kind: str) -> None:
    for seed in range(160):
        schedule = numbered(seed, storm=True)
        schedule.run()
        if any(action.kind == kind for action in schedule.history().actions):
            return
    raise AssertionError(f"no {kind} in any schedule")


def test_a_fault_that_is_too_late_happens_to_nobody() -> None:
    stage = Stage()
    for kind in (*FAILURES, *RELIEFS):
        for actor in ("nobody", HEADQUARTERS):
            if kind not in ("kill", "write unanswered", "manifest fails", "registry fails"):
                stage.apply(Action(actor, kind, key="p", number=99))
    stage.apply(Action(HEADQUARTERS, "kill"))
    stage.apply(Action(HEADQUARTERS, "write unanswered"))
    heal(stage.world, stage.chance, stage.apply)


def test_a_line_that_is_held_gives_nothing_until_it_is_released() -> None:
    stage = Stage()
    stage.pay()
    stage.apply(Action("q", "hold", number=1))
    assert stage.kinds("q") == ["release"]
    assert Action("q", "hold", number=1) not in stage.world.faults()
    stage.apply(Action("q", "release", number=1))
    assert stage.kinds("q") == ["receive"]


def test_a_partition_is_one_way_and_reaches_the_coordinator_too() -> None:
    stage = Stage()
    stage.pay()
    stage.apply(Action("q", "sever", key="p"))
    assert stage.kinds("q") == ["mend"]
    stage.apply(Action("q", "send", key="k1", amount=1))
    stage.apply(Action("q", "transmit", number=1))
    assert stage.kinds("p") == ["receive"], "the other way is open"
    stage.apply(Action("p", "sever", key=HEADQUARTERS))
    stage.apply(Action(HEADQUARTERS, "sever", key="q"))
    stage.apply(Action(HEADQUARTERS, "interval"))
    stage.apply(Action(HEADQUARTERS, "do next"))
    assert "hear" not in stage.kinds("p")
    assert "hear" in stage.kinds("q")
    stage.apply(Action("q", "hear"))
    stage.apply(Action("q", "lose control"))
    stage.apply(Action("q", "connect"))
    assert "tell" not in stage.kinds("q")
    assert "mend" in stage.kinds(HEADQUARTERS)
    heal(stage.world, stage.chance, stage.apply)
    assert stage.world.network.severed == {}


def test_a_process_that_is_paused_does_nothing_and_runs_on() -> None:
    stage = Stage()
    stage.pay()
    stage.apply(Action("q", "pause"))
    assert stage.kinds("q") == ["resume"]
    assert stage.world.wishes("q") == []
    stage.apply(Action("q", "resume"))
    stage.settle()
    assert stage.world.participants["q"].balance == 101


def test_a_payment_that_is_doubled_arrives_once() -> None:
    stage = Stage()
    stage.pay()
    stage.apply(Action("q", "duplicate", number=1))
    assert stage.frames() == 2
    stage.settle()
    assert stage.world.participants["q"].balance == 101
    assert stage.world.participants["q"].core.statistics().duplicates == 1


def test_a_connection_that_has_lost_a_payment_breaks_and_the_payment_arrives() -> None:
    stage = Stage()
    stage.pay()
    stage.apply(Action("q", "drop", number=1))
    assert stage.kinds("q") == ["break"]
    stage.settle()
    assert stage.world.participants["q"].balance == 101


def test_a_channel_that_keeps_order_doubles_and_loses_nothing() -> None:
    stage = Stage(fifo=True)
    stage.pay()
    assert [fault for fault in stage.world.faults() if fault.kind in ("duplicate", "drop")] == []
    for kind in ("duplicate", "drop"):
        with pytest.raises(AssertionError, match="a FIFO line"):
            stage.world.apply(Action("q", kind, number=1))


def test_while_the_registry_is_out_of_reach_no_cut_begins_and_no_coordinator_starts() -> None:
    stage = Stage()
    stage.apply(Action(HEADQUARTERS, "registry fails"))
    stage.apply(Action(HEADQUARTERS, "interval"))
    assert stage.kinds(HEADQUARTERS) == ["registry returns"]
    stage.apply(Action(HEADQUARTERS, "kill"))
    assert stage.kinds(HEADQUARTERS) == ["registry returns"]
    heal(stage.world, stage.chance, stage.apply)


def test_what_needs_no_registry_goes_on_while_it_is_out_of_reach() -> None:
    stage = Stage()
    stage.cut_up_to("CheckParts")
    stage.apply(Action(HEADQUARTERS, "registry fails"))
    stage.apply(Action(HEADQUARTERS, "do next"))
    stage.apply(Action(HEADQUARTERS, "do next"))
    assert list(stage.world.durable.manifests) == [1]
    assert stage.world.durable.published == []
    assert stage.kinds(HEADQUARTERS) == ["registry returns"]
    heal(stage.world, stage.chance, stage.apply)


def test_a_write_whose_answer_is_lost_is_written_once() -> None:
    stage = Stage()
    stage.cut_up_to("CheckParts")
    stage.apply(Action(HEADQUARTERS, "do next"))
    stage.apply(Action(HEADQUARTERS, "do next"))
    stage.apply(Action(HEADQUARTERS, "write unanswered"))
    assert [point.cut for point in stage.world.durable.published] == [1]
    stage.apply(Action(HEADQUARTERS, "do next"))
    assert [point.cut for point in stage.world.durable.published] == [1]
    heal(stage.world, stage.chance, stage.apply)


def test_a_coordinator_that_dies_before_it_has_the_answer_has_published_all_the_same() -> None:
    stage = Stage()
    stage.cut_up_to("CheckParts")
    stage.apply(Action(HEADQUARTERS, "do next"))
    stage.apply(Action(HEADQUARTERS, "do next"))
    stage.apply(Action(HEADQUARTERS, "write unanswered"))
    stage.apply(Action(HEADQUARTERS, "kill"))
    stage.settle()
    assert ("p", 1) in stage.world.told
    assert ("q", 1) in stage.world.told


@pytest.mark.parametrize("written", [0, 1])
def test_a_cut_whose_manifest_nobody_can_rely_on_is_abandoned_whether_it_was_written_or_not(written: int) -> None:
    stage = Stage()
    stage.cut_up_to("WriteManifest")
    stage.apply(Action(HEADQUARTERS, "manifest fails", pick=written))
    stage.settle()
    assert list(stage.world.durable.manifests) == [1] * written
    (abandoned,) = stage.world.durable.ledger().abandoned.values()
    assert "its manifest could not be written: the store does not answer" in abandoned.reason


def test_a_cut_whose_part_cannot_be_written_is_abandoned() -> None:
    stage = Stage()
    stage.apply(Action(HEADQUARTERS, "interval"))
    stage.apply(Action(HEADQUARTERS, "do next"))
    stage.apply(Action("p", "hear"))
    while not stage.world.participants["p"].to_persist:
        stage.apply(stage.chance.choice([a for n in ("p", "q") for a in stage.world.enabled(n) if a.kind != "persist"]))
    stage.apply(Action("p", "persist fails"))
    stage.settle()
    (abandoned,) = stage.world.durable.ledger().abandoned.values()
    assert abandoned.reason == "p could not store its part: the disk is full"


def test_a_cut_whose_part_is_torn_before_it_is_read_back_is_abandoned() -> None:
    stage = Stage()
    stage.cut_up_to("CheckParts")
    assert Action("p", "tear", number=1) in stage.world.faults()
    stage.apply(Action("p", "tear", number=1))
    stage.settle()
    (abandoned,) = stage.world.durable.ledger().abandoned.values()
    assert abandoned.reason == "a part is not what was written: p: gone"
    stage.cut_up_to("WriteManifest")
    assert [fault for fault in stage.world.faults() if fault.kind == "tear"] == [], "what was read back is sound"


def test_who_has_left_and_is_gone_before_a_cut_counts_with_what_it_was_at_the_end() -> None:
    """It is in no recovery point; what it sent was received, and is no orphan."""
    stage = Stage()
    stage.pay(5)
    stage.settle()
    stage.apply(Action("p", "leave"))
    while stage.world.departures() == []:
        stage.apply(stage.chance.choice([a for n in ("p", "q") for a in stage.world.enabled(n)]))
    while stage.world.participants["p"].said:
        stage.apply(Action("p", "tell"))
    stage.apply(Action("p", "kill"))
    del stage.world.dead["p"]
    stage.apply(Action(HEADQUARTERS, "interval"))
    stage.settle()
    (point,) = stage.world.durable.published
    assert list(point.members) == ["q"]
    assert stage.world.participants["q"].balance == 105


def test_a_paused_or_severed_history_is_replayed_with_its_relief() -> None:
    actions = (Action("p", "pause"), Action("p", "resume"), Action("p", "sever", key="q"), Action("p", "mend", key="q"))
    replayed = replay(History(names=("p", "q"), actions=actions))
    assert replayed.taken == actions
    assert not replayed.verdict.failed
