"""What is real is put aside for hosts only, and put back entirely."""

from __future__ import annotations

import asyncio
import importlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cutpoint_simulations.loop import Simulation, current
from cutpoint_simulations.loop.places import kept_elsewhere
from cutpoint_simulations.loop.replacements import replacements
from cutpoint_simulations.loop.substitution import SUBSTITUTED
from cutpoint_simulations.refusal import NotSimulated
from tests.simulations.loop import keepers
from tests.simulations.loop.running import on_host, started


@pytest.fixture(autouse=True, scope="module")
def substituted() -> None:
    """Nothing: here it is what is tested."""


def _attribute(place: Any, name: str) -> Any:
    return vars(place).get(name) if isinstance(place, type) else getattr(place, name)


def test_after_the_simulation_every_original_is_back_and_nothing_keeps_a_replacement() -> None:
    places = [(place, name) for place, name, _ in replacements()]
    before = [_attribute(place, name) for place, name in places]
    with Simulation(1):
        during = [_attribute(place, name) for place, name in places]
        assert all(there is not original for there, original in zip(during, before, strict=True))
    after = [_attribute(place, name) for place, name in places]
    assert [there is original for there, original in zip(after, before, strict=True)] == [True] * len(places)
    wanted = {id(replacement): (replacement, None) for replacement in during}
    assert [place for place, _ in kept_elsewhere(wanted)] == []


def test_whatever_kept_a_clock_of_its_own_shows_the_hosts_and_then_the_real_one_again() -> None:
    async def program() -> list[float]:
        return keepers.clocks()

    assert on_host(program) == pytest.approx([1000.0] * 8, abs=0.01)
    assert keepers.clocks() != pytest.approx([1000.0] * 8, abs=0.01)
    assert keepers.clocks() == pytest.approx([time.monotonic()] * 8, abs=60)
    assert keepers.Keeper.clock is time.monotonic


def test_names_imported_by_themselves_are_simulated() -> None:
    async def program() -> tuple[bytes, float, float]:
        began = keepers.monotonic()
        keepers.sleep(50)
        return keepers.bytes_of_chance(4), keepers.number(), round(keepers.monotonic() - began)

    assert on_host(program) == on_host(program)
    assert on_host(program)[2] == 50
    assert keepers.number() != keepers.number()


def test_what_was_kept_where_nobody_looks_is_refused_on_its_way_to_the_system() -> None:
    kept: dict[str, Any] = {"sleep": time.sleep, "thread": threading.Thread.start, "socket": socket.socket}

    async def sleeps() -> None:
        kept["sleep"](0.001)

    async def connects() -> None:
        kept["socket"]()

    async def threads() -> None:
        kept["thread"](threading.Thread(target=print))

    told_of_sleep = sys.version_info >= (3, 13)
    for program in (connects, threads, *((sleeps,) if told_of_sleep else ())):
        with pytest.raises(NotSimulated):
            on_host(program)


def test_outside_of_hosts_all_is_real_while_a_simulation_stands() -> None:
    with Simulation(1) as simulation:
        host = started(simulation, "host")
        simulation.run(until=5)
        assert abs(time.time() - 1_700_000_000) > 1_000_000
        assert os.getpid() == int(Path("/proc/self").readlink().name)
        assert current.host is None
        one, other = socket.socketpair()
        one.sendall(b"real")
        assert other.recv(10) == b"real"
        one.close()
        other.close()
        done = threading.Event()
        thread = threading.Thread(target=done.set)
        thread.start()
        assert done.wait(10)
        thread.join()
        assert subprocess.run(["echo", "real"], capture_output=True, check=True).stdout == b"real\n"
        assert asyncio.run(asyncio.sleep(0, "real")) == "real"
        assert random.random() != random.random()
        assert simulation.hosts == {"host": host}


def test_other_threads_are_outside_while_a_host_runs() -> None:
    seen, go, done = list[object](), threading.Event(), threading.Event()
    set_go, wait_done = threading.Event.set, _waiting_really()

    def elsewhere() -> None:
        go.wait(10)
        seen.extend([current.host, time.monotonic() != pytest.approx(1000.0, abs=1), len(os.urandom(2))])
        done.set()

    thread = threading.Thread(target=elsewhere)
    thread.start()

    async def program() -> float:
        set_go(go)
        wait_done(done)
        return time.monotonic()

    assert on_host(program) == pytest.approx(1000.0, abs=1)
    thread.join()
    assert seen == [None, True, 2]


def _waiting_really() -> Any:
    """A host may not wait; a test may, if it wants to know what happens meanwhile: by looking again and again."""

    def wait(event: threading.Event) -> None:
        for _ in range(10_000_000):
            if event.is_set():
                return
        raise AssertionError("the other thread did not run")

    return wait


def test_a_module_that_is_imported_by_a_host_keeps_nothing_simulated(tmp_path: Path) -> None:
    (tmp_path / "imported_late.py").write_text(
        "from time import monotonic\nimport time\n"
        "class Late:\n    clock = time.monotonic\n"
        "def late(now=time.monotonic):\n    return now()\n"
    )

    async def program() -> list[float]:
        late: Any = importlib.import_module("imported_late")
        return [late.monotonic(), late.Late().clock(), late.late()]

    sys.path.insert(0, str(tmp_path))
    try:
        assert on_host(program) == pytest.approx([1000.0] * 3, abs=0.01)
        late: ModuleType = sys.modules["imported_late"]
        assert vars(late)["monotonic"] is time.monotonic
        assert vars(late)["Late"].clock is time.monotonic
        assert vars(late)["late"].__defaults__ == (time.monotonic,)
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("imported_late", None)


def test_simulations_within_each_other_leave_only_with_the_last() -> None:
    original = time.monotonic
    with SUBSTITUTED, Simulation(1) as outer:
        host = started(outer, "outer")
        with Simulation(2) as inner:
            assert inner.complete(_now(), on=started(inner, "inner")) == pytest.approx(1000, abs=0.01)
        assert time.monotonic is not original
        assert outer.complete(_now(), on=host) == pytest.approx(1000, abs=0.01)
    assert time.monotonic is original


async def _now() -> float:
    return time.monotonic()


async def test_a_loop_that_runs_outside_is_put_back() -> None:
    outside = asyncio.get_running_loop()
    hooks = sys.get_asyncgen_hooks()

    async def program() -> bool:
        return asyncio.get_running_loop() is outside

    assert on_host(program) is False
    assert asyncio.get_running_loop() is outside
    assert sys.get_asyncgen_hooks() == hooks
    await asyncio.sleep(0)


def test_local_time_is_utc_only_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        with Simulation(1):
            assert time.tzname[0] == "UTC"
        assert time.tzname[0] == "JST"
    finally:
        monkeypatch.undo()
        time.tzset()
