"""Simulated disks under Python's own functions, so that programs and libraries use them without knowing.

`FileSystem.substitutions` says what to put in place of `os.open`, `open` and the rest. Each substitute decides at every
call: without a current host it is the original; with one, what lies below the prefix is on that host's disk, and
elsewhere only reading is allowed (`cutpoint_simulations.disk.places`).

Substitutes are objects with ``__call__`` rather than functions, so that a class which keeps one as an attribute
(``opener = open``) does not turn it into a method. What C code opens on its own does not come by here;
`FileSystem.audit` is for `sys.addaudithook` and refuses writes of that kind.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import inspect
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from cutpoint_simulations.disk import calls
from cutpoint_simulations.disk.open_file import open_file
from cutpoint_simulations.disk.places import WRITING_FLAGS, Place, Places, is_simulated
from cutpoint_simulations.disk.system_calls import SystemCalls
from cutpoint_simulations.refusal import NotSimulated

PREFIX = "/simulated"
"""Where programs find the disk of their host, unless the simulation says otherwise."""

_AUDITED = ("os.chmod", "os.chown", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.utime", "sqlite3.connect")
_AUDITED_PAIRS = ("os.link", "os.rename", "os.symlink")


class Substitute:
    """Stands in for ``original``; ``simulated`` gets the current disk and the call, and may fall back on it."""

    def __init__(
        self,
        original: Callable[..., Any],
        disk_of_current: Callable[[], SystemCalls | None],
        simulated: Callable[..., Any],
        refused: Callable[[NotSimulated], object],
    ) -> None:
        functools.update_wrapper(self, original, updated=())
        self.original = original
        self._disk_of_current = disk_of_current
        self._simulated = simulated
        self._refused = refused

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """What the original would, on the disk of the current host if there is one."""
        disk = self._disk_of_current()
        if disk is None:
            return self.original(*arguments, **keywords)
        disk.before_call()
        try:
            return self._simulated(self.original, disk, *arguments, **keywords)
        except NotSimulated as error:
            self._refused(error)
            raise


def substitutions(
    disk_of_current: Callable[[], SystemCalls | None],
    prefix: str = PREFIX,
    refused: Callable[[NotSimulated], object] = lambda error: None,
) -> list[tuple[Any, str, Any]]:
    """Which attribute of which module or class is to be replaced, and by what; nothing is replaced yet.

    The parameters are those of `FileSystem`.
    """
    made = FileSystem(disk_of_current, prefix, refused).substitutions()
    planned: list[tuple[Any, str, Any]] = [
        (importlib.import_module(module), name, substitute) for (module, name), substitute in made.items()
    ]
    return planned + _kept_by_classes(made["os", "scandir"], made["os", "unlink"])


class FileSystem:
    """``disk_of_current`` gives the mount, or disk, of the host that runs now; None outside of every host.

    ``refused`` is told of every refusal before it is raised: a program might catch it.
    """

    def __init__(
        self,
        disk_of_current: Callable[[], SystemCalls | None],
        prefix: str = PREFIX,
        refused: Callable[[NotSimulated], object] = lambda error: None,
    ) -> None:
        self.disk_of_current = disk_of_current
        self.refused = refused
        self.places = Places(prefix)
        self._lock = threading.RLock()

    def substitutions(self) -> dict[tuple[str, str], Substitute]:
        """What to put in place of which attribute of which module; what this system lacks is left out."""
        wanted: dict[tuple[str, str], Callable[..., Any]] = {
            ("os", "open"): self._os_open,
            ("os", "sync"): self._sync,
            ("io", "open"): self._io_open,
            ("tempfile", "_get_candidate_names"): self._candidate_names,
            ("tempfile", "gettempdir"): self._gettempdir,
            ("tempfile", "gettempdirb"): self._gettempdirb,
        }
        for name, call in calls.READING.items():
            wanted["os", name] = functools.partial(self._on_path, call, f"os.{name} of", False)
        for name, call in calls.ONLY_SIMULATED.items():
            wanted["os", name] = functools.partial(self._on_path, call, f"os.{name} of", True)
        for name, call in calls.PAIRS.items():
            wanted["os", name] = functools.partial(self._on_pair, call, f"os.{name} of")
        for name, call in calls.DESCRIPTORS.items():
            wanted["os", name] = functools.partial(self._on_descriptor, call)
        for name in calls.REFUSED_PATHS:
            wanted["os", name] = functools.partial(_refuse, f"os.{name}")
        for whole in calls.REFUSED_DESCRIPTORS:
            module, _, name = whole.rpartition(".")
            wanted[module, name] = functools.partial(self._on_descriptor, functools.partial(_refuse_file, whole))
        made = {
            (module, name): Substitute(original, self.disk_of_current, simulated, self.refused)
            for (module, name), simulated in wanted.items()
            if (original := getattr(importlib.import_module(module), name, None)) is not None
        }
        made["builtins", "open"] = made["io", "open"]
        return made

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """For `sys.addaudithook`: refuse a current host the writes that no substitute has seen."""
        if event == "open":
            path, _, flags = arguments
            paths: tuple[Any, ...] = (path,) if isinstance(flags, int) and flags & WRITING_FLAGS else ()
        elif event in _AUDITED:
            paths = arguments[:1]
        else:
            paths = arguments[:2] if event in _AUDITED_PAIRS else ()
        if not paths or self.disk_of_current() is None:
            return
        for path in paths:
            if path != ":memory:" and not isinstance(path, int):
                try:
                    self.places.require_harmless(f"{event} by C code for", path)
                except NotSimulated as error:
                    self.refused(error)
                    raise

    def _on_path(
        self,
        call: Callable[..., Any],
        what: str,
        writes: bool,
        original: Callable[..., Any],
        disk: SystemCalls,
        /,
        path: Any = ".",
        *arguments: Any,
        **keywords: Any,
    ) -> Any:
        place = self.places.find(path, keywords.get("dir_fd"))
        if place is None:
            if writes:
                self.places.require_harmless(what, path)
            return original(path, *arguments, **keywords)
        keywords.pop("dir_fd", None)
        with self._lock, _told(place):
            return call(disk, place, *arguments, **keywords)

    def _on_pair(
        self,
        call: Callable[..., Any],
        what: str,
        original: Callable[..., Any],
        disk: SystemCalls,
        /,
        src: Any,
        dst: Any,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
        **keywords: Any,
    ) -> Any:
        source, target = self.places.find(src, src_dir_fd), self.places.find(dst, dst_dir_fd)
        if target is None:
            self.places.require_harmless(what, dst)
        if source is None and (target is None or call is not calls.PAIRS["link"]):
            self.places.require_harmless(what, src)
        if source is None and target is None:
            return original(src, dst, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **keywords)
        if source is None or target is None:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), src, None, dst)
        with self._lock, _told(source, target):
            return call(disk, source, target, **keywords)

    def _on_descriptor(
        self,
        call: Callable[..., Any],
        original: Callable[..., Any],
        disk: SystemCalls,
        /,
        *arguments: Any,
        **keywords: Any,
    ) -> Any:
        first, *others = (*arguments, keywords.get("fd", keywords.get("fildes")))
        if not isinstance(first, int) and hasattr(first, "fileno"):
            first = first.fileno()
        if not is_simulated(first) and not (call is calls.DESCRIPTORS["sendfile"] and is_simulated(others[0])):
            return original(*arguments, **keywords)
        with self._lock, _told(Place(path=0, at=None, shown=None)):
            return call(disk, first, *arguments[1:])

    def _os_open(
        self,
        original: Callable[..., Any],
        disk: SystemCalls,
        /,
        path: Any,
        flags: int,
        mode: int = 0o777,
        *,
        dir_fd: int | None = None,
    ) -> int:
        place = self.places.find(path, dir_fd)
        if place is None:
            if flags & WRITING_FLAGS:
                self.places.require_harmless("open() for writing of", path)
            return int(original(path, flags, mode, dir_fd=dir_fd))
        with self._lock, _told(place):
            return disk.open(place.named, flags, mode, place.at)

    def _io_open(
        self,
        original: Callable[..., Any],
        disk: SystemCalls,
        /,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Callable[[Any, int], int] | None = None,
    ) -> Any:
        place = self.places.find(file)
        options = (mode, buffering, encoding, errors, newline, closefd)
        if place is None:
            if not isinstance(file, int) and not set(mode).isdisjoint("wax+"):
                self.places.require_harmless("open() for writing of", file)
            return original(file, *options, opener)
        shown = place.path if place.shown is None else place.shown

        def descriptor_of(flags: int) -> int:
            return opener(shown, flags) if opener is not None else self._os_open(os.open, disk, shown, flags, 0o666)

        return open_file(disk, shown, descriptor_of, self._lock, *options)

    def _sync(self, original: Callable[..., Any], disk: SystemCalls, /) -> None:
        with self._lock:
            disk.sync()

    def _candidate_names(self, original: Callable[..., Any], disk: SystemCalls, /) -> Iterator[str]:
        """Names for temporary files: a chance of their own would make every run another one."""
        return map(str, itertools.count(disk.tree.gate.operations))

    def _gettempdir(self, original: Callable[..., Any], disk: SystemCalls, /) -> str:
        """A folder of the host's own; made when first asked for."""
        with self._lock, contextlib.suppress(FileExistsError):
            disk.mkdir("/tmp", 0o1777)
        return f"{self.places.prefix}/tmp"

    def _gettempdirb(self, original: Callable[..., Any], disk: SystemCalls, /) -> bytes:
        return os.fsencode(self._gettempdir(original, disk))


