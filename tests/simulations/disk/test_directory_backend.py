"""The real `DirectoryBackend` on a simulated disk: it keeps its promises, and without its flushes it does not."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import stat
from collections.abc import Callable, Iterator

import pytest

from cutpoint.errors import ObjectExists, StoreError
from cutpoint.store import DirectoryBackend
from cutpoint.testing.backend_suite import CLAIMS, Claim
from cutpoint_simulations.disk import Stopped

from .installed import Machine, installed

ROOT = "/simulated/store"
OBJECTS = {"parts/aa/first": b"1" * 1500, "parts/bb/second": b"2" * 1500}

SEEDS = 20
"""How many crashes each operation suffers; without a flush, one of them is found to have lost something."""


@pytest.fixture
def machine() -> Iterator[Machine]:
    with installed(Machine()) as machine:
        yield machine


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_it_passes_the_suite_of_every_backend(machine: Machine, claim: Claim) -> None:
    with machine.running():
        claim(lambda: DirectoryBackend(ROOT))
    machine.disk.check()
    assert machine.disk.statistics().descriptors == 0


def crashed_at(machine: Machine, operation: int, seed: int) -> tuple[list[str], bool]:
    """Create two objects, and lose power before an operation. Returns what was created, and whether power was lost."""
    crashes = machine.disk.crash

    def hook(_name: str, _path: str) -> None:
        if machine.disk.operations == operation:
            crashes(random.Random(seed))

    created: list[str] = []
    machine.disk.before_operation = hook
    with machine.running():
        try:
            backend = DirectoryBackend(ROOT)
            for name, data in OBJECTS.items():
                backend.create(name, data)
                created.append(name)
        except Stopped:
            return created, True
        finally:
            machine.disk.before_operation = None
    return created, False


def complaints_after(machine: Machine, created: list[str]) -> list[str]:
    """What the next life of the program finds that should not be so."""
    machine.disk.check()
    with machine.running():
        backend = DirectoryBackend(ROOT)
        names = backend.list("")
        missing = [f"{name} is lost" for name in created if name not in names]
        torn = [f"{name} is torn" for name in names if backend.read(name) != OBJECTS[name]]
        for name, data in OBJECTS.items():
            try:
                backend.create(name, data)
            except ObjectExists:
                assert name in names
            if name not in names:
                assert backend.read(name) == data
    return missing + torn


def losses() -> tuple[list[str], int]:
    """Crash at every operation of two creates with every seed, and after them. Returns complaints and operations."""
    found: list[str] = []
    operation, lost_power = -1, True
    while lost_power:
        operation += 1
        for seed in range(SEEDS):
            machine = Machine()
            with installed(machine):
                created, lost_power = crashed_at(machine, operation, seed)
                if not lost_power:
                    machine.disk.crash(random.Random(seed))
                found += [f"{operation}/{seed}: {text}" for text in complaints_after(machine, created)]
    return found, operation


def test_crashed_at_every_operation_it_shows_no_torn_object_and_keeps_what_it_created() -> None:
    found, operations = losses()
    assert found == []
    assert operations == 22, "every step of two creates, the folders included"


@pytest.mark.parametrize(
    ("kind", "complaint"), [(stat.S_ISREG, "torn"), (stat.S_ISDIR, "lost")], ids=["of files", "of folders"]
)
def test_without_its_flushes_something_is_found_lost(
    monkeypatch: pytest.MonkeyPatch, kind: Callable[[int], bool], complaint: str
) -> None:
    def flush(descriptor: int) -> None:
        if not kind(os.fstat(descriptor).st_mode):
            os.fdatasync(descriptor)

    monkeypatch.setattr("cutpoint.store.directory.os", _Os(flush))
    found, _ = losses()
    assert found
    assert {text.rpartition(" ")[2] for text in found} == {complaint}


class _Os:
    """`os`, but for its flush."""

    def __init__(self, fsync: object) -> None:
        self.fsync = fsync

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)


def test_a_full_disk_is_told_and_leaves_nothing_half_written(machine: Machine) -> None:
    with machine.running():
        for operations in range(8):  # the eighth gives the object its name
            backend = DirectoryBackend(f"{ROOT}-{operations}")
            machine.disk.fail_after(operations, errno.ENOSPC)
            with pytest.raises(StoreError, match=r"was not written in file:///simulated/store-.*: free some space"):
                backend.create("a", b"1" * 1500)
            machine.disk.heal()
            assert backend.list("") == ()
            backend.create("a", b"1" * 1500)
            assert backend.read("a") == b"1" * 1500
            assert machine.disk.names(f"store-{operations}/tmp") == []


def test_a_killed_writer_leaves_whole_objects_only(machine: Machine) -> None:
    for operation in range(30):

        def hook(_name: str, _path: str, last: int = machine.disk.operations + operation) -> None:
            if machine.program is not None and machine.disk.operations == last:
                machine.program.kill()

        machine.disk.before_operation = hook
        with machine.running(), contextlib.suppress(Stopped):
            DirectoryBackend(f"{ROOT}-{operation}").create("a/b", b"1" * 1500)
        machine.disk.before_operation = None
        with machine.running():
            backend = DirectoryBackend(f"{ROOT}-{operation}")
            assert [backend.read(name) for name in backend.list("")] in ([], [b"1" * 1500])
