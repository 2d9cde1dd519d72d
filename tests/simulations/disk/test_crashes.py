from __future__ import annotations

import copy
import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutpoint_simulations.disk import Disk, Stopped
from cutpoint_simulations.disk.inodes import SECTOR_BYTES, File

Files = dict[str, bytes]
Step = tuple[str, str, str, int]

CREATE = os.O_WRONLY | os.O_CREAT


def write(disk: Disk, path: str, data: bytes, *, offset: int = 0, flush: bool = False, flags: int = CREATE) -> None:
    descriptor = disk.open(path, flags)
    disk.pwrite(descriptor, data, offset)
    if flush:
        disk.fsync(descriptor)
    disk.close(descriptor)


def flush(disk: Disk, path: str) -> None:
    descriptor = disk.open(path, os.O_RDONLY)
    disk.fsync(descriptor)
    disk.close(descriptor)


def survivors(prepare: Callable[[Disk], None], seeds: int = 200) -> list[Files]:
    """What is found after the crash, once for each seed."""
    found = []
    for seed in range(seeds):
        disk = Disk()
        prepare(disk)
        disk.check()
        disk.crash(random.Random(seed))
        disk.check()
        found.append(disk.files())
    return found


def distinct(found: list[Files]) -> list[Files]:
    return [files for index, files in enumerate(found) if files not in found[:index]]


# What was flushed.


def test_what_was_flushed_with_its_folder_is_there_whole() -> None:
    def prepare(disk: Disk) -> None:
        disk.mkdir("a")
        flush(disk, "/")
        write(disk, "a/b", b"1" * 2000, flush=True)
        flush(disk, "a")

    assert distinct(survivors(prepare)) == [{"/a/b": b"1" * 2000}]


def test_a_flushed_file_whose_folder_was_not_flushed_is_there_whole_or_not_at_all() -> None:
    found = distinct(survivors(lambda disk: write(disk, "a", b"1", flush=True)))
    assert sorted(found, key=len) == [{}, {"/a": b"1"}]


def test_a_flushed_folder_vanishes_with_all_it_holds_if_its_own_name_was_not_flushed() -> None:
    def prepare(disk: Disk) -> None:
        disk.mkdir("a")
        write(disk, "a/b", b"1", flush=True)
        flush(disk, "a")

    assert sorted(distinct(survivors(prepare)), key=len) == [{}, {"/a/b": b"1"}]


def test_a_file_opened_for_synchronous_writing_needs_no_flush() -> None:
    def prepare(disk: Disk) -> None:
        write(disk, "a", b"1" * 2000, flags=CREATE | os.O_SYNC)
        flush(disk, "/")

    assert distinct(survivors(prepare)) == [{"/a": b"1" * 2000}]


def test_a_sync_flushes_everything() -> None:
    def prepare(disk: Disk) -> None:
        disk.mkdir("a")
        write(disk, "a/b", b"1" * 2000)
        disk.sync()

    assert distinct(survivors(prepare)) == [{"/a/b": b"1" * 2000}]


def test_what_the_disk_held_before_the_simulation_is_durable() -> None:
    assert distinct(survivors(lambda disk: disk.put("/a/b/c", b"1"))) == [{"/a/b/c": b"1"}]


# What was not.


def test_an_unflushed_name_leads_to_torn_bytes() -> None:
    def prepare(disk: Disk) -> None:
        write(disk, "a", b"1" * 2000)
        flush(disk, "/")

    contents = [files["/a"] for files in survivors(prepare)]
    assert b"" in contents
    assert b"1" * 2000 in contents
    assert any(
        set(data) == {ord("1")} and len(data) % SECTOR_BYTES not in (0, 2000 % SECTOR_BYTES) for data in contents
    )
    assert any(data.startswith(bytes(SECTOR_BYTES)) and data.endswith(b"1") for data in contents), "later sectors only"
    assert any(len(data) == 2000 and not any(data) for data in contents), "the size, and none of the bytes"


def test_overwritten_bytes_that_are_missing_are_the_former_ones() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("a", b"1" * 2000)
        write(disk, "a", b"2" * 1000, offset=500)

    for files in survivors(prepare):
        data = files["/a"]
        assert len(data) == 2000
        assert data[:500] == b"1" * 500
        assert set(data[500:1500]) <= set(b"12")
        assert data[1500:] == b"1" * 500


