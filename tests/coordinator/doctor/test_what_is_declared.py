"""The doctor on what somebody has declared: tokens, certificates, the policy and webhooks, and how it is let in."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cutpoint.access import ClientTls, Token
from cutpoint.names import CutNumber, Incarnation, ProcessName
from cutpoint.policy import Policy
from cutpoint.policy.declared import Alerts, Cuts, Retention, Service
from cutpoint.protocol.cut_story import Cause, CutStory
from cutpoint_coordinator.access.answers import TokenAnswer
from cutpoint_coordinator.access.scopes import Scope
from cutpoint_coordinator.access.tls import ServerTls
from cutpoint_coordinator.answers import HistoryAnswer, TopologyAnswer
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.commands.examine_everything import doctor
from cutpoint_coordinator.doctor import Finding
from cutpoint_coordinator.doctor.examination import examine
from cutpoint_coordinator.doctor.of_access import DAY_SECONDS, certificate_found, tokens_found
from cutpoint_coordinator.doctor.of_coordinator import examine_coordinator
from cutpoint_coordinator.doctor.of_policy import contradictions
from cutpoint_coordinator.doctor.reach import Reach
from cutpoint_coordinator.history import History
from cutpoint_coordinator.history.figures import figures
from tests.coordinator.access.test_scopes import ADMIN
from tests.coordinator.access.test_tls import Authority, authority, secure
from tests.coordinator.conftest import Serve
from tests.coordinator.doctor.test_doctor import only
from tests.coordinator.webhooks.receiver import Receiver

__all__ = ["authority"]

NOBODY = TopologyAnswer(
    computation="default",
    coordinator="one",
    address="",
    store="",
    incarnation=1,
    last_cut=0,
    base=0,
    members=(),
    channels=(),
    as_of=0,
)


def history(seconds: float, *, published: int = 20, late: int = 0) -> HistoryAnswer:
    """Cuts that took so long, and others that passed their deadline."""
    kept = History(coordinator="one")
    for cut in range(1, published + late + 1):
        done = cut <= published
        cause: Cause = "" if done else "deadline"
        told = CutStory(
            cut=CutNumber(cut),
            incarnation=Incarnation(1),
            published=done,
            cause=cause,
            seconds=seconds,
        )
        kept.written(kept.entry(told), registry_seconds=0.0)
    found = figures(kept, now=time.time(), window_seconds=86_400.0, objective=0.99)
    return HistoryAnswer(figures=found, hours=(), cuts=tuple(kept.cuts.values()))


SOUND = Policy(
    cuts=Cuts(interval_seconds=60.0, deadline_seconds=30.0), retention=Retention(keep="last 10"), alerts=Alerts()
)


def test_a_policy_that_goes_together_with_what_happens_has_no_finding() -> None:
    assert contradictions(SOUND, history(1.0), NOBODY) == []
    assert contradictions(Policy(), history(1.0), NOBODY) == []


@pytest.mark.parametrize(
    ("changed", "seen", "told"),
    [
        ({"cuts": Cuts(interval_seconds=1.0)}, history(5.0), "cuts.interval is 1 s, and a cut takes 5 s"),
        (
            {"cuts": Cuts(deadline_seconds=6.0)},
            history(5.0),
            "cuts.deadline is 6 s, and one cut in a hundred takes 5 s",
        ),
        ({}, history(1.0, published=1, late=9), "cuts.deadline is 30 s: 9 cuts passed it, 1 were published"),
        ({"retention": Retention(keep="last 1")}, history(1.0), "retention.keep is 'last 1'"),
        ({"alerts": Alerts(stale_after_seconds=30.0)}, history(1.0), "alerts.stale_after is 30 s"),
        (
            {"services": {ProcessName("tilll"): Service()}},
            history(1.0),
            "it declares services that are not",
        ),
    ],
)
def test_each_contradiction_of_the_policy_is_one_finding_with_a_remedy(
    changed: dict[str, Any], seen: HistoryAnswer, told: str
) -> None:
    policy = msgspec.structs.replace(SOUND, **changed)
    finding = only(contradictions(policy, seen, NOBODY), "policy")
    assert finding.verdict == "warn"
    assert finding.found.startswith(told)


def test_of_a_few_cuts_nothing_is_concluded() -> None:
    policy = Policy(cuts=Cuts(interval_seconds=1.0, deadline_seconds=6.0))
    assert contradictions(policy, history(5.0, published=4), NOBODY) == []


def token(name: str, *, left: float | None, scope: Scope = "agent", state: str = "active") -> TokenAnswer:
    expires = "" if left is None else datetime.fromtimestamp(1_000_000 + left, UTC).isoformat()
    return TokenAnswer(
        name=name,
        scope=scope,
        id=name,
        state=state,
        created="",
        created_by="",
        expires=expires,
    )


def test_tokens_that_end_soon_are_named_the_first_to_end_first() -> None:
    calm = [token("a", left=None), token("b", left=30 * DAY_SECONDS), token("old", left=-5.0, state="expired")]
    assert tokens_found(calm, now=1_000_000.0).verdict == "ok"
    found = tokens_found([*calm, token("c", left=5 * DAY_SECONDS)], now=1_000_000.0)
    assert (found.verdict, found.found) == ("warn", "c (agent) ends in 5 days")
    urgent = tokens_found([token("c", left=5 * DAY_SECONDS), token("d", left=3600.0)], now=1_000_000.0)
    assert (urgent.verdict, urgent.found) == ("bad", "d (agent) ends in 1 hours; c (agent) ends in 5 days")
    assert "rotate" in urgent.remedy
    many = tokens_found([token(f"t{n}", left=DAY_SECONDS * 3) for n in range(30)], now=1_000_000.0)
    assert many.found.endswith("; 20 more")


@pytest.mark.parametrize(("days", "verdict"), [(400, "ok"), (5, "warn"), (0.5, "bad"), (-1, "bad")])
def test_a_certificate_that_ends_soon_is_found(days: float, verdict: str) -> None:
    found = certificate_found(days * DAY_SECONDS)
    assert found.verdict == verdict
    assert bool(found.remedy) == (verdict != "ok")


async def test_a_coordinator_behind_a_private_authority_that_asks_for_certificates_is_examined(
    serve: Serve, authority: Authority
) -> None:
    asked = ServerTls(certificate=str(authority.issue("server.pem")), client_ca=str(authority.file))
    service = await secure(serve, asked)
    tls = ClientTls(ca=authority.file, certificate=authority.issue("client.pem"))
    reach = Reach(url=service.url, token=ADMIN, tls=tls)
    found = await examine(coordinator=reach, registry=None, store=None, computation="default", keys=None)
    subjects = {finding.subject: finding.verdict for finding in found.findings}
    assert {"certificate": "ok", "tokens": "ok", "coordinator": "ok", "agents": "ok"}.items() <= subjects.items()
    assert "leader" not in subjects


async def test_a_certificate_that_is_not_believed_is_told_as_that(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    service = await secure(serve, ServerTls(certificate=str(authority.issue("server.pem"))))
    stranger = ClientTls(ca=Authority(tmp_path, "stranger").file)
    findings, topology = await examine_coordinator(Reach(url=service.url, token=ADMIN, tls=stranger))
    assert topology is None
    (found,) = findings
    assert (found.subject, found.verdict) == ("certificate", "bad")
    assert "--tls-ca" in found.remedy


async def test_a_token_that_ends_soon_is_found_and_who_may_not_look_is_told_what_to_show(serve: Serve) -> None:
    service = await serve(token=ADMIN)
    async with CoordinatorClient(service.url, token=ADMIN) as client:
        await client.create_token("ci", "trigger", expires_seconds=3600.0)
        observer = Token.parse((await client.create_token("eyes", "observe")).secret)
    findings, _ = await examine_coordinator(Reach(url=service.url, token=ADMIN))
    assert only(findings, "tokens").found.startswith("ci (trigger) ends in 1 hours")
    findings, _ = await examine_coordinator(Reach(url=service.url, token=observer))
    assert only(findings, "tokens").found == "this token may not list them"
    findings, _ = await examine_coordinator(Reach(url=service.url))
    assert only(findings, "leader").remedy == "show a token that may look: --token-file"


async def test_a_webhook_is_tested_only_where_that_is_asked_for(serve: Serve) -> None:
    service = await serve()
    reach = Reach(url=service.url)
    assert only((await examine_coordinator(reach, test_alarms=True))[0], "webhooks").verdict == "warn"
    receiver = await Receiver("").open()
    try:
        async with CoordinatorClient(service.url) as client:
            receiver.secret = (await client.put_webhook("pager", receiver.url)).secret
        await examine_coordinator(reach)
        assert "test" not in receiver.kinds()
        assert await alarm(reach) == "ok"
        assert "test" in receiver.kinds()
    finally:
        await receiver.close()
    assert await alarm(reach) == "bad"


async def alarm(reach: Reach) -> str:
    findings: list[Finding] = (await examine_coordinator(reach, test_alarms=True))[0]
    return only(findings, "webhook pager").verdict


def test_the_command_refuses_what_cannot_be_meant(tmp_path: Path) -> None:
    missing = CliRunner().invoke(doctor, ["--coordinator", "http://127.0.0.1:1", "--token-file", str(tmp_path / "no")])
    assert missing.exit_code != 0
    assert "Traceback" not in missing.output
    unknown = CliRunner().invoke(doctor, ["--test-alarm"])
    assert unknown.exit_code == 2
    nonsense = CliRunner().invoke(doctor, ["--coordinator", "nonsense", "--store", str(tmp_path / "store")])
    assert nonsense.exit_code == 1
    assert "BAD   coordinator" in nonsense.output
