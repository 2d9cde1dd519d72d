"""``cutpoint tokens``, ``audit``, ``monitors`` and ``history``: what they print, and every mistake on their lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cutpoint.access import Token
from cutpoint.command import main
from cutpoint_coordinator.client import CoordinatorClient
from tests.coordinator.access.test_scopes import ADMIN
from tests.coordinator.conftest import Agents, Serve

Run = Callable[..., Awaitable[tuple[int, str, str]]]

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """The administrator's."""
    path = tmp_path / "admin.token"
    path.touch(mode=0o600)
    path.write_text(f"{ADMIN.reveal()}\n", encoding="ascii")
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line beside this event loop: its exit status and what it printed."""

    async def command(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(main, arguments)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return status, out, err

    return command


async def test_a_token_is_made_listed_rotated_and_revoked(
    serve: Serve, run: Run, token_file: Path, tmp_path: Path
) -> None:
    service = await serve(token=ADMIN)
    at = ("--coordinator", service.url, "--token-file", str(token_file))
    status, out, err = await run("tokens", "create", "ci", "--scope", "trigger", "--expires", "90d", *at)
    assert (status, "not shown again" in err) == (0, True)
    first = Token.parse(out.strip())

    status, out, err = await run("tokens", "list", *at)
    assert (status, err) == (0, "")
    assert all(word in out for word in ("ci", "trigger", "active"))
    assert first.reveal() not in out

    file = tmp_path / "ci.token"
    rotated = await run("tokens", "rotate", "ci", "--grace", "0s", "--output", str(file), *at)
    assert rotated == (0, f"{file}: token ci, scope trigger\n", "")
    assert file.stat().st_mode & 0o777 == 0o600
    second = Token.parse(file.read_text(encoding="ascii").strip())
    assert second.reveal() != first.reveal()

    assert await run("tokens", "revoke", "ci", *at) == (0, "token ci counts no more\n", "")
    status, out, _ = await run("tokens", "list", "--json", *at)
    assert [(each["name"], each["state"]) for each in json.loads(out)["tokens"]] == [("ci", "revoked")]
    for secret in (first, second, ADMIN):
        assert secret.reveal() not in out


async def test_a_mistake_about_tokens_is_told_and_none_is_made(
    serve: Serve, run: Run, token_file: Path, tmp_path: Path
) -> None:
    service = await serve(token=ADMIN)
    at = ("--coordinator", service.url, "--token-file", str(token_file))
    nobody = ("--coordinator", service.url)
    there = tmp_path / "there"
    there.touch()
    cases: tuple[tuple[tuple[str, ...], int, str], ...] = (
        (("create", *at), 2, "NAME"),
        (("create", "ci", *at), 2, "--scope"),
        (("create", "ci", "--scope", "everything", *at), 2, "everything"),
        (("create", "ci", "--scope", "agent", "--expires", "soon", *at), 2, "is no length of time"),
        (("create", "ci", "--scope", "agent", "--expires", "-1d", *at), 2, "is no length of time"),
        (("create", "ci", "--scope", "agent", "--expires", "999999999w", *at), 1, "expires"),
        (("create", "", "--scope", "agent", *at), 1, "name"),
        (("create", "a\nb", "--scope", "agent", *at), 1, "name"),
        (("create", "ci", "--scope", "agent", "--output", str(there), *at), 1, "name another file"),
        (("create", "ci", "--scope", "agent", "--output", str(tmp_path / "no" / "file"), *at), 1, "name another file"),
        (("create", "ci", "--scope", "agent", *nobody), 1, "token"),
        (("rotate", "ci", *at), 1, "ci"),
        (("rotate", "ci", "--grace", "x", *at), 2, "is no length of time"),
        (("revoke", "ci", *at), 1, "ci"),
        (("list", "--coordinator", NOWHERE), 1, "nobody answers"),
        (("list", "--coordinator", "ftp://host"), 1, "ftp"),
        (("generate", "--output", str(there)), 1, "there"),
    )
    for arguments, status, complaint in cases:
        ended, out, err = await run("tokens", *arguments)
        assert (ended, out, complaint in err) == (status, "", True), (arguments, ended, out, err)
        assert ADMIN.reveal() not in err
    assert there.read_bytes() == b""
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        assert (await client.tokens()).tokens == ()


async def test_the_audit_log_says_who_did_what_and_where_older_entries_are(
    serve: Serve, run: Run, token_file: Path
) -> None:
    service = await serve(token=ADMIN)
    at = ("--coordinator", service.url, "--token-file", str(token_file))
    for name in ("one", "two", "three"):
        assert (await run("tokens", "create", name, "--scope", "observe", *at))[0] == 0
    status, out, err = await run("audit", "--limit", "2", *at)
    assert (status, err) == (0, "")
    assert all(word in out for word in ("create token", "three", "two", "done"))
    last = out.splitlines()[-1]
    assert last.startswith("older ones: cutpoint audit --before ")
    number = last.rpartition(" ")[2]
    status, out, _ = await run("audit", "--before", number, "--json", *at)
    page = json.loads(out)
    assert page["next"] is None
    assert page["entries"][0]["target"] == "name=one scope=observe"
    assert all(entry["number"] < int(number) for entry in page["entries"])


@pytest.mark.parametrize(
    "arguments", [("--limit", "0"), ("--limit", "1001"), ("--limit", "x"), ("--before", "0"), ("--before", "9" * 20)]
)
async def test_a_mistake_about_the_audit_log_is_told(run: Run, arguments: tuple[str, ...]) -> None:
    status, out, err = await run("audit", *arguments, "--coordinator", NOWHERE)
    assert (status, out, arguments[0] in err) == (2, "", True)


async def test_who_may_not_read_the_audit_log_is_told_what_it_takes(
    serve: Serve, run: Run, tmp_path: Path, token_file: Path
) -> None:
    service = await serve(token=ADMIN)
    file = tmp_path / "eyes.token"
    at = ("--coordinator", service.url)
    made = ("tokens", "create", "eyes", "--scope", "observe", "--output", str(file))
    assert (await run(*made, *at, "--token-file", str(token_file)))[0] == 0
    status, out, err = await run("audit", *at, "--token-file", str(file))
    assert (status, out, "administer" in err) == (1, "", True)


async def test_a_monitor_is_brought_listed_and_removed(serve: Serve, agents: Agents, run: Run) -> None:
    service = await serve()
    at = ("--coordinator", service.url)
    await agents("ledger", service.url)
    added = await run("monitors", "add", "knots", "cutpoint.monitors:deadlock", "--period", "60", "--by", "me", *at)
    assert added == (0, "monitor knots was added; it looks at a cut every 60 s\n", "")
    status, out, err = await run("monitors", "list", *at)
    assert (status, err) == (0, "")
    assert all(word in out for word in ("knots", "a cut every 60 s", "no complaint"))
    status, out, _ = await run("monitors", "list", "--json", *at)
    assert [each["name"] for each in json.loads(out)["monitors"]] == ["knots"]
    gone = await run("monitors", "remove", "knots", *at)
    assert gone == (0, "monitor knots was removed; what it has pinned stays pinned\n", "")


async def test_a_monitor_is_signed_with_the_token_that_brought_it(
    serve: Serve, run: Run, token_file: Path, tmp_path: Path
) -> None:
    service = await serve(token=ADMIN)
    boss, at = tmp_path / "boss.token", ("--coordinator", service.url)
    made = ("tokens", "create", "boss", "--scope", "administer", "--output", str(boss))
    assert (await run(*made, *at, "--token-file", str(token_file)))[0] == 0
    add = ("monitors", "add", "knots", "cutpoint.monitors:deadlock", "--by", "ada", "--json")
    status, out, _ = await run(*add, *at, "--token-file", str(boss))
    assert (status, json.loads(out)["by"]) == (0, "ada (boss)")


async def test_a_mistake_about_monitors_is_told_and_none_is_brought(serve: Serve, run: Run, tmp_path: Path) -> None:
    service = await serve()
    at = ("--coordinator", service.url)
    good = "cutpoint.monitors:deadlock"
    cases: tuple[tuple[tuple[str, ...], int, str], ...] = (
        (("add", "m", *at), 2, "MODULE:MONITOR"),
        (("add", "m", "nothing", *at), 1, "names no monitor"),
        (("add", "m", "no_such_module:x", *at), 1, "there is no module"),
        (("add", "m", "cutpoint.monitors:no_such", *at), 1, "names no monitor"),
        (("add", "m", "json:dumps", *at), 1, "it cannot be made"),
        (("add", "m", "json:decoder", *at), 1, "it is module"),
        (("add", "a b", good, *at), 1, "name"),
        (("add", "m", good, "--period", "-1", *at), 2, "--period"),
        (("add", "m", good, "--period", "nan", *at), 2, "--period"),
        (("add", "m", good, "--time", "0", *at), 2, "--time"),
        (("add", "m", good, "--memory", "1", *at), 2, "--memory"),
        (("add", "m", good, "--coordinator", NOWHERE), 1, "nobody answers"),
        (("remove", "m", *at), 1, "there is no monitor m"),
        (("run", good, "0", *at), 2, "'N'"),
        (("run", good, "7", "--store", str(tmp_path / "none")), 1, "there is no store"),
    )
    for arguments, status, complaint in cases:
        ended, _, err = await run("monitors", *arguments)
        assert (ended, complaint in err) == (status, True), (arguments, ended, err)
    async with CoordinatorClient(service.url) as client:
        assert (await client.monitors()).monitors == ()


async def test_older_cuts_are_found_where_the_history_says(serve: Serve, agents: Agents, run: Run) -> None:
    service = await serve()
    at = ("--coordinator", service.url)
    await agents("ledger", service.url)
    async with CoordinatorClient(service.url) as client:
        for _ in range(3):
            await client.cut()
    status, out, err = await run("history", "--limit", "2", *at)
    assert (status, err) == (0, "")
    assert out.splitlines()[-1] == "older ones: cutpoint history --before 2"
    status, out, _ = await run("history", "--before", "2", "--json", *at)
    told = json.loads(out)
    assert ([record["story"]["cut"] for record in told["cuts"]], told["next"]) == ([1], None)
    assert (await run("history", "--limit", "501", *at))[0] == 2
    assert (await run("history", "--before", "0", *at))[0] == 2
    status, out, err = await run("history", "9", *at)
    assert (status, out, "9" in err) == (1, "", True)
