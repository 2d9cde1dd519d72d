from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cutpoint.command_group import ContributedCommands
from tests.docs.documented import ROOT, Command, Documentation, claimed_by_tests, environment, type_in

CLAIMED = claimed_by_tests(ROOT)
PAGES = tuple(dict.fromkeys(command.page for command in Documentation.read(ROOT).commands))


def test_the_documentation_has_commands(documentation: Documentation) -> None:
    assert {"make demo", "make test", "cutpoint coordinator"} <= {command.text for command in documentation.commands}


def test_a_claimed_command_stands_in_the_documentation(documentation: Documentation) -> None:
    assert set(CLAIMED) - {command.text for command in documentation.commands} == set()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_works_when_it_is_typed_in(page: str, documentation: Documentation, tmp_path: Path) -> None:
    for program in documentation.programs:
        if program.page == page and program.name:
            (tmp_path / program.name).write_text(program.text, encoding="utf-8")
    assert type_in(documentation.session(page, frozenset(CLAIMED)), tmp_path) == []


def test_a_command_that_fails_is_one_complaint(tmp_path: Path) -> None:
    complaints = type_in(
        (
            Command(page="p.md", line=1, text="echo fine", service=False, prints=("f...e",)),
            Command(page="p.md", line=2, text="echo no; exit 3", service=False, prints=()),
            Command(page="p.md", line=3, text="sleep 30", service=True, prints=()),
        ),
        tmp_path,
    )
    assert complaints == ["p.md:2 `echo no; exit 3`: exit status 3\nno\n"]


def test_a_command_that_prints_something_else_is_one_complaint(tmp_path: Path) -> None:
    command = Command(page="p.md", line=1, text="echo cut 7", service=False, prints=("cut 8",))
    assert type_in((command,), tmp_path) == ["p.md:1 `echo cut 7`: does not print what the page shows\ncut 7\n"]


def test_every_program_in_the_documentation_is_python(documentation: Documentation) -> None:
    for program in documentation.programs:
        compile(program.text, f"{program.page}:{program.line}", "exec")


def test_every_command_named_in_the_prose_exists_with_its_flags(documentation: Documentation) -> None:
    assert [complaint for command in documentation.inline if (complaint := unknown(command))] == []


def unknown(command: Command) -> str | None:
    """What in a command named in the prose does not exist; None where all of it does."""
    program, *words = shlex.split(command.text.replace("[", " ").replace("]", " "))
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return None if words[0] in targets else f"{command.page}:{command.line} `{command.text}`: no such target"
    if words[0].startswith("-"):
        return None if words[0] in ("--version", "--help") else f"{command.page}:{command.line}: no such flag"
    group = ContributedCommands("cutpoint")
    found = group.get_command(click.Context(group), words[0])
    if found is None:
        return f"{command.page}:{command.line} `{command.text}`: no such command"
    while isinstance(found, click.Group) and words[1:]:
        words = words[1:]
        found = found.commands.get(words[0])
        if found is None:
            return f"{command.page}:{command.line} `{command.text}`: no such command"
    flags = {flag for parameter in found.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    missing = [word for word in words[1:] if word.startswith("--") and word.split("=")[0] not in flags]
    return f"{command.page}:{command.line} `{command.text}`: no flag {missing}" if missing else None


@pytest.fixture(scope="module", autouse=True)
def _the_command_is_installed() -> None:
    folder = environment()["PATH"].split(":")[0]
    assert Path(folder, "cutpoint").exists(), "run the tests as `make test` does: the package is not installed"
