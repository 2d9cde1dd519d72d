"""A real Chromium for the tests in this folder, or a loud word that there is none.

In CI a missing browser fails every test that needs one, with how to get it. Elsewhere, and only there, they are left
out, which the end of the test run says in so many words.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.finding import HOW_TO_GET_ONE, find

UPDATE = "CUTPOINT_UPDATE_SCREENSHOTS"
"""Screenshots are kept in docs/images; they are written anew only if this variable is set."""

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
VIEWPORT = ViewportSize(width=1440, height=940)

_FOUND = pytest.StashKey[Path | str]()
"""The browser, or why there is none."""


class BrowserMissing(UserWarning):
    """Tests were left out that need a browser."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Look for the browser once, if a test needs it; without one leave those tests out, or let them fail."""
    ours = [item for item in items if "chromium" in getattr(item, "fixturenames", ())]
    if not ours:
        return
    try:
        config.stash[_FOUND] = find() or f"no browser was found: {HOW_TO_GET_ONE}"
    except LookupError as error:
        config.stash[_FOUND] = str(error)
    if leaves_out(config.stash[_FOUND], ci=bool(os.environ.get("CI"))):
        warnings.warn(BrowserMissing(f"{len(ours)} TESTS WERE LEFT OUT: {config.stash[_FOUND]}"), stacklevel=1)
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


def leaves_out(found: Path | str, *, ci: bool) -> bool:
    """Whether tests may be left out: only where there is no browser, and never in CI."""
    return isinstance(found, str) and not ci


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> Path:
    """The browser's executable."""
    found = pytestconfig.stash[_FOUND]
    if isinstance(found, str):
        pytest.fail(found, pytrace=False)
    return found


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """One browser for a module's tests, with a profile of its own. Not for the session: Playwright's loop is in the way
    of asyncio tests for as long as it runs.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(params=["light"])
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that fails its test if the browser's console has anything to complain about, or anything is fetched.

    Ask for the dark colours with ``@pytest.mark.parametrize("page", ["dark"], indirect=True)``.
    """
    context = browser.new_context(viewport=VIEWPORT, color_scheme=request.param, reduced_motion="reduce")
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    page.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else complaints.append(sent.url))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def keep_screenshot(root: Path) -> Callable[[Page, str], None]:
    """Keep what the page shows as docs/images/NAME, if that was asked for."""

    def keep(page: Page, name: str) -> None:
        if os.environ.get(UPDATE):
            page.screenshot(path=root / "docs" / "images" / name, animations="disabled")

    return keep
