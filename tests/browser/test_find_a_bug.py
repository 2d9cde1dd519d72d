"""The diagram that the guide shows: what a newcomer's failed test leaves behind, opened and looked at."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from cutpoint_simulations.diagrams import choose_diagram_folder
from cutpoint_simulations.kit import ClusterMachine, SimulationFailed


@pytest.fixture
def wallets(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[ClusterMachine]]:
    """The machine of the example."""
    monkeypatch.syspath_prepend(root / "docs" / "examples" / "wallets")
    choose_diagram_folder(tmp_path)
    import test_wallets  # type: ignore[import-not-found]

    yield test_wallets.Wallets
    choose_diagram_folder(None)
    for name in ("test_wallets", "wallets"):
        sys.modules.pop(name)


def fail_again(machine: type[ClusterMachine]) -> None:
    with machine() as state:
        state.begins(seed=0)
        state.time_passes(seconds=0.5)


def test_the_page_of_a_failed_test_shows_the_complaint_and_what_was_in_flight(
    wallets: type[ClusterMachine], page: Page, tmp_path: Path, keep_screenshot: Callable[[Page, str], None]
) -> None:
    with pytest.raises(SimulationFailed, match="there is 995"):
        fail_again(wallets)
    address = (tmp_path / "test_wallets.Wallets.html").as_uri()
    for event, words in (("20", "in flight in cut 1"), ("27", "publishes cut 1")):
        page.goto(f"{address}#{event}")
        page.reload()
        expect(page.locator("body")).to_contain_text("there is 995, and there should be 1000")
        expect(page.locator("#told")).to_contain_text(words)
    page.click("#fit")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    keep_screenshot(page, "find-a-bug.png")
