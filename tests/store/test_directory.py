from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, ObjectExists, StoreError
from cutpoint.store import DirectoryBackend, Verifier, digest_of, directory, open_backend
from cutpoint.store.directory import STALE_SECONDS

from .samples import small_store

WRITER = """
import os, sys
from cutpoint.store import digest_of, open_backend
backend = open_backend(sys.argv[1])
while True:
    data = os.urandom(16) * 20_000
    backend.create(f"parts/{data[0]:02x}/{digest_of(data)[7:]}", data)
    print("written", flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_only_whole_objects(tmp_path: Path) -> None:
    written = 0
    for delay_seconds in (0.0, 0.001, 0.002, 0.004, 0.008):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        time.sleep(delay_seconds)
        writer.send_signal(signal.SIGKILL)
        written += 1 + len(writer.stdout.readlines())
        writer.wait()
        writer.stdout.close()
    backend = open_backend(str(tmp_path))
    names = backend.list("")
    assert written <= len(names) <= written + 5
    for name in names:
        assert digest_of(backend.read(name)).endswith(name.rsplit("/", 1)[1])
    assert len(list((tmp_path / "tmp").iterdir())) <= 5


def create(root: Path) -> None:
    DirectoryBackend(root).create("a/b/c", b"whole")


class Crash(BaseException):
    """Ends a call as a kill would: nothing of ours catches it."""


CALLS = ("open", "write", "fsync", "link", "unlink", "mkdir")


def killed_at(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], None]) -> bool:
    """Run ``act`` and crash it just before its ``step``-th call of the operating system; whether it got that far."""
    count = 0

    def counted(original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **keywords: object) -> object:
            nonlocal count
            count += 1
            if count >= step:
                raise Crash
            return original(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        for name in CALLS:
            if hasattr(os, name):
                patch.setattr(os, name, counted(getattr(os, name)))
        try:
            act()
        except Crash:
            return True
    return False


def test_a_crash_before_any_system_call_leaves_the_object_whole_or_absent_and_a_retry_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, outcomes = 1, []
    while True:
        root = tmp_path / str(step)
        crashed = killed_at(monkeypatch, step, partial(create, root))
        again = DirectoryBackend(root)
        outcomes.append(again.list(""))
        assert again.list("") in ((), ("a/b/c",))
        try:
            again.create("a/b/c", b"whole")
        except ObjectExists:
            assert outcomes[-1] == ("a/b/c",)
        assert again.read("a/b/c") == b"whole"
        if not crashed:
            break
        step += 1
    assert step > 10
    assert outcomes == sorted(outcomes), "once visible, an object stays visible"


def test_an_object_becomes_visible_only_after_its_bytes_were_flushed_and_returns_after_its_folder_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    opened: dict[int, Path] = {}
    real_open, real_fsync, real_link = os.open, os.fsync, os.link

    def open_(path: Path, *flags: int) -> int:
        descriptor = real_open(path, *flags)
        opened[descriptor] = path
        return descriptor

    def fsync(descriptor: int) -> None:
        path = opened[descriptor]
        steps.append(f"flush {'file' if path.is_file() else path.relative_to(tmp_path).as_posix()}")
        real_fsync(descriptor)

    def link(source: str, target: str) -> None:
        steps.append(f"link {Path(target).relative_to(tmp_path).as_posix()}")
        real_link(source, target)

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    backend = DirectoryBackend(tmp_path / "store")
    backend.create("a/b", b"1")
    assert steps == ["flush .", "flush store", "flush store", "flush file", "link store/a/b", "flush store/a"]
    steps.clear()
    backend.create("a/c", b"2")
    assert steps == ["flush file", "link store/a/c", "flush store/a"]
    steps.clear()
    with pytest.raises(ObjectExists):
        backend.create("a/c", b"3")
    assert steps == ["flush store/a"], "what exists is durable before that is said"


def test_what_crashed_writers_left_is_removed_after_a_day_and_not_before(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path)
    backend.create("a", b"1")
    old, young = tmp_path / "tmp" / "old", tmp_path / "tmp" / "young"
    for path, age_seconds in ((old, STALE_SECONDS + 60), (young, STALE_SECONDS - 60)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age_seconds,) * 2)
    DirectoryBackend(tmp_path)
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["young"]
    assert backend.read("a") == b"1"


def refused(call: Callable[[], object], error: type[StoreError | ConfigurationError]) -> str:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for backend in (DirectoryBackend(tmp_path / "file"), DirectoryBackend(tmp_path / "file" / "below")):
        assert "a file where a folder should be" in refused(backend.check_writable, ConfigurationError)
        assert "a file where a folder should be" in refused(partial(backend.create, "a", b""), StoreError)
        assert "a file where a folder should be" in refused(partial(backend.read, "a"), StoreError)


def test_a_folder_where_an_object_should_be_is_named(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path)
    backend.create("a/b", b"")
    for call in (lambda: backend.create("a", b""), lambda: backend.read("a"), lambda: backend.size("a")):
        assert "a folder where an object should be" in refused(call, StoreError)


def test_an_object_that_exists_is_said_to_be_there_though_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    backend = DirectoryBackend(tmp_path)
    backend.create("a", b"1")
    monkeypatch.setattr(directory, "_write", fail)
    with pytest.raises(ObjectExists):
        backend.create("a", b"2")


@pytest.mark.parametrize(
    ("number", "call", "remedy"),
    [
        (errno.ENOSPC, "fsync", "free some space"),
        (errno.EDQUOT, "fsync", "the quota is used up"),
        (errno.EIO, "fsync", "the disk reports errors"),
        (errno.EROFS, "mkdir", "mounted read-only"),
        (errno.EACCES, "mkdir", "this user may not: give it access"),
        (errno.EOPNOTSUPP, "link", "has no hard links"),
        (errno.EPERM, "link", "has no hard links"),
        (errno.EMFILE, "open", "look after the file system"),
    ],
)
def test_an_error_of_the_system_says_what_to_do_and_nothing_becomes_visible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str, remedy: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    backend = DirectoryBackend(tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        assert remedy in refused(backend.check_writable, ConfigurationError)
        text = refused(lambda: backend.create("a", b"1"), StoreError)
    assert remedy in text
    assert "object a was not written" in text
    assert backend.list("") == ()
    backend.create("a", b"1")
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


def test_a_store_whose_folder_vanished_is_not_quietly_begun_anew(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path / "store")
    backend.create("a", b"1")
    (tmp_path / "store").rename(tmp_path / "gone")
    assert "has vanished" in refused(lambda: backend.create("b", b"2"), StoreError)
    assert not (tmp_path / "store").exists()


def test_strange_files_in_the_folder_are_no_objects(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path)
    backend.create("a", b"1")
    (tmp_path / ".hidden").write_bytes(b"")
    (tmp_path / "with space").write_bytes(b"")
    assert backend.list("") == ("a",)


def test_a_store_copied_elsewhere_is_the_same_store(tmp_path: Path) -> None:
    cuts = small_store(DirectoryBackend(tmp_path / "one"))
    (tmp_path / "one").rename(tmp_path / "two")
    assert Verifier(backend=DirectoryBackend(tmp_path / "two")).full(cuts).good == cuts
