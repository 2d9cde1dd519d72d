"""Whether what is in a replica is whole, and whether everything comes to be there."""

from __future__ import annotations

import dataclasses

from cutpoint.store import MemoryBackend, manifest_name
from cutpoint.store.identity import identify
from cutpoint.store.replicate import Replicator
from cutpoint_simulations.oracles import Case, Published, Replication
from tests.simulations.oracles.story import CUT, Look, Stage, staged, till, vault


@dataclasses.dataclass(kw_only=True)
class Copied:
    """A stage with a replica."""

    stage: Stage = dataclasses.field(default_factory=staged)
    replica: MemoryBackend = dataclasses.field(default_factory=lambda: MemoryBackend("copy"))
    oracle: Replication = dataclasses.field(default_factory=Replication)

    @property
    def case(self) -> Case:
        """What the oracle is given."""
        case = self.stage.case
        return dataclasses.replace(case, replica=Look(backend=self.replica))

    def publish(self) -> Published:
        """Cut 1 is a recovery point, and not copied yet."""
        identify(self.stage.backend, created="2026-01-01T00:00:00.000+00:00")
        return self.stage.publish(till(), vault())

    def copy(self) -> None:
        """Copy it."""
        assert Replicator(source=self.stage.backend, replica=self.replica).round().points == (CUT,)


def test_a_replica_that_comes_to_be_in_step_is_sound() -> None:
    copied = Copied()
    point = copied.publish()
    assert copied.oracle.published(point, copied.case) == ()
    assert copied.oracle.healed(copied.case) == ()
    assert not copied.oracle.settled(copied.case)
    copied.copy()
    assert copied.oracle.copied(copied.case) == copied.oracle.struck(copied.case) == ()
    assert copied.oracle.settled(copied.case)
    assert copied.oracle.ended(copied.case, quiet=True) == ()


def test_what_never_comes_is_named() -> None:
    copied = Copied()
    copied.publish()
    assert copied.oracle.healed(copied.case) == ()
    (violation,) = copied.oracle.ended(copied.case, quiet=True)
    assert violation.complaint == "it is not in the replica, with 0 others, though nothing fails any more"


def test_what_the_source_has_dropped_need_not_come() -> None:
    copied = Copied()
    copied.publish()
    assert copied.oracle.healed(copied.case) == ()
    copied.stage.ledger = copied.stage.ledger.without([CUT])
    assert copied.oracle.ended(copied.case, quiet=True) == ()


def test_a_point_that_is_not_whole_when_it_comes_is_named_once() -> None:
    copied = Copied()
    point = copied.publish()
    copied.copy()
    name = point.parts["vault"].summary.packs[-1].name()
    copied.replica.delete(name)
    (violation,) = copied.oracle.copied(copied.case)
    assert (violation.oracle, violation.cut) == ("replication", 1)
    assert violation.complaint == f"in the replica object {name} is missing"
    assert copied.oracle.ended(copied.case, quiet=True) == ()


def test_a_point_that_is_another_one_is_named() -> None:
    copied = Copied()
    copied.publish()
    copied.copy()
    name = manifest_name(CUT)
    data = copied.stage.backend.read(name)
    copied.stage.backend.delete(name)
    copied.stage.backend.create(name, data + b" ")
    (violation,) = copied.oracle.copied(copied.case)
    assert violation.complaint == "the replica has another manifest of it"


def test_without_a_replica_there_is_nothing_to_say() -> None:
    copied = Copied()
    point, case = copied.publish(), copied.stage.case
    assert copied.oracle.published(point, case) == copied.oracle.healed(case) == copied.oracle.copied(case) == ()
    assert copied.oracle.settled(case)
    assert copied.oracle.ended(case, quiet=True) == ()
