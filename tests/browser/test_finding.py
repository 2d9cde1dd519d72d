from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import finding
from tests.browser.conftest import leaves_out


def test_tests_are_left_out_only_without_a_browser_and_never_in_ci() -> None:
    assert leaves_out("no browser was found", ci=False)
    assert not leaves_out("no browser was found", ci=True)
    assert not leaves_out(Path("/usr/bin/chromium"), ci=False)
    assert not leaves_out(Path("/usr/bin/chromium"), ci=True)


def test_the_browser_that_the_variable_names_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = tmp_path / "chromium"
    monkeypatch.setenv(finding.VARIABLE, str(named))
    with pytest.raises(LookupError, match="is no program that can be run; correct or unset it"):
        finding.find()
    named.write_text("#!/bin/sh\n", encoding="utf-8")
    named.chmod(0o755)
    assert finding.find() == named


@pytest.mark.parametrize(
    ("root", "apt", "works", "tried"),
    [
        (True, True, ("apt-get update",), ["playwright", "apt-get update", "apt-get install"]),
        (True, True, (), ["playwright", "apt-get update"]),
        (False, True, (), ["playwright"]),
        (True, False, (), ["playwright"]),
    ],
)
def test_a_missing_browser_is_fetched_as_far_as_this_machine_allows(
    root: bool, apt: bool, works: tuple[str, ...], tried: list[str]
) -> None:
    commands: list[str] = []

    def run(command: list[str], seconds_max: int) -> bool:
        commands.append(" ".join(command))
        return any(each in commands[-1] for each in works)

    finding.install(run, root=root, apt=apt)
    assert [next(each for each in tried if each in command) for command in commands] == tried
