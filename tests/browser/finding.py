"""Where the browser is that the tests in this folder drive, and how to get one where there is none.

A real Chromium, in this order: what ``CUTPOINT_CHROMIUM`` names, the one that Playwright has installed, the system's.
As a program (``python -m tests.browser.finding``, which is what `make test` runs) it installs one if none is found,
and ends with 1 if it could not. What becomes of tests without a browser is decided in tests/browser/conftest.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

VARIABLE = "CUTPOINT_CHROMIUM"
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STARTING_SECONDS_MAX = 30
PLAYWRIGHT_SECONDS_MAX = 180
APT_SECONDS_MAX = 600

HOW_TO_GET_ONE = (
    "install Chromium (Debian, Ubuntu: apt-get install chromium; anywhere with a network: "
    f".venv/bin/python -m playwright install --with-deps chromium), or name one in {VARIABLE}"
)


def find() -> Path | None:
    """The browser's executable. Raises `LookupError` if the variable names something that is not one."""
    named = os.environ.get(VARIABLE, "")
    if named:
        if shutil.which(named) is None:
            raise LookupError(f"{VARIABLE}={named} is no program that can be run; correct or unset it")
        return Path(named)
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    candidates = [own, *(shutil.which(command) for command in COMMANDS)]
    return next((Path(path) for path in candidates if path is not None and _starts(path)), None)


def _starts(path: str) -> bool:
    """Whether it is there, and finds its own libraries."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=STARTING_SECONDS_MAX).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install(run: Callable[[list[str], int], bool], *, root: bool, apt: bool) -> None:
    """Try Playwright's download, then Debian's package. ``run`` says whether a command ended well."""
    if run([sys.executable, "-m", "playwright", "install", "chromium"], PLAYWRIGHT_SECONDS_MAX) and find() is not None:
        return
    if root and apt and run(["apt-get", "update"], APT_SECONDS_MAX):
        run(["apt-get", "install", "-y", "--no-install-recommends", "chromium"], APT_SECONDS_MAX)


def _run(command: list[str], seconds_max: int) -> bool:
    """Run it quietly; tell how it ended. What it printed is shown only if it failed."""
    started = time.monotonic()
    print(f"browser: {' '.join(command)} ...", file=sys.stderr, flush=True)
    try:
        ended = subprocess.run(
            command,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds_max,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"browser: that failed: {error}", file=sys.stderr)
        return False
    seconds = time.monotonic() - started
    if ended.returncode == 0:
        print(f"browser: done in {seconds:.1f} s", file=sys.stderr)
    else:
        said = "\n".join(ended.stdout.strip().splitlines()[-3:])
        print(f"browser: that ended with {ended.returncode} after {seconds:.1f} s:\n{said}", file=sys.stderr)
    return ended.returncode == 0


def main() -> int:
    """Find a browser, install one if there is none, and say which."""
    try:
        if find() is None:
            install(_run, root=os.geteuid() == 0, apt=shutil.which("apt-get") is not None)
        found = find()
    except LookupError as error:
        print(f"browser: {error}", file=sys.stderr)
        return 1
    if found is None:
        print(f"browser: NONE FOUND, and none could be installed: {HOW_TO_GET_ONE}", file=sys.stderr)
        return 1
    print(f"browser: {found}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