def _kept_by_classes(scandir: Substitute, unlink: Substitute) -> list[tuple[Any, str, Any]]:
    """Where classes of the standard library keep originals of their own: 3.13's glob, and tempfile."""
    found: list[tuple[Any, str, Any]] = []
    globber = getattr(importlib.import_module("glob"), "_StringGlobber", None)
    if globber is not None:
        found.append((globber, "scandir", staticmethod(scandir)))
    closer: Any = importlib.import_module("tempfile")._TemporaryFileCloser
    for name in ("cleanup", "close"):
        method = vars(closer).get(name)
        if method is not None and "unlink" in inspect.signature(method).parameters:
            found.append((closer, name, functools.partialmethod(method, unlink=unlink)))
    return found


@contextlib.contextmanager
def _told(place: Place, other: Place | None = None) -> Iterator[None]:
    """Let errors name what the program named."""
    try:
        yield
    except OSError as error:
        error.filename = place.shown
        error.filename2 = None if other is None else other.shown
        raise


def _refuse(what: str, original: Callable[..., Any], disk: SystemCalls, /, *arguments: Any, **keywords: Any) -> None:
    calls.refuse(f"{what}({', '.join(map(repr, arguments))})")


def _refuse_file(what: str, disk: SystemCalls, /, *arguments: Any, **keywords: Any) -> None:
    calls.refuse(f"{what} of a file on a simulated disk")
