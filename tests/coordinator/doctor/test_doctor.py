"""The doctor: every fault that it looks for is really there, and is found, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from click.testing import CliRunner

from cutpoint.store import MemoryBackend, open_backend
from cutpoint.testing.etcd_server import EtcdServer
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.commands.examine_everything import doctor
from cutpoint_coordinator.doctor import Finding
from cutpoint_coordinator.doctor.examination import examine
from cutpoint_coordinator.doctor.of_coordinator import examine_coordinator
from cutpoint_coordinator.doctor.of_registry import examine_registry
from cutpoint_coordinator.doctor.of_store import examine_store
from cutpoint_coordinator.doctor.reach import Reach
from tests.agents.rig import running
from tests.coordinator.conftest import Agents, Serve

Ask = Callable[[str], Awaitable[CoordinatorClient]]

NOWHERE = "http://127.0.0.1:1"


def only(findings: list[Finding], subject: str) -> Finding:
    (found,) = [finding for finding in findings if finding.subject == subject]
    if found.verdict != "ok":
        assert found.means
        assert found.remedy
    return found


async def test_a_computation_that_is_well_is_found_well(
    serve: Serve, agents: Agents, ask: Ask, store: Path, tmp_path: Path
) -> None:
    service = await serve()
    await agents("ledger", service.url)
    await (await ask(service.url)).cut()
    before = sorted(open_backend(str(store)).list(""))
    found = await examine(
        coordinator=Reach(url=service.url), registry=None, store=None, computation="default", keys=None
    )
    verdicts = {finding.subject: finding.verdict for finding in found.findings if finding.subject != "store's space"}
    assert set(verdicts.values()) == {"ok"}, found
    expected = {
        "python",
        "coordinator",
        "version",
        "agents",
        "error budget",
        "store",
        "create-only",
        "clock of the store",
    }
    assert expected <= set(verdicts)
    assert sorted(open_backend(str(store)).list("")) == before


async def test_nobody_who_answers_is_bad() -> None:
    findings, topology = await examine_coordinator(Reach(url=NOWHERE))
    assert only(findings, "coordinator").verdict == "bad"
    assert topology is None


@pytest.mark.parametrize(("seconds", "verdict"), [(0, "ok"), (30, "warn"), (-3600, "bad")])
async def test_a_clock_that_differs_and_another_version_are_found(seconds: int, verdict: str) -> None:
    async def health(_: web.Request) -> web.Response:
        moment = datetime.fromtimestamp(time.time() + seconds, UTC)
        body = {"state": "waiting to lead", "coordinator": "one", "leader": "", "version": "0.0.1"}
        return web.json_response(body, headers={"Date": format_datetime(moment, usegmt=True)})

    app = web.Application()
    app.router.add_get("/healthz", health)
    async with running(app) as url:
        findings, _ = await examine_coordinator(Reach(url=url))
    assert only(findings, "clock of the coordinator").verdict == verdict
    assert only(findings, "version").verdict == "warn"
    assert only(findings, "coordinator").verdict == "bad"


async def test_a_process_that_is_gone_and_a_spent_budget_are_found(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve(deadline_seconds=0.2)
    ledger = await agents("ledger", service.url)
    ledger.hold_parts = True
    await (await ask(service.url)).cut()
    await ledger.vanish()
    async with asyncio.timeout(30):
        while any(member.connected for member in (await (await ask(service.url)).topology()).members):
            await asyncio.sleep(0.02)
    findings, _ = await examine_coordinator(Reach(url=service.url))
    assert "not connected: ledger" in only(findings, "agents").found
    budget = only(findings, "error budget")
    assert budget.verdict == "warn"
    assert "deadline" in budget.means


class Overwrites(MemoryBackend):
    """A store that is not create-only."""

    def create(self, name: str, data: bytes) -> None:
        self.delete(name)
        super().create(name, data)


class Forgets(MemoryBackend):
    """A store that gives back something else."""

    def read(self, name: str, *, bytes_max: int | None = None) -> bytes:
        return super().read(name, bytes_max=bytes_max)[1:]


class Slow(MemoryBackend):
    """A store that takes its time."""

    def create(self, name: str, data: bytes) -> None:
        time.sleep(0.6)
        super().create(name, data)


@pytest.mark.parametrize(
    ("backend", "subject", "verdict"),
    [(Overwrites, "create-only", "bad"), (Forgets, "store", "bad"), (Slow, "store's speed", "warn")],
)
def test_a_store_that_breaks_its_word_is_found(backend: type[MemoryBackend], subject: str, verdict: str) -> None:
    store = backend()
    findings = examine_store(store)
    assert verdict in [finding.verdict for finding in findings if finding.subject == subject]
    assert store.list("") == ()


def test_a_store_that_cannot_be_written_is_found(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where a folder should be")
    (finding,) = examine_store(open_backend(str(tmp_path / "store")))
    assert (finding.subject, finding.verdict) == ("store", "bad")


def test_a_store_that_is_nearly_full_is_found(tmp_path: Path) -> None:
    findings = examine_store(open_backend(str(tmp_path / "store")), free_bytes=1 << 60)
    assert only(findings, "store's space").verdict == "warn"


async def test_a_member_of_etcd_that_is_gone_is_found_while_the_others_answer(tmp_path: Path) -> None:
    with EtcdServer(tmp_path / "etcd") as server:
        url = f"{server.url},127.0.0.1:1"
        findings = await examine_registry(url, prefix="/cutpoint/default/")
        assert only(findings, f"etcd {server.url.removeprefix('etcd://')}").verdict == "ok"
        assert only(findings, "etcd 127.0.0.1:1").verdict == "bad"
        assert only(findings, "registry").found == "answers; nobody leads"
        assert only(findings, "registry's speed").verdict in ("ok", "warn")


async def test_a_registry_that_does_not_answer_is_bad() -> None:
    findings = await examine_registry("etcd://127.0.0.1:1", prefix="/cutpoint/default/")
    assert {finding.verdict for finding in findings} == {"bad"}


def test_the_command_ends_with_1_and_says_what_to_do(tmp_path: Path) -> None:
    arguments = ["--coordinator", NOWHERE, "--store", str(tmp_path / "store")]
    ended = CliRunner().invoke(doctor, arguments)
    assert ended.exit_code == 1
    assert "BAD   coordinator: nobody answers" in ended.output
    assert "do:    start it, or correct --coordinator" in ended.output
    told = CliRunner().invoke(doctor, [*arguments, "--json"])
    assert json.loads(told.output)["verdict"] == "bad"