def test_unflushed_writes_reach_the_disk_in_order_or_in_any_other() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("a", b"---")
        for number in range(3):
            write(disk, "a", b"+", offset=number)

    found = {files["/a"] for files in survivors(prepare)}
    assert len(found) == 8, "every combination"


def test_a_size_is_changed_or_not() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("a", b"1234")
        disk.truncate("a", 2)

    assert sorted(files["/a"] for files in distinct(survivors(prepare))) == [b"12", b"1234"]


def test_unflushed_names_are_lost_or_kept_each_for_itself() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("gone", b"")
        disk.unlink("gone")
        for name in "ab":
            write(disk, name, b"", flush=True)

    assert len(distinct(survivors(prepare))) == 8


def test_the_new_link_may_be_lost_though_the_old_one_was_removed_later() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("old", b"1")
        disk.link("old", "new")
        disk.unlink("old")

    assert {} in survivors(prepare)


def test_the_file_that_replaces_another_without_being_flushed_may_be_empty() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("a", b"old")
        write(disk, "aside", b"new")
        disk.rename("aside", "a")

    found = survivors(prepare)
    assert {"/a": b""} in found
    assert all(files["/a"] in (b"old", b"new") or set(files["/a"]) <= set(b"new\0") for files in found)


def test_whatever_is_never_flushed_reaches_the_disk_in_the_end() -> None:
    disk = Disk()
    write(disk, "a", b"")
    for number in range(5000):
        write(disk, "a", b"1", offset=number)
        write(disk, f"b{number}", b"")
    statistics = disk.statistics()
    assert statistics.unflushed_writes <= 1024
    assert statistics.unflushed_changes <= 4096
    disk.check()
    disk.crash(random.Random(0))
    assert "/b0" in disk.files()
    assert disk.files()["/a"].startswith(b"1" * 3000)


# Renames.


@pytest.mark.parametrize("flushed", [(), ("/",), ("new/er",), ("old",)], ids=" ".join)
@pytest.mark.parametrize("replaced", [False, True])
def test_a_rename_is_atomic_whatever_folders_were_made_for_it(flushed: tuple[str, ...], replaced: bool) -> None:
    def prepare(disk: Disk) -> None:
        disk.put("old/a", b"1" * 2000)
        disk.mkdir("new")
        disk.mkdir("new/er")
        if replaced:
            write(disk, "new/er/b", b"other", flush=True)
        disk.rename("old/a", "new/er/b")
        for path in flushed:
            flush(disk, path)

    found = survivors(prepare)
    places = [[path for path, data in files.items() if data == b"1" * 2000] for files in found]
    assert all(len(paths) == 1 for paths in places)
    moved = [paths == ["/new/er/b"] for paths in places]
    assert all(moved) if flushed in (("new/er",), ("old",)) else (any(moved) and not all(moved))


def test_a_folder_that_was_emptied_and_removed_takes_nothing_with_it() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("a/b", b"1")
        disk.rename("a/b", "b")
        disk.rmdir("a")

    assert sorted(map(list, distinct(survivors(prepare)))) == [["/a/b"], ["/b"]]


def test_folders_that_change_places_never_swallow_each_other() -> None:
    def prepare(disk: Disk) -> None:
        disk.put("x/1", b"")
        disk.put("y/2", b"")
        disk.rename("x", "y/x")
        disk.rename("y/x", "x")
        disk.rename("y", "x/y")

    assert {tuple(sorted(files)) for files in survivors(prepare)} == {
        ("/x/1", "/y/2"),
        ("/y/2", "/y/x/1"),
        ("/x/1", "/x/y/2"),
    }


# Any program.

_PATHS = st.sampled_from([*"abc", *(f"{above}/{name}" for above in "abc" for name in "abc"), "a/b/c", "b/a/c"])
_STEPS = st.tuples(
    st.sampled_from(
        ["write", "write", "mkdir", "mkdir", "rmdir", "unlink", "link", "rename", "rename", "flush", "flush"]
    ),
    _PATHS,
    _PATHS,
    st.integers(0, 1500),
)


