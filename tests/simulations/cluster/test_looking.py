"""A store that is looked at from outside is the one that programs find."""

from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.errors import Damaged, ObjectMissing, StoreError, UsageError
from cutpoint.store import open_backend
from cutpoint_simulations.cluster.looking import Look
from cutpoint_simulations.loop import Simulation
from tests.simulations.loop.running import started

URL = "file:///simulated/store"
OBJECTS = {"packs/1": b"one", "packs/12": b"twelve", "manifests/1.json": b"{}", "store.json": b"which"}


async def fill() -> None:
    backend = open_backend(URL)
    for name, data in OBJECTS.items():
        backend.create(name, data)
    Path("/simulated/store/packs/.hidden").write_bytes(b"no object")


def test_it_shows_what_a_program_finds() -> None:
    async def found(prefix: str) -> tuple[object, ...]:
        backend = open_backend(URL)
        names = backend.list(prefix)
        return names, backend.sizes(prefix), [backend.read(name) for name in names], backend.size("packs/1")

    with Simulation(1) as simulation:
        host = started(simulation, "host")
        simulation.complete(fill(), on=host)
        look = Look(simulation.disk("machine").tree, "/store", URL)
        for prefix in ("", "packs/", "packs/1", "manifests/", "marks/"):
            names = look.list(prefix)
            ours = (names, look.sizes(prefix), [look.read(name) for name in names], look.size("packs/1"))
            assert ours == simulation.complete(found(prefix), on=host)


def test_what_is_not_there_is_told_as_ever_and_nothing_is_changed() -> None:
    with Simulation(1) as simulation:
        nothing = Look(simulation.disk("machine").tree, "/store", URL)
        assert (nothing.list(""), nothing.size("packs/1")) == ((), None)
        simulation.complete(fill(), on=started(simulation, "host"))
        look = Look(simulation.disk("machine").tree, "/store", URL)
        with pytest.raises(ObjectMissing, match="object packs/2 is not in file:///simulated/store"):
            look.read("packs/2")
        with pytest.raises(Damaged, match="ends at byte 6"):
            look.read_range("packs/12", 4, 3)
        with pytest.raises(StoreError, match="is 6 bytes long, 5 are allowed"):
            look.read("packs/12", bytes_max=5)
        assert look.read_range("packs/12", 1, 2) == b"we"
        with pytest.raises(UsageError, match="looks from outside changes nothing"):
            look.create("packs/2", b"")
        with pytest.raises(UsageError, match="looks from outside changes nothing"):
            look.delete("packs/1")
        assert look.size("packs/1") == 3
