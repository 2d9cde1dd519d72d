"""Without crashes the simulated disk is a file system like the real one below this test: same results, same errors."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from .installed import Machine, installed

Step = tuple[Any, ...]
Slots = dict[int, int]

_NAMES = st.sampled_from(["a", "b", "c"])
_PATHS = st.one_of(
    st.lists(_NAMES, min_size=1, max_size=3).map("/".join),
    st.lists(_NAMES, min_size=1, max_size=2).map(lambda names: "/".join(names) + "/"),
    st.sampled_from(["a/.", "a/..", "a/../b", "./a", "a//b", "x" * 256, "a/" + "x" * 255, ".", "b/./a"]),
)
_SLOTS = st.integers(0, 2)
_OFFSETS = st.integers(-1, 30)
_DATA = st.binary(max_size=12)
_FLAGS = st.builds(
    lambda access, *more: access | sum(more),
    st.sampled_from([os.O_RDONLY, os.O_WRONLY, os.O_RDWR]),
    *(st.sampled_from([0, flag]) for flag in (os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND)),
)
_STEPS = st.one_of(
    st.tuples(st.just("open"), _SLOTS, _PATHS, _FLAGS),
    st.tuples(st.just("open"), _SLOTS, _PATHS, st.sampled_from([os.O_RDWR | os.O_CREAT, os.O_RDONLY | os.O_DIRECTORY])),
    st.tuples(st.just("close"), _SLOTS),
    st.tuples(st.just("read"), _SLOTS, st.integers(0, 20)),
    st.tuples(st.just("write"), _SLOTS, _DATA),
    st.tuples(st.just("pread"), _SLOTS, st.integers(0, 20), _OFFSETS),
    st.tuples(st.just("pwrite"), _SLOTS, _DATA, _OFFSETS),
    st.tuples(st.just("lseek"), _SLOTS, _OFFSETS, st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])),
    st.tuples(st.just("ftruncate"), _SLOTS, _OFFSETS),
    st.tuples(st.just("fstat"), _SLOTS),
    st.tuples(st.just("fsync"), _SLOTS),
    st.tuples(st.just("stat"), _PATHS),
    st.tuples(st.just("listdir"), _PATHS),
    st.tuples(st.just("access"), _PATHS, st.just(os.F_OK)),
    st.tuples(st.just("truncate"), _PATHS, _OFFSETS),
    *(st.tuples(st.just(name), _PATHS) for name in ("mkdir", "mkdir", "rmdir", "unlink")),
    *(st.tuples(st.just(name), _PATHS, _PATHS) for name in ("link", "rename", "replace")),
)


def known(status: os.stat_result) -> tuple[object, ...]:
    """What both file systems must agree on."""
    if stat.S_ISDIR(status.st_mode):
        return ("folder",)
    return "file", status.st_size, status.st_nlink


def take(step: Step, root: str, slots: Slots) -> object:
    """Take a step below ``root``."""
    name, *arguments = step
    call: Callable[..., Any] = getattr(os, name)
    if name == "open":
        slot, path, flags = arguments
        descriptor = call(f"{root}/{path}", flags, 0o666)
        if slot in slots:
            os.close(slots[slot])
        slots[slot] = descriptor
        return "opened"
    if isinstance(arguments[0], int):
        result = call(slots[arguments[0]], *arguments[1:]) if arguments[0] in slots else "none"
        if name == "close":
            slots.pop(arguments[0], None)
    else:
        result = call(*(f"{root}/{argument}" if isinstance(argument, str) else argument for argument in arguments))
    if isinstance(result, os.stat_result):
        return known(result)
    return sorted(result) if isinstance(result, list) else result


def outcome(step: Step, root: str, slots: Slots) -> object:
    """The result, or the error and the names it tells."""
    try:
        return take(step, root, slots)
    except OSError as error:
        told = [str(name).removeprefix(root) for name in (error.filename, error.filename2) if name is not None]
        return type(error), error.errno, told


def everything(root: str) -> list[object]:
    """All that is below ``root``."""
    found: list[object] = []
    for folder, folders, files in os.walk(root):
        folders.sort()
        found.append(folder.removeprefix(root))
        for name in sorted(files):
            path = Path(folder, name)
            found.append((name, path.read_bytes(), known(path.stat())))
    return found


def transcript(root: str, steps: list[Step]) -> list[object]:
    """What a program sees that takes these steps."""
    slots: Slots = {}
    outcomes = [outcome(step, root, slots) for step in steps]
    for descriptor in slots.values():
        os.close(descriptor)
    return [*outcomes, *everything(root)]


_NESTED: list[Step] = [("mkdir", "a"), ("mkdir", "a/b"), ("open", 0, "a/b/c", os.O_RDWR | os.O_CREAT)]


@settings(max_examples=500, deadline=None)
@given(st.lists(_STEPS, max_size=25))
@example([*_NESTED, ("rename", "a", "a/b/a"), ("rename", "a/b", "a"), ("rename", "a/b/c", "a"), ("rmdir", "a")])
@example(
    [*_NESTED, ("link", "a/b/c", "b"), ("rename", "b", "a/b/c"), ("unlink", "b"), ("write", 0, b"1"), ("fstat", 0)]
)
@example([*_NESTED, ("rename", "a/b", "c"), ("rename", "c/c", "c/a"), ("link", "a", "b"), ("link", "c/a", "a/b/")])
@example([("mkdir", "a"), ("open", 0, "a", os.O_RDONLY), ("rmdir", "a"), ("fstat", 0), ("stat", "a/."), ("read", 0, 1)])
@example([("open", 0, "a", os.O_RDWR | os.O_CREAT | os.O_APPEND), ("pwrite", 0, b"12", 7), ("pwrite", 0, b"3", 0)])
def test_a_program_sees_what_it_would_see_on_linux(steps: list[Step]) -> None:
    machine = Machine()
    with installed(machine), machine.running():
        simulated = transcript("/simulated", steps)
    with tempfile.TemporaryDirectory() as root:
        assert simulated == transcript(root, steps)
    machine.disk.check()
    assert machine.disk.statistics().descriptors == 0