class Watched:
    """A disk with a record of everything that was ever written where, and of what every name ever meant."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.bytes_written: dict[tuple[int, int], set[int]] = {}
        self.meanings = self._meanings()
        self._tag = 0

    def take(self, step: Step) -> None:
        kind, path, other, number = step
        try:
            if kind == "write":
                self._write(path, number)
            elif kind == "flush":
                flush(self.disk, path)
            elif kind in ("link", "rename"):
                getattr(self.disk, kind)(path, other)
            else:
                getattr(self.disk, kind)(path)
        except OSError:
            pass
        self.disk.check()
        self.meanings.update(self._meanings())

    def _write(self, path: str, offset: int) -> None:
        self._tag = self._tag % 255 + 1
        write(self.disk, path, bytes([self._tag]) * 700, offset=offset)
        inode = self.disk.stat(path).st_ino
        for position in range(offset, offset + 700):
            self.bytes_written.setdefault((inode, position), set()).add(self._tag)

    def _meanings(self) -> set[tuple[int, str, int]]:
        inodes = dict(self.disk.tree.walk())
        return {
            (inodes[path.rpartition("/")[0] or "/"].number, path.rpartition("/")[2], inode.number)
            for path, inode in inodes.items()
        }

    def complaints(self) -> list[str]:
        """What is there that never was."""
        found = [f"name {meaning}" for meaning in sorted(self._meanings() - self.meanings)]
        for path, inode in self.disk.tree.walk():
            if isinstance(inode, File):
                for position, value in enumerate(inode.content):
                    if value and value not in self.bytes_written.get((inode.number, position), ()):
                        found.append(f"{path}: byte {position}")
        return found


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(_STEPS, max_size=20), seed=st.integers(0, 2**32))
def test_after_a_crash_nothing_is_there_that_nobody_wrote(steps: list[Step], seed: int) -> None:
    watched = Watched()
    for step in steps:
        watched.take(step)
    watched.disk.crash(random.Random(seed))
    watched.disk.check()
    assert watched.complaints() == []
    assert watched.disk.statistics().unflushed_changes == watched.disk.statistics().unflushed_writes == 0
    found = watched.disk.files()
    watched.disk.crash(random.Random(seed))
    assert watched.disk.files() == found, "what has survived is durable"


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(_STEPS, max_size=20), later=st.lists(_STEPS, max_size=5), seed=st.integers(0, 2**32))
def test_what_was_synced_and_not_touched_since_survives_every_crash(
    steps: list[Step], later: list[Step], seed: int
) -> None:
    watched = Watched()
    for step in steps:
        watched.take(step)
    watched.disk.sync()
    numbers = {path: inode.number for path, inode in watched.disk.tree.walk()}
    found = watched.disk.files()
    for step in later:
        watched.take(step)
    touched = {path for _, *paths, _ in later for path in paths}
    kept = {
        path: data
        for path, data in found.items()
        if not any(f"{path}/".startswith(f"/{other}/") for other in touched)
        and not any(numbers[path] == numbers.get(f"/{other}") for other in touched)
    }
    watched.disk.crash(random.Random(seed))
    assert kept.items() <= watched.disk.files().items()


_MOVES = st.tuples(
    st.sampled_from(["rename", "rename", "rename", "mkdir", "rmdir", "flush"]), _PATHS, _PATHS, st.just(0)
)


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(_MOVES, max_size=25), seed=st.integers(0, 2**32))
def test_no_rename_loses_or_doubles_a_file_whatever_is_moved_made_and_removed_around_it(
    steps: list[Step], seed: int
) -> None:
    watched = Watched()
    for path in ("a/a/1", "a/b/2", "b/a/3", "c"):
        watched.disk.put(path, path.encode())
    for step in steps:
        kind, _, target, _ = step
        if kind != "rename" or f"/{target}" not in watched.disk.files():
            watched.take(step)
    watched.disk.crash(random.Random(seed))
    watched.disk.check()
    assert sorted(watched.disk.files().values()) == [b"a/a/1", b"a/b/2", b"b/a/3", b"c"]


@settings(max_examples=50, deadline=None)
@given(steps=st.lists(_STEPS, max_size=20), seed=st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_crash_on_a_copy_too(steps: list[Step], seed: int) -> None:
    watched = Watched()
    for step in steps:
        watched.take(step)
    twin = copy.deepcopy(watched.disk)
    assert watched.disk.crash(random.Random(seed)) == twin.crash(random.Random(seed))
    assert watched.disk.files() == twin.files()
    assert watched.disk.statistics() == twin.statistics()


HASHED = """
import hashlib, os, random
from cutpoint_simulations.disk import Disk
digest = hashlib.sha256()
for seed in range(30):
    disk, chance = Disk(), random.Random(seed)
    for number in range(30):
        names = [chance.choice("abcdef") for _ in range(2)]
        try:
            disk.write(disk.open(names[0], os.O_WRONLY | os.O_CREAT), chance.randbytes(700))
            disk.rename(*names) if chance.random() < 0.5 else disk.link(*names)
        except OSError as error:
            digest.update(str(error).encode())
    digest.update(repr((disk.names("/"), disk.crash(chance), disk.files(), disk.statistics())).encode())
