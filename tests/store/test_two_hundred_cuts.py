"""Two hundred cuts of a computation that lives, labels and retention, and a collection that runs all the time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from cutpoint.names import CutNumber
from cutpoint.store import Backend, MemoryBackend, list_manifests, read_manifest
from cutpoint.store.collect import Collector
from cutpoint.store.marks import add_mark, read_marks
from cutpoint.store.retention import Policy
from cutpoint.store.survey import needed_by
from cutpoint.store.verification import Verifier

from .histories import START, History

CUTS = 200
POLICY = Policy.parse("last 5, hourly 6, daily 2, label release*")
SHARE_MAX = 1.5


def bytes_needed(backend: Backend) -> int:
    """What the recovery points need that are in the store: every pack once, the manifests and the marks."""
    needed = needed_by(read_manifest(backend, cut) for cut in list_manifests(backend))
    sizes = dict(backend.sizes(""))
    return sum(need.bytes for need in needed.values()) + sum(
        length for name, length in sizes.items() if not name.startswith("packs/")
    )


@pytest.mark.parametrize("changes", [8, 40], ids=["1 % changed", "5 % changed"])
def test_every_retained_point_is_what_it_was_and_the_store_holds_little_else(
    changes: int, record_count: Callable[[str, object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cutpoint.store.survey.READERS", 1)
    history = History(MemoryBackend(), seed=changes, entries=1000)
    chance = random.Random(changes)
    collecting = False
    shares: list[float] = []
    labelled: set[CutNumber] = set()

    def live() -> None:
        """Somewhere in a collection, life goes on."""
        if not collecting or chance.random() > 0.02 or history.last >= CUTS:
            return
        if chance.random() < 0.1:
            history.abandon()
            return
        history.change(changes)
        history.merge()
        cut = history.cut()
        if chance.random() < 0.05:
            add_mark(history.backend, cut, "label", label=f"release-{cut}", by="ada", at=START)
            labelled.add(cut)
        if chance.random() < 0.03:
            there = [one for one in list_manifests(history.backend) if not read_marks(history.backend, one).condemned]
            history.recover(chance.choice(there[-3:]))

    history.cut()
    while history.last < CUTS:
        collecting = True
        Collector(
            backend=_lively(history.backend, live),
            policy=POLICY,
            by="collect",
            at=START,
            begun=history.last,
            protected={history.base: "the running computation descends from it"},
            forget=lambda cut: cut != history.base,
        ).run()
        collecting = False
        shares.append(sum(length for _, length in history.backend.sizes("")) / bytes_needed(history.backend))
    assert history.complaints() == []
    assert labelled <= set(list_manifests(history.backend))
    assert Verifier(backend=history.backend).full().damaged == ()
    record_count(f"store against need, {changes} changes a cut, at most", f"{max(shares):.2f}")
    assert max(shares) <= SHARE_MAX


def _lively(backend: Backend, live: Callable[[], None]) -> Any:
    class Lively:
        def __getattr__(self, name: str) -> Any:
            live()
            return getattr(backend, name)

    return Lively()
