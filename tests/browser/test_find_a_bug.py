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
        state.time_passes(seconds=0.1)


def step_to(page: Page, words: str) -> None:
    """Step through the events, from the first one, to one of which this is told."""
    page.keyboard.press("Home")
    told = page.locator("#told")
    while words not in told.inner_text():
        before = told.inner_text()
        page.keyboard.press("ArrowRight")
        expect(told).not_to_have_text(before)  # fails after the last one


def test_the_page_of_a_failed_test_shows_the_complaint_and_what_was_in_flight(
    wallets: type[ClusterMachine], page: Page, tmp_path: Path, keep_screenshot: Callable[[Page, str], None]
) -> None:
    with pytest.raises(SimulationFailed, match="there is 995"):
        fail_again(wallets)
    address = (tmp_path / "test_wallets.Wallets.html").as_uri()
    page.goto(address)
    expect(page.locator("body")).to_contain_text("there is 995, and there should be 1000")
    for words in ("in flight in cut 1", "publishes cut 1"):
        step_to(page, words)
    page.click("#fit")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    keep_screenshot(page, "find-a-bug.png")
