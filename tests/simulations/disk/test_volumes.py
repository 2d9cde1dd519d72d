"""Disks of other machines: used like one's own, and failing apart from it."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest

from cutpoint.store import open_backend
from cutpoint_simulations.loop import Simulation
from tests.simulations.loop.running import started

FAR = Path("/simulated/machines/vault/box")
STORE = f"file://{FAR}"


def test_a_file_on_another_machine_is_used_like_one_here() -> None:
    async def program() -> list[object]:
        FAR.mkdir()
        (FAR / "letter").write_text("dear")
        os.rename(FAR / "letter", FAR / "note")
        with open(FAR / "note", "r+b") as file:
            file.seek(4)
            file.write(b"er")
            os.fsync(file.fileno())
        folder = os.open(FAR, os.O_RDONLY | os.O_DIRECTORY)
        found = [os.listdir(folder), (FAR / "note").read_text(), (FAR / "note").stat().st_size]
        os.close(folder)
        with pytest.raises(OSError, match="-device link"):
            os.link(FAR / "note", "/simulated/here")
        return [*found, os.path.exists("/simulated/box")]

    with Simulation(1) as simulation:
        assert simulation.complete(program(), on=started(simulation, "host")) == [["note"], "dearer", 6, False]
        assert simulation.disk("vault").files() == {"/box/note": b"dearer"}
        assert simulation.disk("machine").files() == {}
        simulation.check()


def test_two_machines_see_the_same() -> None:
    async def write() -> None:
        open_backend(STORE).create("packs/1", b"bytes")

    async def read() -> bytes:
        return open_backend("file:///simulated/box").read("packs/1")

    with Simulation(1) as simulation:
        simulation.complete(write(), on=started(simulation, "one", machine="a"))
        assert simulation.complete(read(), on=started(simulation, "other", machine="vault")) == b"bytes"


def test_the_other_machine_loses_its_power_and_the_program_lives() -> None:
    seen: list[object] = []

    async def program() -> None:
        descriptor = os.open("/simulated/machines/vault/file", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"kept")
        os.fsync(descriptor)
        os.write(descriptor, b" lost")
        folder = os.open("/simulated/machines/vault/", os.O_RDONLY)
        os.fsync(folder)
        await asyncio.sleep(1.0)
        with pytest.raises(OSError) as failed:
            os.write(descriptor, b"!")
        seen.append(failed.value.errno)
        seen.append(Path("/simulated/machines/vault/file").read_bytes()[:4])
        seen.append(host.alive)

    with Simulation(1) as simulation:
        host = started(simulation, "host")
        simulation.agenda.at(0.5, lambda: simulation.lose_power("vault"))
        simulation.complete(program(), on=host)
    assert seen == [errno.EIO, b"kept", True]


def test_a_program_that_dies_loses_what_it_had_open_everywhere() -> None:
    async def program() -> None:
        os.open("/simulated/machines/vault/file", os.O_CREAT | os.O_WRONLY)
        await asyncio.Event().wait()

    with Simulation(1) as simulation:
        host = started(simulation, "host", program)
        simulation.run(until=1.0)
        assert simulation.disk("vault").statistics().descriptors == 1
        host.kill()
        assert simulation.disk("vault").statistics().descriptors == 0
        simulation.check()
