"""The commands and programs that the documentation prints, and how a page is typed in.

What a page promises is found in its fenced blocks:

* ``console``: each line after ``$ `` is a command, ``&`` at its end starts a service, the other lines are what it
  prints (``...`` stands for anything). The commands of one page are one session, typed in order into one folder.
* ``python title="ledger.py"``: a file that the reader is told to save; it is saved into that folder.

Every command is run: by `type_in`, as part of its page, or by the one test that claims it by calling the fixture
``documented("make demo")`` and running what that gives back. Claimed commands are those that need more than a
folder (a fresh environment, minutes of time). Nothing here decides whether a command did the right thing; its exit
status and its printed output do.
"""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAUSE_AFTER_STARTING_SECONDS = 2.0
"""Nobody types faster than this after starting a service in another terminal."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of a page, at ``line``; ``prints`` is what the page shows of its output."""

    page: str
    line: int
    text: str
    service: bool
    prints: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Program:
    """A Python file that a page tells the reader to save, at ``line``; ``name`` is empty where it is only shown."""

    page: str
    line: int
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Documentation:
    """All commands, programs and inline code of all pages, in the order of the pages."""

    commands: tuple[Command, ...]
    programs: tuple[Program, ...]
    inline: tuple[Command, ...]

    @classmethod
    def read(cls, root: Path) -> Documentation:
        """Read README, SECURITY and every page of docs/."""
        pages = [root / "README.md", root / "SECURITY.md", *sorted((root / "docs").rglob("*.md"))]
        commands: list[Command] = []
        programs: list[Program] = []
        inline: list[Command] = []
        for path in pages:
            page = path.relative_to(root).as_posix()
            text = path.read_text(encoding="utf-8")
            for line, language, body in fenced(text):
                if language.split()[0:1] == ["console"]:
                    commands.extend(commands_of(page, line, body))
                elif language.split()[0:1] == ["python"]:
                    title = re.search(r'title="([^"]+)"', language)
                    programs.append(Program(page=page, line=line, name=title[1] if title else "", text=body))
            inline.extend(inline_commands_of(page, text))
        return cls(commands=tuple(commands), programs=tuple(programs), inline=tuple(inline))

    def session(self, page: str, claimed: frozenset[str]) -> tuple[Command, ...]:
        """The commands of ``page`` that no test claims."""
        return tuple(command for command in self.commands if command.page == page and command.text not in claimed)


def fenced(text: str) -> Iterator[tuple[int, str, str]]:
    """The fenced blocks of a page: first line's number, info string, body."""
    start, info, body = 0, "", list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if not start and line.startswith("```"):
            start, info, body = number + 1, line[3:].strip(), []
        elif start and line.startswith("```"):
            yield start, info, "".join(f"{part}\n" for part in body)
            start = 0
        elif start:
            body.append(line)


def commands_of(page: str, line: int, body: str) -> list[Command]:
    """The commands of one ``console`` block whose body begins at ``line``."""
    found: list[tuple[int, str, list[str]]] = []
    for number, text in enumerate(body.splitlines(), line):
        if text.startswith("$ "):
            found.append((number, text[2:].strip(), []))
        else:
            assert found, f"{page}:{number} is output of no command"
            found[-1][2].append(text)
    return [
        Command(
            page=page, line=n, text=text.removesuffix("&").strip(), service=text.endswith("&"), prints=tuple(output)
        )
        for n, text, output in found
    ]


def inline_commands_of(page: str, text: str) -> list[Command]:
    """What stands between backquotes in the prose and begins like a command of ours."""
    prose = re.sub(r"^```.*?^```$", lambda block: "\n" * block[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    return [
        Command(page=page, line=prose.count("\n", 0, match.start()) + 1, text=match[1], service=False, prints=())
        for match in re.finditer(r"`((?:cutpoint|make) [^`]+)`", prose)
    ]


def claimed_by_tests(root: Path) -> dict[str, str]:
    """Commands that a test runs itself: the literals given to ``documented(...)``, and in which module."""
    claims: dict[str, str] = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "documented":
                (literal,) = call.args
                assert isinstance(literal, ast.Constant), f"{path}:{call.lineno} claims a command that is no literal"
                claims[str(literal.value)] = path.relative_to(root).as_posix()
    return claims


def environment() -> dict[str, str]:
    """The reader's environment: this Python's commands first on PATH, and no trace of the `make` around us."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return ours | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{ours['PATH']}", "COLUMNS": "100"}


def type_in(commands: tuple[Command, ...], folder: Path, deadline_seconds: float = 60) -> list[str]:
    """Run the commands of one page in ``folder`` and return what did not go as the page says.

    Services are stopped again in the end, last first, as a reader would: with Ctrl-C. None may end before, unless the
    page has one killed with ``pkill -9``.
    """
    complaints: list[str] = []
    services: list[tuple[Command, subprocess.Popen[bytes], Path]] = []
    try:
        for command in commands:
            output = folder / f".output-{command.line}"
            with output.open("wb") as sink:
                process = subprocess.Popen(
                    ["bash", "-c", f"exec {command.text}" if command.service else command.text],
                    cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
                )  # fmt: skip
            if command.service:
                services.append((command, process, output))
                time.sleep(PAUSE_AFTER_STARTING_SECONDS)
                continue
            complaints += _complaints(command, _status(process, deadline_seconds), output)
        killing = any(command.text.startswith("pkill -9 ") for command in commands)
        for command, process, output in services:
            if process.poll() not in (None, -signal.SIGKILL if killing else None):
                complaints.append(_told(command, f"ended by itself with status {process.returncode}", output))
    finally:
        for _, process, _ in reversed(services):
            process.send_signal(signal.SIGINT)
            _status(process, deadline_seconds)
    return complaints


def _status(process: subprocess.Popen[bytes], deadline_seconds: float) -> int:
    try:
        return process.wait(deadline_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _complaints(command: Command, status: int, output: Path) -> list[str]:
    if status:
        return [_told(command, f"exit status {status}", output)]
    shown = ".*".join(re.escape(part) for part in "\n".join(command.prints).split("..."))
    if command.prints and not re.fullmatch(shown, output.read_text(encoding="utf-8").rstrip("\n"), re.DOTALL):
        return [_told(command, "does not print what the page shows", output)]
    return []


def _told(command: Command, what: str, output: Path) -> str:
    printed = output.read_text(encoding="utf-8", errors="replace")
    return f"{command.page}:{command.line} `{command.text}`: {what}\n{printed}"
