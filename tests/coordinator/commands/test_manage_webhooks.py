"""``cutpoint webhooks``, and the same from a blocking client."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from pathlib import Path

import pytest

from cutpoint.access import Token
from cutpoint.command import main
from cutpoint_coordinator.client import BlockingClient
from cutpoint_coordinator.client.administering import Administering
from tests.coordinator.conftest import Serve
from tests.coordinator.webhooks.receiver import Receiver


@pytest.fixture
async def receiver(cleanup: contextlib.AsyncExitStack) -> Receiver:
    receiver = await Receiver("nobody-knows-it-yet").open()
    cleanup.push_async_callback(receiver.close)
    return receiver


async def test_a_webhook_is_declared_tried_listed_and_removed(
    serve: Serve, receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = await serve()
    address, secret_file = tmp_path / "url", tmp_path / "secret"
    address.write_text(f"{receiver.url}\n", encoding="ascii")

    async def run(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(main, ("webhooks", *arguments, "--coordinator", service.url))
        return (status, *capsys.readouterr())

    host = f"http://127.0.0.1:{receiver.port}"
    put = ("put", "pager", "--url-file", str(address), "--kind", "cuts fail", "--output", str(secret_file))
    assert await run(*put) == (0, f"webhook pager: alerts go to {host}\n", "")
    assert secret_file.stat().st_mode & 0o777 == 0o600
    assert (await run("test", "pager"))[0] == 1
    receiver.secret = secret_file.read_text(encoding="ascii").strip()
    assert await run("test", "pager") == (0, "webhook pager has taken the alert\n", "")
    assert receiver.kinds() == ["test"]
    status, out, _ = await run("put", "pager", receiver.url, "--new-secret")
    assert (status, out.splitlines()[0]) == (0, f"webhook pager: alerts go to {host}")
    status, out, err = await run("test", "pager")
    assert (status, out) == (1, "")
    assert "webhook pager did not take the alert: it answered 400; nothing was lost" in err
    own = tmp_path / "own"
    own.write_text("a-secret-of-my-own-making\n", encoding="ascii")
    assert (await run("put", "pager", receiver.url, "--secret-file", str(own)))[0] == 0
    receiver.secret = "a-secret-of-my-own-making"
    assert (await run("test", "pager"))[0] == 0
    status, out, _ = await run("list", "--json")
    listed = json.loads(out)["webhooks"]
    assert [(each["name"], each["to"]) for each in listed] == [("pager", host)]
    assert "hidden-path" not in out
    status, out, _ = await run("list")
    assert (status, "pager" in out, host in out) == (0, True, True)
    assert (await run("remove", "pager"))[1] == "webhook pager was removed; 0 alerts waited for it\n"
    status, _, err = await run("remove", "pager")
    assert (status, "there is no webhook pager; nothing was done" in err) == (1, True)


async def test_a_mistake_on_the_line_is_told_and_nothing_is_declared(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = await serve()
    there = tmp_path / "there"
    there.touch()
    cases = (
        (("put", "pager"), 2, "give a URL, or a file with one"),
        (("put", "pager", "http://x/", "--url-file", "y"), 2, "give a URL, or a file with one"),
        (("put", "pager", "--url-file", str(tmp_path / "none")), 1, "cannot be read as one line"),
        (("put", "pager", "http://host/", "--output", str(there)), 1, "nothing was done; name another file"),
        (("put", "pager", "gopher://host/"), 1, "no URL that alerts could be sent to"),
        (("put", "a b", "http://host/"), 1, "cannot name a webhook"),
        (("put", "pager", "http://host/", "--kind", "all"), 1, "is no kind of alert"),
    )
    for arguments, status, complaint in cases:
        ended = await asyncio.to_thread(main, ("webhooks", *arguments, "--coordinator", service.url))
        assert (ended, complaint in capsys.readouterr().err) == (status, True), arguments
    assert service.webhooks is not None
    assert service.webhooks.status().webhooks == ()


async def test_a_script_can_ask_all_that_an_administrator_can(serve: Serve, receiver: Receiver) -> None:
    admin = Token.generate()
    service = await serve(token=admin)

    def script() -> tuple[str, ...]:
        with BlockingClient(service.url, token=admin) as client:
            receiver.secret = client.put_webhook("pager", receiver.url, kinds=["leading"]).secret
            assert client.test_webhook("pager").delivered
            assert client.webhook("pager").kinds == ("leading",)
            client.create_token("ci", "trigger")
            version = client.declare_policy('[cuts]\ninterval = "1h"\n').version
            assert client.policy().version == version
            assert client.monitors().monitors == ()
            return (
                *(hook.name for hook in client.webhooks().webhooks),
                *(each.name for each in client.tokens().tokens),
            )

    assert await asyncio.to_thread(script) == ("pager", "ci")


def test_the_blocking_client_asks_with_the_same_words() -> None:
    asked = dict(inspect.getmembers(Administering, inspect.iscoroutinefunction))
    for name, question in asked.items():
        if not name.startswith("_") and name in vars(Administering):
            there = inspect.signature(question).parameters
            here = inspect.signature(getattr(BlockingClient, name)).parameters
            assert {k: (p.kind, p.default) for k, p in here.items()} == {
                k: (p.kind, p.default) for k, p in there.items()
            }
