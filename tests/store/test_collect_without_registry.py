"""Collecting where nobody can be asked which manifests count: one that counts and can be read stays."""

from __future__ import annotations

import pytest

from cutpoint.errors import StoreUnavailable
from cutpoint.names import CutNumber
from cutpoint.store import MemoryBackend, list_manifests, manifest_name, read_manifest
from cutpoint.store.collect import Collector, without_registry
from cutpoint.store.retention import Policy
from cutpoint.store.survey import packs_of

from .histories import START, History


class Unreachable(MemoryBackend):
    """A store that does not give out one object at the moment."""

    withheld = ""

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        if name == self.withheld:
            raise StoreUnavailable(f"object {name} in {self.url} was not read; it is tried again")
        return super().read(name, bytes_max=bytes_max)


def lived(cuts: int = 5) -> History:
    history = History(Unreachable(), seed=1)
    for _ in range(cuts):
        history.change(5)
        history.cut()
    return history


def damage(history: History, *cuts: int) -> None:
    for cut in cuts:
        name = manifest_name(CutNumber(cut))
        data = history.backend.read(name)
        history.backend.delete(name)
        history.backend.create(name, data[:-9])


def collect(history: History) -> None:
    Collector(
        backend=history.backend,
        policy=Policy.parse("last 1"),
        by="collect",
        at=START,
        protected=without_registry(history.backend),
    ).run()


@pytest.mark.parametrize(
    ("damaged", "left"),
    [
        ((), (4, 5)),
        ((5,), (3, 4, 5)),
        ((4,), (2, 3, 4, 5)),
        ((3,), (3, 4, 5)),
        ((4, 5), (2, 3, 4, 5)),
        ((3, 4), (1, 2, 3, 4, 5)),
        ((1, 2, 3, 4), (1, 2, 3, 4, 5)),
        ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5)),
    ],
)
def test_a_point_that_counts_for_certain_and_can_be_read_stays(damaged: tuple[int, ...], left: tuple[int, ...]) -> None:
    history = lived()
    damage(history, *damaged)
    collect(history)
    assert list_manifests(history.backend) == left


def test_what_the_last_one_was_built_on_is_protected_and_nothing_else() -> None:
    history = lived(3)
    history.recover(CutNumber(2))
    history.change(5)
    history.cut()
    assert list(without_registry(history.backend)) == [2]


def test_nothing_is_believed_of_a_store_that_does_not_answer() -> None:
    history = lived()
    assert isinstance(history.backend, Unreachable)
    history.backend.withheld = manifest_name(CutNumber(5))
    with pytest.raises(StoreUnavailable):
        collect(history)
    assert list_manifests(history.backend) == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("cut_short", [False, True])
def test_the_last_point_whose_packs_are_all_there_stays(cut_short: bool) -> None:
    history = lived()
    third = packs_of(read_manifest(history.backend, CutNumber(3)))
    spoiled = [name for name in packs_of(read_manifest(history.backend, CutNumber(4))) if name not in third]
    for name in spoiled:
        data = history.backend.read(name)
        history.backend.delete(name)
        if cut_short:
            history.backend.create(name, data[:-1])
    later = packs_of(read_manifest(history.backend, CutNumber(5)))
    assert set(spoiled) & set(later), "the last point builds on what is spoiled"
    collect(history)
    assert list_manifests(history.backend) == (3, 4, 5)
