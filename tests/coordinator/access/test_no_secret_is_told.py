"""A whole run with every kind of secret in it: none of them is in anything that anybody is told.

The coordinator is a process of its own, over an etcd that asks for a password and goes away for a while; it signs and
seals, sends alerts to a webhook, lets processes in, and is asked for things rightly and wrongly.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from cutpoint.access import Token
from cutpoint.errors import CutpointError
from cutpoint.testing.etcd_server import EtcdServer, Login
from cutpoint.testing.loopback_server import free_ports
from cutpoint_agents import Agent
from cutpoint_coordinator.client import CoordinatorClient
from tests.integration.fleet import Fleet, living

PASSWORD = "pa55 word/of+etcd"
HOOK = "http://127.0.0.1:9/services/T0HOOKPATHSECRET0/B0HOOKPATHSECRET0"
LOGIN_SECRET = "basic-l0gin-secret"
PAGES = (
    "/metrics",
    "/healthz",
    "/readyz",
    "/v1/openapi.json",
    "/v1/audit",
    "/v1/history",
    "/v1/notices",
    "/v1/topology",
    "/v1/policy",
    "/v1/tokens",
    "/v1/webhooks",
    "/v1/webhooks/pager",
    "/v1/monitors",
    "/v1/cuts",
    "/v1/points",
    "/v1/points/1",
    "/v1/recoveries",
    "/v1/collections",
)
COMMANDS = (
    "topology",
    "points",
    "show 1",
    "show 1 --json",
    "verify",
    "history",
    "history --json",
    "audit",
    "audit --json",
    "doctor",
    "doctor --json",
    "tokens list",
    "webhooks list",
    "webhooks test pager",
    "policy show",
    "monitors list",
    "collect --dry-run --keep nonsense",
)

WITNESSES = {
    "/v1/audit": "set webhook",
    "/metrics": "cutpoint_webhook_deliveries_total",
    "/v1/events": "event: ",
    "/v1/notices": "cut published",
    "/v1/history": '"published"',
    "cutpoint audit": "create token",
    "cutpoint doctor": "webhook",
    "cutpoint points": "1",
    "the coordinator's log": "Trying again",
    "an agent with a wrong token": "token",
}
"""What must have been told, for the search to mean anything: where, and a part of it."""


def forms(secret: str) -> Iterator[str]:
    """The ways in which ``secret`` could be written down."""
    raw = secret.encode()
    yield secret
    yield raw.hex()
    yield urllib.parse.quote(secret, safe="")
    yield urllib.parse.quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")


def of_token(token: Token) -> str:
    """What of a token is secret: its name in the registry is not."""
    return max(token.reveal().split("_", 2)[2].rsplit("_", 1), key=len)


class Told:
    """Everything that anybody was told, by where."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, where: str, text: str) -> None:
        self.texts[f"{len(self.texts)}: {where}"] = text

    def holding(self, secrets: dict[str, str]) -> list[str]:
        """Where which secret is."""
        return [
            f"{name} in {where}"
            for where, text in self.texts.items()
            for name, secret in secrets.items()
            if any(form in text for form in forms(secret))
        ]


