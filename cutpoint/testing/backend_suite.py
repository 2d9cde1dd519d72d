"""What every store backend has to do, as claims that can be run against any implementation.

`CLAIMS` are functions; each takes a way to open a fresh, empty store, several times if it likes, raises
`AssertionError` if the claim does not hold, and takes a second or so. With pytest::

    @pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
    def test_backend(claim): claim(lambda: MyBackend(...))

The suite knows the interface only. What is special to one implementation (crashes, permissions, full disks) is
tested beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from cutpoint.errors import CutpointError, Damaged, ObjectExists, ObjectMissing, StoreError, UsageError
from cutpoint.store.backend import Backend

OpenBackend = Callable[[], Backend]
"""Opens the store under test; every call opens the same one, as another process would."""

Claim = Callable[[OpenBackend], None]

RACING_THREADS = 16

ILLEGAL_NAMES: Final = (
    "",
    "/",
    "/absolute",
    "a//b",
    "a/",
    "../escape",
    "a/../b",
    "./a",
    ".hidden",
    "a/.hidden",
    "tmp",
    "tmp/a",
    "a b",
    "a\nb",
    "a\0b",
    "a\\b",
    "ä",
    "-option",
    "a" * 501,
)


def require(condition: bool, complaint: str) -> None:
    """Raise `AssertionError` with ``complaint`` unless ``condition`` holds."""
    if not condition:
        raise AssertionError(complaint)


def require_equal(found: object, expected: object) -> None:
    """Raise `AssertionError` unless both are equal."""
    require(found == expected, f"expected {expected!r}, found {found!r}")


def require_raises(error: type[CutpointError], call: Callable[[], object], *words: str) -> None:
    """Raise `AssertionError` unless ``call`` raises exactly ``error``, on one line that holds ``words``."""
    try:
        outcome = call()
    except CutpointError as raised:
        require(type(raised) is error, f"expected {error.__name__}, found {raised!r}")
        text = str(raised)
        require(text.isprintable(), f"not one printable line: {text!r}")
        for word in words:
            require(word in text, f"{word!r} is not in {text!r}")
        return
    raise AssertionError(f"expected {error.__name__}, found the result {outcome!r}")


def what_was_created_is_read_back_by_everybody(open_backend: OpenBackend) -> None:
    """Every byte, whatever its value; also when there are none, and when there are many."""
    first, second = open_backend(), open_backend()
    for number, data in enumerate((b"", b"x", bytes(range(256)) * 3, b"\r\n\x1a", bytes(5_000_000))):
        name = f"parts/00/object-{number}"
        first.create(name, data)
        for backend in (first, second):
            require(backend.read(name) == data, f"object {number} came back as something else")
            require_equal(backend.size(name), len(data))


def a_second_create_is_refused_and_changes_nothing(open_backend: OpenBackend) -> None:
    """Not even with the same bytes, nor through another opening of the store."""
    first, second = open_backend(), open_backend()
    first.create("a/b", b"first")
    for backend, data in ((first, b"second"), (first, b"first"), (second, b"third")):
        require_raises(ObjectExists, partial(backend.create, "a/b", data), "a/b")
    require_equal(second.read("a/b"), b"first")
    require_equal(second.list(""), ("a/b",))


def _attempt(start: threading.Event, backend: Backend, name: str, data: bytes) -> tuple[bool, bytes]:
    """Create once ``start`` is set; whether that succeeded, and what is there now."""
    start.wait()
    try:
        backend.create(name, data)
    except ObjectExists:
        return False, backend.read(name)
    return True, data


def of_many_that_race_one_wins(open_backend: OpenBackend) -> None:
    """Each round, threads with stores of their own create one name at once; whoever lost sees the winner's bytes."""
    backends = [open_backend() for _ in range(RACING_THREADS)]
    for number in range(8):
        name = f"race/{number}/object"
        start = threading.Event()
        contents = [bytes([number]) * (1000 + number) for number in range(RACING_THREADS)]
        with ThreadPoolExecutor(RACING_THREADS) as pool:
            attempts = [
                pool.submit(_attempt, start, backend, name, data)
                for backend, data in zip(backends, contents, strict=True)
            ]
            start.set()
            outcomes = [attempt.result() for attempt in attempts]
        winners = [data for won, data in outcomes if won]
        require_equal(len(winners), 1)
        require({data for _, data in outcomes} == set(winners), "a loser has read something else than the winner wrote")
        require_equal(open_backend().read(name), winners[0])


def what_is_missing_is_named(open_backend: OpenBackend) -> None:
    """Also in a store that nothing was ever written to."""
    backend = open_backend()
    for number in range(2):
        require_raises(ObjectMissing, lambda: backend.read("parts/ab/none"), "parts/ab/none")
        require_raises(ObjectMissing, lambda: backend.read_range("parts/ab/none", 0, 1), "parts/ab/none")
        require_raises(ObjectMissing, lambda: backend.read_range("parts/ab/none", 0, 0), "parts/ab/none")
        require_equal(backend.size("parts/ab/none"), None)
        backend.create(f"parts/ab/some-{number}", b"")


