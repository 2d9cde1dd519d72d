"""The real S3 server under publishers that race, and killed with -9 while packs are on their way to it."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cutpoint.errors import ObjectMissing, StoreUnavailable
from cutpoint.store import Backend, open_backend
from cutpoint.testing.object_server import ObjectServer

PUBLISHERS = 16
MANIFESTS = 4
KILLS = 8
WRITERS = 4

PUBLISHER = """
import hashlib, sys
from cutpoint.errors import ObjectExists
from cutpoint.store import open_backend
backend = open_backend(sys.argv[1])
backend.list("")
print("ready", flush=True)
for cut in range(1, int(sys.argv[3]) + 1):
    name = f"manifests/{cut:012d}.json"
    mine = f"cut {cut} by publisher {sys.argv[2]}".encode() * 500
    sys.stdin.readline()
    try:
        backend.create(name, mine)
        print("published", hashlib.sha256(mine).hexdigest(), flush=True)
    except ObjectExists:
        print("superseded", hashlib.sha256(backend.read(name)).hexdigest(), flush=True)
"""


@pytest.mark.timeout(180)
def test_of_many_processes_that_publish_one_manifest_one_wins(
    object_server: ObjectServer, record_count: Callable[[str, object], None]
) -> None:
    with ExitStack() as stack:
        publishers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PUBLISHER, object_server.url("race"), str(number), str(MANIFESTS)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for number in range(PUBLISHERS)
        ]

        def answers() -> list[list[str]]:
            return [publisher.stdout.readline().split() for publisher in publishers if publisher.stdout is not None]

        assert answers() == [["ready"]] * PUBLISHERS
        for cut in range(1, MANIFESTS + 1):
            for publisher in publishers:
                assert publisher.stdin is not None
                publisher.stdin.write("go\n")
                publisher.stdin.flush()
            outcomes = answers()
            assert sorted(outcome for outcome, _ in outcomes) == ["published"] + ["superseded"] * (PUBLISHERS - 1)
            assert len({digest for _, digest in outcomes}) == 1
            kept = open_backend(object_server.url("race")).read(f"manifests/{cut:012d}.json")
            assert hashlib.sha256(kept).hexdigest() == outcomes[0][1]
    record_count("publishers that raced for one manifest on a real S3 server, times", f"{PUBLISHERS} x {MANIFESTS}")


@dataclass
class Writer:
    """Writes packs of 64 KiB to 3 MiB, one after the other, and remembers what it was told of each."""

    backend: Backend
    seed: int
    written: dict[str, int] = field(default_factory=dict)
    doubtful: dict[str, int] = field(default_factory=dict)
    cut_off: int = 0
    other: list[Exception] = field(default_factory=list)

    def run(self, over: threading.Event) -> None:
        draw = random.Random(self.seed)
        while not over.is_set():
            data = draw.randbytes(16) * draw.randrange(1 << 12, 3 << 16)
            name = f"packs/{self.seed:012d}/{hashlib.sha256(data).hexdigest()}"
            try:
                self.backend.create(name, data)
            except StoreUnavailable as error:
                self.doubtful[name] = len(data)
                self.cut_off += "the connection was lost" in str(error)
                over.wait(0.02)
            except Exception as error:
                self.other.append(error)
                return
            else:
                self.written[name] = len(data)


@pytest.fixture
def mortal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """A server of the test's own, to be killed."""
    with ObjectServer(tmp_path / "weed") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.timeout(300)
def test_a_server_killed_in_mid_upload_shows_nothing_half_written_and_loses_nothing_it_acknowledged(
    mortal: ObjectServer, record_count: Callable[[str, object], None]
) -> None:
    hasty = [Writer(open_backend(mortal.url("killed", retry_seconds=0)), seed) for seed in range(WRITERS // 2)]
    patient = [Writer(open_backend(mortal.url("killed")), seed) for seed in range(WRITERS // 2, WRITERS)]
    over = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(over,)) for writer in (*hasty, *patient)]
    moments = random.Random(4)
    try:
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.1, 0.9))
            mortal.kill()
            mortal.start()
        time.sleep(0.2)
    finally:
        over.set()
        for thread in threads:
            thread.join()

    backend = open_backend(mortal.url("killed"))
    sizes = dict(backend.sizes(""))
    for name, size in sizes.items():
        assert backend.size(name) == size
        assert name.endswith(hashlib.sha256(backend.read(name)).hexdigest()), f"{name} is half-written"
    told: dict[str, int] = {}
    for writer in (*hasty, *patient):
        assert writer.other == []
        assert writer.written.items() <= sizes.items(), "what was acknowledged is lost"
        told |= writer.written | writer.doubtful
    assert sizes.items() <= told.items(), "something is there that nobody wrote"
    assert [writer.doubtful for writer in patient] == [{}, {}], "waiting has not helped"
    cut_off = sum(writer.cut_off for writer in hasty)
    assert cut_off > 0, "the server was never killed in mid-upload"
    record_count("packs written to an S3 server", len(sizes))
    record_count("times it was killed with -9 meanwhile, uploads that were cut off", f"{KILLS}, {cut_off}")


def test_what_failed_when_the_server_died_is_written_by_the_next_try(mortal: ObjectServer) -> None:
    backend = open_backend(mortal.url("again", retry_seconds=0))
    data = bytes(4 << 20)
    mortal.kill()
    with pytest.raises(StoreUnavailable):
        backend.create("packs/a", data)
    with pytest.raises(StoreUnavailable):
        backend.read("packs/a")
    mortal.start()
    with pytest.raises(ObjectMissing):
        backend.read("packs/a")
    backend.create("packs/a", data)
    assert backend.read("packs/a") == data