def command(folder: Path, told: Told, line: str, *, environment: dict[str, str]) -> int:
    """Run one command of ours, and keep what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "cutpoint", *line.split()],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    told.add(f"cutpoint {line}", done.stdout + done.stderr)
    return done.returncode


def secrets_of(folder: Path) -> dict[str, str]:
    """Every secret of the run that lies in a file."""
    found = {
        path.name: of_token(Token.parse(path.read_text().strip()))
        for path in folder.iterdir()
        if path.suffix == ".token"
    }
    for key in json.loads((folder / "keys.json").read_text())["keys"]:
        found[f"key that {key['use']}s"] = key["secret"]
    found["webhook's secret"] = (folder / "hook.secret").read_text().strip()
    return found


async def ask_wrongly(url: str, told: Told, wrong: Token, right: Token | None = None) -> None:
    """Show the secrets to the coordinator in all the wrong places; where ``right`` is given, as somebody it knows."""
    secret = wrong.reveal()
    known = {} if right is None else {"Authorization": f"Bearer {right.reveal()}"}
    async with aiohttp.ClientSession(headers=known) as session:
        for method, path, given in (
            ("GET", "/v1/topology", {"headers": {"Authorization": f"Bearer {secret}"}}),
            ("GET", "/v1/topology", {"headers": {"Authorization": secret}}),
            ("GET", "/v1/topology", {"headers": {"Authorization": f"Basic {LOGIN_SECRET}"}}),
            ("GET", f"/v1/topology?token={secret}", {}),
            ("GET", f"/v1/points/{secret}", {}),
            ("GET", f"/{secret}", {}),
            ("POST", "/v1/cuts", {"json": {"token": secret}}),
            ("POST", "/v1/cuts", {"data": f"token={secret}"}),
            ("POST", "/v1/verify", {"json": {"cut": secret}}),
            ("POST", "/v1/points/1/marks", {"json": {"event": secret}}),
            ("PUT", "/v1/webhooks/pager", {"json": {"url": HOOK, "secret": secret, "more": LOGIN_SECRET}}),
            ("PUT", "/v1/policy", {"json": {"toml": f"[cuts]\ninterval = '1h'\ntoken = '{secret}'"}}),
            ("POST", "/v1/tokens", {"json": {"name": "x", "scope": secret}}),
            ("BREW", "/v1/cuts", {"headers": {"X-Secret": secret}}),
        ):
            async with session.request(method, url + path, **given) as response:
                told.add(f"{method} {path[:20]}", f"{response.status} {dict(response.headers)} {await response.text()}")


async def ask_as_administrator(url: str, told: Told, token: Token) -> None:
    """Everything that can be looked at, and requests that are refused though the token is right."""
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for page in PAGES:
            async with session.get(url + page) as response:
                told.add(f"GET {page}", f"{response.status} {dict(response.headers)} {await response.text()}")
        async with session.get(f"{url}/v1/events", headers={"Last-Event-ID": "0"}) as stream:
            told.add("GET /v1/events", (await stream.content.read(20_000)).decode())
        for body in ({"url": HOOK, "secret": "x", "more": LOGIN_SECRET}, {"url": HOOK + "\x00"}, [HOOK]):
            async with session.put(f"{url}/v1/webhooks/pager", json=body) as response:
                told.add("PUT /v1/webhooks/pager", f"{response.status} {await response.text()}")


class Run:
    """One run in ``folder``: a coordinator over ``etcd``, and everything that it and the commands told."""

    def __init__(self, folder: Path, etcd: EtcdServer) -> None:
        self.told = Told()
        self.wrong = Token.generate()
        (self._port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self._port}"
        self.etcd = etcd
        self.folder = folder
        self._environment = {
            "CUTPOINT_COORDINATOR": self.url,
            "CUTPOINT_TOKEN_FILE": "admin.token",
            "CUTPOINT_KEYS": "keys.json",
        }

    def command(self, line: str, **environment: str) -> int:
        """One command of an administrator, unless ``environment`` says otherwise."""
        return command(self.folder, self.told, line, environment=self._environment | environment)

    def token(self, name: str) -> Token:
        """The one in this file."""
        return Token.parse((self.folder / f"{name}.token").read_text().strip())

    @contextlib.contextmanager
    def coordinator(self) -> Iterator[None]:
        """A process of its own, which asks for tokens, signs and seals."""
        with (self.folder / "coordinator.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-X", "dev", "-m", "cutpoint", "coordinator", "--registry", self.etcd.url,
                 "--store", "store", "--listen", f"127.0.0.1:{self._port}", "--token-file", "admin.token",
                 "--keys", "keys.json"],
                cwd=self.folder, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)
            self.told.add("the coordinator's log", (self.folder / "coordinator.log").read_text())

    def set_up(self) -> None:
        """Tokens, and a webhook with a secret in its path."""
        (self.folder / "hook.url").write_text(HOOK)
        for line in (
            "tokens create services --scope agent --output services.token",
            "tokens create ci --scope trigger --output ci.token",
            "tokens rotate ci --output ci-2.token",
            "webhooks put pager --url-file hook.url --output hook.secret",
        ):
            assert self.command(line) == 0

    async def live(self, client: CoordinatorClient) -> None:
        """Cuts, questions that are right and wrong, and a registry that is away for a while."""
        administrator = self.token("admin")
        keys = str(self.folder / "keys.json")
        async with Fleet(self.url, last=50, token=self.token("services"), keys=keys).running():
            await client.cut()
            await client.cut()
            await ask_wrongly(self.url, self.told, self.wrong)
            await ask_wrongly(self.url, self.told, self.wrong, administrator)
            self.etcd.pause()
            with pytest.raises(CutpointError):
                await client.create_token("late", "observe")
            self.etcd.resume()
            await _leading(client)
            for line in COMMANDS:
                self.command(line)
            await ask_as_administrator(self.url, self.told, administrator)

    async def be_denied(self) -> None:
        """An agent, a command and a coordinator with something that is wrong."""
        with pytest.raises(CutpointError) as refused:
            async with living(Agent("stranger", coordinator=self.url, token=self.wrong)):
                pass
        self.told.add("an agent with a wrong token", f"{refused.value!r} {refused.value}")
        assert self.command("topology", CUTPOINT_TOKEN_FILE="", CUTPOINT_TOKEN=self.wrong.reveal())
        bad = self.etcd.url.replace(urllib.parse.quote(PASSWORD, safe=""), LOGIN_SECRET)
        assert self.command(f"coordinator --registry {bad} --store other --listen 127.0.0.1:0")


@pytest.mark.timeout(300)
async def test_no_secret_is_in_logs_metrics_errors_or_the_audit_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with EtcdServer(tmp_path / "etcd") as etcd:
        etcd.require(Login(password=PASSWORD))
        run = Run(tmp_path, etcd)
        assert run.command("tokens generate --output admin.token") == 0
        assert run.command("keys generate --seal") == 0
        with run.coordinator():
            async with CoordinatorClient(run.url, token=run.token("admin")) as client, asyncio.timeout(200):
                await _leading(client)
                run.set_up()
                await run.live(client)
                await run.be_denied()
    run.told.add("the log of the services", caplog.text)
    secrets = {
        **secrets_of(tmp_path),
        "etcd's password": PASSWORD,
        "webhook's path": "T0HOOKPATHSECRET0",
        "wrong token": of_token(run.wrong),
        "login": LOGIN_SECRET,
    }
    assert len(secrets) == 11
    assert run.told.holding(secrets) == []
    for where, seen in WITNESSES.items():
        assert any(where in place and seen in text for place, text in run.told.texts.items()), f"{where} tells nothing"


async def _leading(client: CoordinatorClient) -> None:
    """Wait until the coordinator leads and has let everybody in who asks."""
    while True:
        try:
            if (await client.health()).state == "leading":
                return
        except CutpointError:
            pass
        await asyncio.sleep(0.1)


def test_the_search_finds_a_secret_in_every_form() -> None:
    secret = "pa55 word/of+etcd"
    for form in forms(secret):
        told = Told()
        told.add("a log", f"before {form} after")
        assert told.holding({"the password": secret}) == ["the password in 0: a log"]
