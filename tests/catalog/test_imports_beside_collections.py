from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cutpoint.catalog.archive import Archive
from cutpoint.catalog.exporting import export_point
from cutpoint.catalog.importing import import_point
from cutpoint.catalog.points import list_points
from cutpoint.errors import CutpointError
from cutpoint.names import CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.collect import Collector
from cutpoint.store.marks import add_mark
from cutpoint.store.memory import MemoryBackend
from cutpoint.store.retention import Policy
from cutpoint.store.verification import Verifier
from tests.catalog.stores import Service, Shop, recheck_certificate

AT = datetime(2026, 1, 1, tzinfo=UTC)
TWO = CutNumber(2)


class Interposed:
    """A store in which something else happens just before one operation."""

    def __init__(self, inner: Backend, before: int, what: Callable[[], object]) -> None:
        self._inner = inner
        self._left = before
        self._what = what
        self.happened = False

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute

        def operation(*arguments: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left < 0 and not self.happened:
                self.happened = True
                self._what()
            return attribute(*arguments, **more)

        return operation


def long_shop(path: Path) -> Shop:
    """A store of twelve recovery points; the second was pinned, exported, unpinned again and collected."""
    till = Service("till")
    shop = Shop(MemoryBackend(), till)
    for number in range(12):
        till.change(*((f"item-{key}", number) for key in range(number % 3, 9)))
        shop.take_cut("base" if number % 4 == 0 else "delta")
        if shop.cut == TWO:
            add_mark(shop.backend, TWO, "pin", by="ada", at=AT)
            export_point(shop.backend, TWO, path)
            add_mark(shop.backend, TWO, "unpin", by="ada", at=AT)
    collect(shop.backend)
    assert [point.cut for point in list_points(shop.backend)] == [10, 11, 12]
    return shop


def collect(backend: Any, policy: str = "last 3") -> None:
    Collector(backend=backend, policy=Policy.parse(policy), by="collect", at=AT).run()


def bring(path: Path, backend: Any) -> None:
    with Archive(path) as archive:
        import_point(archive, backend, recheck=recheck_certificate)


def check(backend: Backend) -> tuple[CutNumber, ...]:
    """Every recovery point that is there is sound; which."""
    points = tuple(point.cut for point in list_points(backend))
    assert Verifier(backend=backend, recheck=recheck_certificate).full().good == points
    return points


def moments(path: Path, *, collecting: bool) -> Iterator[tuple[Backend, bool]]:
    """A store for each moment of an import at which a collection comes between, or of a collection with an import.

    The second tells whether the import went through; nothing was written otherwise.
    """
    for before in range(1000):
        path.unlink(missing_ok=True)
        shop = long_shop(path)
        imports: list[bool] = []

        def bring_it(backend: Any, imports: list[bool] = imports) -> None:
            try:
                bring(path, backend)
            except CutpointError:
                imports.append(False)
            else:
                imports.append(True)

        if collecting:
            store = Interposed(shop.backend, before, partial(bring_it, shop.backend))
            shop.take_cut()
            collect(store)
        else:
            store = Interposed(shop.backend, before, partial(collect, shop.backend))
            bring_it(store)
        if not store.happened:
            return
        yield shop.backend, imports[0]
    raise AssertionError("it has not come to its end")


@pytest.fixture(autouse=True)
def one_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations come in the same order every time."""
    monkeypatch.setattr("cutpoint.store.survey.READERS", 1)
    monkeypatch.setattr("cutpoint.store.verification.READERS", 1)


@pytest.mark.parametrize("collecting", [False, True], ids=["a collection in an import", "an import in a collection"])
def test_an_import_and_a_collection_harm_each_other_at_no_moment(
    collecting: bool, tmp_path: Path, record_count: Callable[[str, object], None]
) -> None:
    count = 0
    for backend, imported in moments(tmp_path / "two.tar", collecting=collecting):
        assert imported
        assert TWO in check(backend)
        collect(backend)
        assert TWO in check(backend), "it is pinned"
        count += 1
    record_count(f"moments at which {'imports' if collecting else 'collections'} came between", count)
    assert count > 10


def test_without_its_note_an_import_would_lose_packs_to_a_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cutpoint.catalog.importing._announce", lambda *_: None)
    damaged = [
        backend
        for backend, _ in moments(tmp_path / "two.tar", collecting=False)
        if Verifier(backend=backend).full().damaged
    ]
    assert damaged
