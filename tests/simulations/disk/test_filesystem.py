# ruff: noqa: SIM115 # files are opened here to see how that goes
from __future__ import annotations

import errno
import gc
import glob
import inspect
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cutpoint_simulations.disk import Disk, FileSystem
from cutpoint_simulations.refusal import NotSimulated

from .installed import Machine, installed


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:  # the folder is made before the disk stands under the functions
    with installed(Machine()) as machine, machine.running():
        yield machine


# What programs use.


def test_pathlib_works(machine: Machine) -> None:
    folder = Path("/simulated/a/b")
    folder.mkdir(parents=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x.txt").write_text("1\n2\n")
    (folder / "y").touch()
    assert (folder / "x.txt").read_text() == "1\n2\n"
    assert (folder / "x.txt").stat().st_size == 4
    assert sorted(folder.iterdir()) == [folder / "x.txt", folder / "y"]
    assert list(folder.glob("*.txt")) == list(Path("/simulated").rglob("x*")) == [folder / "x.txt"]
    assert (folder / "y").replace("/simulated/z") == Path("/simulated/z")
    assert (folder.exists(), folder.is_dir(), folder.is_file(), Path("/simulated/z").is_file()) == (
        True,
        True,
        False,
        True,
    )
    assert folder.resolve() == (folder / ".." / "b").resolve() == folder
    Path("/simulated/z").unlink()
    assert machine.disk.files() == {"/a/b/x.txt": b"1\n2\n"}
    with pytest.raises(FileNotFoundError, match="'/simulated/none'"):
        Path("/simulated/none").read_bytes()


def test_shutil_glob_and_walk_work(machine: Machine) -> None:
    machine.disk.put("/a/b/c", b"1")
    shutil.copytree("/simulated/a", "/simulated/d")
    shutil.copy2("/simulated/a/b/c", "/simulated/e")
    shutil.move("/simulated/e", "/simulated/d/e")
    shutil.copy(__file__, "/simulated/test")
    assert machine.disk.files() == {
        "/a/b/c": b"1",
        "/d/b/c": b"1",
        "/d/e": b"1",
        "/test": Path(__file__).read_bytes(),
    }
    assert list(os.walk("/simulated/d")) == [("/simulated/d", ["b"], ["e"]), ("/simulated/d/b", [], ["c"])]
    assert sorted(glob.glob("/simulated/*/b/**", recursive=True)) == [
        *("/simulated/a/b/", "/simulated/a/b/c", "/simulated/d/b/", "/simulated/d/b/c")
    ]
    shutil.rmtree("/simulated/d")
    assert sorted(os.listdir("/simulated")) == ["a", "test"]
    assert os.listdir(b"/simulated/a") == [b"b"]


def test_temporary_files_have_the_same_names_in_every_run_and_leave_nothing(machine: Machine) -> None:
    with tempfile.NamedTemporaryFile() as file:
        assert file.name == "/simulated/tmp/tmp1"
        assert file.write(b"1") == 1
    with tempfile.TemporaryFile() as file:
        file.write(b"1")
    with tempfile.TemporaryDirectory() as folder:
        assert folder.startswith("/simulated/tmp/")
    assert machine.disk.files() == {}
    assert os.listdir("/simulated/tmp") == []


@pytest.mark.parametrize("mode", ["r", "rb", "r+", "w", "wb", "w+b", "a", "a+", "x", "x+b", "rt"])
def test_a_file_is_opened_as_python_opens_one(machine: Machine, mode: str, tmp_path: Path) -> None:
    def transcript(path: Path) -> list[object]:
        if "x" not in mode:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            os.truncate(path, 4)
        found: list[object] = []
        with open(path, mode) as file:
            found += [type(file), file.mode, file.readable(), file.writable(), file.seekable(), file.tell()]
            one = b"1\n2" if "b" in mode else "1\n2"
            for call in (file.read, lambda: file.write(one), file.flush, lambda: file.seek(1), lambda: file.read(2)):
                try:
                    found.append(call())
                except (OSError, ValueError) as error:
                    found += [type(error), str(error)]
            found += [file.name, os.fstat(file.fileno()).st_size]
        return [*found[:-2], str(found[-2]).rpartition("/")[2], found[-1], file.closed]

    simulated = transcript(Path("/simulated/file"))
    machine.program = None
    assert simulated == transcript(tmp_path / "file")


@pytest.mark.parametrize(
    "open_file",
    [
        lambda path: open(path, "rw"),
        lambda path: open(path, "q"),
        lambda path: open(path, "rbt"),
        lambda path: open(path, "b"),
        lambda path: open(path, "rr"),
        lambda path: open(path, "wb", encoding="utf-8"),
        lambda path: open(path, "w", buffering=0),
        lambda path: open(path, closefd=False),
        lambda path: open(path, "x"),
        lambda path: open(path),
        lambda path: open(path.parent, "w"),
        lambda path: open(path / "below"),
    ],
)
def test_what_python_refuses_to_open_is_refused_alike(
    machine: Machine, open_file: Callable[[Path], object], tmp_path: Path
) -> None:
    def error_of(folder: Path) -> tuple[object, ...]:
        folder.mkdir()
        if "x" in inspect.getsource(open_file):
            (folder / "file").touch()
        with pytest.raises((OSError, ValueError)) as caught:
            open_file(folder / "file")
        return caught.type, getattr(caught.value, "errno", None)

    simulated = error_of(Path("/simulated/folder"))
    machine.program = None
    assert simulated == error_of(tmp_path / "folder")


def test_text_is_encoded_newlines_are_translated_and_lines_are_buffered_as_python_does(machine: Machine) -> None:
    with open("/simulated/a", "w", encoding="utf-16-le", newline="\r\n") as file:
        file.write("ä\n")
    with open("/simulated/b", "w", buffering=1) as file:
        file.write("1\n2")
        assert machine.disk.files() == {"/a": "ä\r\n".encode("utf-16-le"), "/b": b"1\n2"}
    with open("/simulated/b", "rb", buffering=0) as raw:
        assert isinstance(raw, io.RawIOBase)
        assert raw.read() == b"1\n2"


def test_a_descriptor_is_opened_and_left_open_if_asked(machine: Machine) -> None:
    descriptor = os.open("/simulated/a", os.O_RDWR | os.O_CREAT)
    with os.fdopen(descriptor, "w", closefd=False) as file:
        file.write("1")
    os.fsync(descriptor)
    with os.fdopen(descriptor, "rb") as again:
        again.seek(0)
        assert again.read() == b"1"
        os.fsync(again)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.close(descriptor)
    assert descriptor >= 2_000_000


def test_what_is_left_in_pythons_buffers_is_lost_when_the_program_is_killed(machine: Machine) -> None:
    file = open("/simulated/a", "w")  # it dies open
    file.write("flushed")
    file.flush()
    file.write("not flushed")
    assert machine.program is not None
    machine.program.kill()
    del file
    gc.collect()
    assert machine.disk.files() == {"/a": b"flushed"}


def test_sixteen_threads_may_write_at_once(machine: Machine) -> None:
    def append() -> None:
        for _ in range(50):
            with open("/simulated/a", "a") as file:
                file.write("line\n")

    threads = [threading.Thread(target=append) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert machine.disk.files() == {"/a": b"line\n" * 800}
    machine.disk.check()


def test_times_and_permissions_are_kept_and_told(machine: Machine) -> None:
    path = Path("/simulated/a")
    path.touch(mode=0o640)
    os.utime(path, (1.5, 2.5))
    path.chmod(0o600)
    status = path.stat()
    assert (status.st_mode & 0o777, status.st_mtime, status.st_mtime_ns) == (0o600, 2.5, 2_500_000_000)
    assert (os.access(path, os.W_OK), os.access(path, os.X_OK), os.access("/simulated/b", os.F_OK)) == (
        True,
        False,
        False,
    )
    assert shutil.disk_usage("/simulated").free > 0
    machine.disk.fail_after(0, errno.ENOSPC)
    machine.disk.gate.operations += 1
    assert shutil.disk_usage("/simulated").free == 0


# What is refused, and what is not.


def test_a_program_may_read_what_is_elsewhere(machine: Machine) -> None:
    assert Path(__file__).read_text().endswith('b"1"}\n')
    assert os.path.basename(__file__) in os.listdir(os.path.dirname(__file__))


REFUSED: dict[str, Callable[[Path], object]] = {
    "open() for writing": lambda path: open(path / "a", "w"),
    "open() for writing, by number": lambda path: os.open(path / "a", os.O_WRONLY | os.O_CREAT),
    "mkdir": lambda path: os.mkdir(path / "b"),
    "unlink": lambda path: os.unlink(path / "file"),
    "remove": lambda path: os.remove(path / "file"),
    "rmdir": lambda path: os.rmdir(path),
    "rename": lambda path: os.rename(path / "file", path / "a"),
    "rename from here": lambda path: os.replace("/simulated/file", path / "a"),
    "rename from there": lambda path: os.replace(path / "file", "/simulated/a"),
    "link": lambda path: os.link(path / "file", path / "a"),
    "symlink": lambda path: os.symlink(path / "file", path / "a"),
    "symlink here": lambda path: os.symlink("/simulated/file", "/simulated/a"),
    "chdir": lambda path: os.chdir(path),
    "chmod": lambda path: os.chmod(path / "file", 0o600),
    "utime": lambda path: os.utime(path / "file"),
    "truncate": lambda path: os.truncate(path / "file", 0),
    "mkstemp": lambda path: tempfile.mkstemp(dir=path),
    "dup": lambda path: os.dup(open("/simulated/file").fileno()),
}


@pytest.mark.parametrize("ask", REFUSED.values(), ids=REFUSED)
def test_a_write_elsewhere_is_refused_with_the_line_that_asked(
    machine: Machine, ask: Callable[[Path], object], tmp_path: Path
) -> None:
    machine.disk.put("/file", b"1")
    program, machine.program = machine.program, None
    (tmp_path / "file").write_text("1")
    before = os.stat(tmp_path / "file")
    machine.program = program
    with pytest.raises(NotSimulated) as caught:
        ask(tmp_path)
    line = inspect.getsourcelines(ask)[1]
    assert f"asked for at tests/simulations/disk/test_filesystem.py:{line} in <lambda>" in str(caught.value)
    assert "nothing outside the simulation was touched" in str(caught.value)
    assert str(caught.value).isprintable()
    assert os.listdir(tmp_path) == ["file"]
    assert os.stat(tmp_path / "file") == before
    assert machine.disk.files() == {"/file": b"1"}


def test_a_hard_link_from_elsewhere_crosses_file_systems(machine: Machine) -> None:
    with pytest.raises(OSError, match="cross-device"):
        os.link(__file__, "/simulated/a")


def test_pythons_cache_and_the_null_device_may_be_written(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "module.pyc.123").write_bytes(b"1")
    os.replace(tmp_path / "__pycache__" / "module.pyc.123", tmp_path / "__pycache__" / "module.pyc")
    with open(os.devnull, "w") as null:
        null.write("1")


def test_a_refusal_is_told_before_the_program_can_catch_it() -> None:
    told: list[NotSimulated] = []
    disk = Disk()
    substitutes = FileSystem(lambda: disk, refused=told.append).substitutions()
    with pytest.raises(NotSimulated) as caught:
        substitutes["os", "unlink"]("/etc/passwd")
    assert told == [caught.value]


C_CODE = """
import io, sqlite3, sys
from cutpoint_simulations.disk import Disk, FileSystem
from cutpoint_simulations.refusal import NotSimulated

current = []
sys.addaudithook(FileSystem(lambda: current[0] if current else None).audit)
sqlite3.connect("outside").close()
current.append(Disk())
io.FileIO("outside").close()
sqlite3.connect(":memory:").close()
for ask in (lambda: sqlite3.connect("inside"), lambda: io.FileIO("inside", "w"), lambda: io.FileIO("outside", "a")):
    try:
        ask()
    except NotSimulated as error:
        print(error)
"""


def test_writes_of_c_code_are_refused_by_the_audit_hook(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", C_CODE], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert [line.partition(",")[0] for line in told.splitlines()] == [
        "sqlite3.connect by C code for 'inside'",
        "open by C code for 'inside'",
        "open by C code for 'outside'",
    ]
    assert os.listdir(tmp_path) == ["outside"]


def test_outside_of_every_host_everything_is_as_it_was(machine: Machine, tmp_path: Path) -> None:
    machine.program = None
    (tmp_path / "a").write_text("1")
    os.link(tmp_path / "a", tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]
    assert not Path("/simulated").exists()
    with pytest.raises(FileNotFoundError):
        open("/simulated/a", "w")


def test_a_class_that_keeps_a_substitute_does_not_make_a_method_of_it(machine: Machine) -> None:
    class Opener:
        opens: Any = open

    with Opener().opens("/simulated/a", "w") as file:
        file.write("1")
    assert machine.disk.files() == {"/a": b"1"}
    assert open.__name__ == "open"
    assert open is io.open


def test_paths_that_only_pass_through_the_prefix_are_elsewhere(machine: Machine) -> None:
    with pytest.raises(NotSimulated):
        open("/simulated/../tmp/a", "w")
    with pytest.raises(NotSimulated):
        open("/simulatedness", "w")
    with open("/tmp/../simulated/a", "w") as file:
        file.write("1")
    assert machine.disk.files() == {"/a": b"1"}