def names_are_listed_by_prefix_ascending(open_backend: OpenBackend) -> None:
    """A prefix may end within a name; it is compared letter by letter."""
    backend = open_backend()
    require_equal(backend.list(""), ())
    require_equal(backend.list("manifests/"), ())
    names = ("manifests/000000000010.json", "manifests/000000000002.json", "parts/ab/x", "parts/ab-c/x", "parts/b", "z")
    for name in names:
        backend.create(name, name.encode())
    require_equal(backend.list(""), tuple(sorted(names)))
    require_equal(backend.list("manifests/"), ("manifests/000000000002.json", "manifests/000000000010.json"))
    require_equal(backend.list("manifests/00000000001"), ("manifests/000000000010.json",))
    require_equal(backend.list("parts/ab"), ("parts/ab-c/x", "parts/ab/x"))
    require_equal(backend.list("parts/ab/"), ("parts/ab/x",))
    require_equal(backend.list("none/"), ())


def names_are_listed_with_their_sizes(open_backend: OpenBackend) -> None:
    """Exactly the names that are listed, ascending; an empty object has a size too."""
    backend = open_backend()
    require_equal(backend.sizes(""), ())
    for name, length in (("packs/b", 3), ("packs/a", 0), ("packs/ab/c", 70_000), ("marks/a", 1)):
        backend.create(name, bytes(length))
    require_equal(backend.sizes("packs/"), (("packs/a", 0), ("packs/ab/c", 70_000), ("packs/b", 3)))
    require_equal(backend.sizes("packs/a"), (("packs/a", 0), ("packs/ab/c", 70_000)))
    require_equal(tuple(name for name, _ in backend.sizes("")), backend.list(""))
    require_equal(backend.sizes("none/"), ())


def many_names_are_listed_whole(open_backend: OpenBackend) -> None:
    """Also more than a server answers at once."""
    backend = open_backend()
    names = tuple(f"marks/{number:012d}/000001.json" for number in range(1010))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: backend.create(name, b"m"), names))
    require(backend.list("marks/") == names, "the list is not what was created")
    require(backend.sizes("marks/") == tuple((name, 1) for name in names), "the sizes are not of what was created")


def what_is_deleted_is_gone_and_may_be_created_again(open_backend: OpenBackend) -> None:
    """Deleting what is not there is no error, so a deletion may be repeated."""
    backend = open_backend()
    backend.delete("a/b")
    backend.create("a/b", b"1")
    backend.create("a/c", b"2")
    backend.delete("a/b")
    backend.delete("a/b")
    require_raises(ObjectMissing, lambda: backend.read("a/b"), "a/b")
    require_equal(backend.list(""), ("a/c",))
    backend.create("a/b", b"3")
    require_equal(open_backend().read("a/b"), b"3")


def a_read_is_limited(open_backend: OpenBackend) -> None:
    """At the limit it is read, beyond it nothing is."""
    backend = open_backend()
    backend.create("a", bytes(10))
    require_equal(backend.read("a", bytes_max=10), bytes(10))
    require_raises(StoreError, lambda: backend.read("a", bytes_max=9), "object a", "10 bytes", "9 are allowed")


def a_range_is_read_exactly(open_backend: OpenBackend) -> None:
    """Anywhere in the object, whatever its length; no byte more, and never fewer."""
    backend = open_backend()
    data = bytes(range(256)) * 400
    backend.create("packs/a", data)
    for start, length in ((0, 1), (0, len(data)), (255, 2), (len(data) - 1, 1), (77, 70_000), (5, 0), (len(data), 0)):
        require(
            backend.read_range("packs/a", start, length) == data[start : start + length], f"{start}+{length} differs"
        )
    for start, length in ((0, len(data) + 1), (len(data), 1), (len(data) - 1, 2), (len(data) + 5, 0), (10**12, 10**12)):
        require_raises(Damaged, partial(backend.read_range, "packs/a", start, length), "packs/a", f"{len(data)}")
    for start, length in ((-1, 1), (1, -1)):
        require_raises(UsageError, partial(backend.read_range, "packs/a", start, length))


def an_illegal_name_is_refused(open_backend: OpenBackend) -> None:
    """Above all one that leads out of the store."""
    backend = open_backend()
    calls: tuple[Callable[[str], object], ...] = (
        lambda name: backend.create(name, b""),
        backend.read,
        lambda name: backend.read_range(name, 0, 1),
        backend.size,
        backend.delete,
    )
    for name in ILLEGAL_NAMES:
        for call in calls:
            require_raises(UsageError, partial(call, name))
    for prefix in ("../", "/", "a/../", "a//", ".h"):
        require_raises(UsageError, partial(backend.list, prefix))
        require_raises(UsageError, partial(backend.sizes, prefix))
    require_equal(backend.list(""), ())


def checking_leaves_nothing_behind(open_backend: OpenBackend) -> None:
    """A store that can be written says so silently."""
    backend = open_backend()
    backend.check_writable()
    backend.create("a", b"")
    backend.check_writable()
    require_equal(backend.list(""), ("a",))


CLAIMS: Final[tuple[Claim, ...]] = (
    what_was_created_is_read_back_by_everybody,
    a_second_create_is_refused_and_changes_nothing,
    of_many_that_race_one_wins,
    what_is_missing_is_named,
    names_are_listed_by_prefix_ascending,
    names_are_listed_with_their_sizes,
    many_names_are_listed_whole,
    what_is_deleted_is_gone_and_may_be_created_again,
    a_read_is_limited,
    a_range_is_read_exactly,
    an_illegal_name_is_refused,
    checking_leaves_nothing_behind,
)