print(digest.hexdigest())
"""


def test_a_crash_does_not_depend_on_the_hash_seed() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", HASHED], env={"PYTHONHASHSEED": str(seed)}, check=True, capture_output=True
        ).stdout
        for seed in range(3)
    }
    assert len(told) == 1


# What the simulator asks for.


def test_a_disk_crashes_before_the_operation_that_the_simulator_chose() -> None:
    disk = Disk()
    mount = disk.mount()
    seen: list[tuple[str, str]] = []

    def hook(operation: str, path: str) -> None:
        seen.append((operation, path))
        if operation == "fsync":
            disk.crash(random.Random(1))

    disk.before_operation = hook
    descriptor = mount.open("a", CREATE)
    mount.write(descriptor, b"1")
    with pytest.raises(Stopped):
        mount.fsync(descriptor)
    assert seen == [("create", "a"), ("write", "a"), ("fsync", "a")]
    with pytest.raises(Stopped):
        mount.unlink("a")
    assert disk.statistics().operations == 2
    assert disk.statistics().crashes == 1


def test_a_killed_program_loses_its_descriptors_and_nothing_that_it_wrote() -> None:
    disk = Disk()
    dying, other = disk.mount(), disk.mount()
    theirs = other.open("theirs", CREATE)
    descriptor = dying.open("a", CREATE)
    dying.write(descriptor, b"1")
    dying.kill()
    with pytest.raises(Stopped):
        dying.write(descriptor, b"2")
    assert other.write(theirs, b"3") == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        other.write(descriptor, b"2")
    assert disk.files() == {"/a": b"1", "/theirs": b"3"}
    disk.check()


def test_a_full_disk_takes_half_of_a_write_then_none_and_still_gives_room_back() -> None:
    disk = Disk()
    descriptor = disk.open("a", CREATE)
    disk.fail_after(1, errno.ENOSPC)
    assert disk.write(descriptor, b"12") == 2
    assert disk.write(descriptor, b"3456") == 2
    for call in (lambda: disk.write(descriptor, b"5"), lambda: disk.mkdir("b"), lambda: disk.link("a", "c")):
        with pytest.raises(OSError, match="No space left"):
            call()
    disk.fsync(descriptor)
    disk.unlink("a")
    disk.heal()
    disk.mkdir("b")
    disk.check()


def test_what_a_failed_flush_was_to_write_is_never_durable_though_the_next_flush_succeeds() -> None:
    disk = Disk()
    disk.put("a", b"old")
    descriptor = disk.open("a", os.O_RDWR)
    disk.write(descriptor, b"new")
    disk.fail_after(0, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        disk.fsync(descriptor)
    disk.heal()
    disk.fsync(descriptor)
    disk.check()
    assert disk.files() == {"/a": b"new"}, "still in memory"
    disk.crash(random.Random(0))
    assert disk.files() == {"/a": b"old"}


def test_what_a_crash_did_is_told_in_words() -> None:
    disk = Disk()
    write(disk, "a", b"1")
    losses = [copy.deepcopy(disk).crash(random.Random(seed)) for seed in range(20)]
    assert "0 writes lost, 0 torn, 1 names not kept" in {str(loss) for loss in losses}
    assert ("create a",) in {loss.changes_lost for loss in losses}


def test_files_are_dated_by_the_clock_that_was_given() -> None:
    now = [1.5]
    disk = Disk(clock=lambda: now[0])
    write(disk, "a", b"1")
    now[0] = 2.25
    write(disk, "b", b"1")
    assert (disk.stat("a").st_mtime, disk.stat("b").st_mtime_ns, disk.stat("/").st_mtime) == (1.5, 2_250_000_000, 2.25)
