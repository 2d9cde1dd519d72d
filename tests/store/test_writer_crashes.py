"""The writer dies at every moment there is: what was published stays whole, what is left over is collected later."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from cutpoint.names import CutNumber
from cutpoint.store import Backend, DirectoryBackend, MemoryBackend, list_manifests, packs
from cutpoint.store.collect import Collector
from cutpoint.store.collection_plan import ERA_SPAN
from cutpoint.store.manifests import read_manifest
from cutpoint.store.retention import Policy
from cutpoint.store.survey import era_of, packs_of
from cutpoint.store.verification import Verifier
from cutpoint.testing.interrupted import every_crash
from cutpoint_simulations.disk import Stopped
from tests.simulations.disk.installed import Machine, installed

from . import histories
from .histories import START, History, copy_of

ROOT = "/simulated/store"
SEEDS = 3
"""How many power failures each system call suffers; each loses something else of what was not flushed."""


@pytest.fixture(autouse=True)
def small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of several packs each."""
    monkeypatch.setattr(packs, "PACK_BYTES", 600)
    monkeypatch.setattr(histories, "CHUNK_ENTRIES", 4)


class Life:
    """A computation of three published cuts, an abandoned one and a merge, until it dies."""

    def __init__(self) -> None:
        self.history: History | None = None

    def run(self, backend: Backend) -> None:
        self.history = None
        self.history = history = History(backend, seed=1, entries=120, services=2)
        history.cut()
        history.change(40)
        history.abandon()
        history.change(40)
        history.cut()
        history.merge()
        history.change(40)
        history.cut()


def complaints(store: Backend, history: History | None) -> list[str]:
    """What is not whole of what was published: by verification in full, and by reading it back."""
    found = Verifier(backend=store).full()
    published = tuple(sorted(history.contents)) if history else ()
    wrong = list(found.complaints) + (history.complaints(store) if history else [])
    return wrong + ([] if found.good[: len(published)] == published else [f"{found.good} instead of {published}"])


def left_over(store: Backend, up_to: int) -> list[str]:
    """The packs of writers up to a cut that no recovery point needs."""
    needed = {name for cut in list_manifests(store) for name in packs_of(read_manifest(store, cut))}
    return [name for name in store.list("packs/") if name not in needed and era_of(name) <= up_to]


def live_on(store: Backend, history: History | None) -> list[str]:
    """Go on where the computation has died, until whatever it left over may go, and collect. What is then wrong."""
    died_at = history.last if history else CutNumber(0)
    history = history or History(store, seed=1)
    history.backend = store
    for service in history.services.values():
        service.known = service.merged = None
        service.dirty = dict.fromkeys(service.table)
    history.contents = {cut: content for cut, content in history.contents.items() if cut in list_manifests(store)}
    if history.contents:
        history.recover(max(history.contents))
    for _ in range(ERA_SPAN + 2):
        history.change(2)
        history.cut()
    Collector(backend=store, policy=Policy.parse("last 1000"), by="collect", at=START).run()
    return complaints(store, history) + left_over(store, died_at)


def test_stopped_before_any_operation_what_was_published_is_whole_and_the_rest_is_collected(
    record_count: Callable[[str, object], None],
) -> None:
    life = Life()
    crashes = 0
    littered = 0
    for crash in every_crash(MemoryBackend, life.run):
        crashes += 1
        assert complaints(crash.store, life.history) == []
        littered += bool(left_over(crash.store, 99))
        assert live_on(crash.store, life.history) == []
    assert crashes > 20
    assert littered > 10
    record_count("moments at which a writer was stopped", crashes)
    record_count("of these, left something over that was collected later", littered)


def power_failures(life: Life) -> Iterator[tuple[Machine, int, int]]:
    """The computation on a disk that loses power before every single system call; last, after all of them."""
    operation, lost_power = -1, True
    while lost_power:
        operation += 1
        for seed in range(SEEDS):
            machine = Machine()
            with installed(machine):
                lost_power = lose_power(machine, life, operation, seed)
                yield machine, operation, seed


def lose_power(machine: Machine, life: Life, operation: int, seed: int) -> bool:
    crash = machine.disk.crash

    def hook(_name: str, _path: str) -> None:
        if machine.disk.operations == operation:
            crash(random.Random(seed))

    machine.disk.before_operation = hook
    try:
        with machine.running():
            life.run(DirectoryBackend(ROOT))
    except Stopped:
        return True
    finally:
        machine.disk.before_operation = None
    crash(random.Random(seed))
    return False


@pytest.mark.timeout(300)
def test_when_power_fails_before_any_system_call_what_was_published_is_whole_and_the_rest_is_collected(
    record_count: Callable[[str, object], None],
) -> None:
    life = Life()
    crashes = 0
    for machine, operation, seed in power_failures(life):
        crashes += 1
        with machine.running():
            store = copy_of(DirectoryBackend(ROOT))
        assert complaints(store, life.history) == [], f"operation {operation}, seed {seed}"
        if seed == 0 and operation % 5 == 0:
            assert live_on(store, life.history) == []
    assert crashes > 300
    record_count("power failures under a writer, at every system call", crashes)
