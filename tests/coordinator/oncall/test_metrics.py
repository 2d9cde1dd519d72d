"""Metrics: every one is documented, every documented one is there, and their names and labels are sound."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from cutpoint.store import open_backend
from cutpoint_agents import Agent
from cutpoint_agents.prometheus import agent_metrics
from cutpoint_coordinator.client import CoordinatorClient
from tests.coordinator.conftest import Agents, Serve
from tests.docs.documented import ROOT

Ask = Callable[[str], Awaitable[CoordinatorClient]]

PAGE = ROOT / "docs" / "reference" / "metrics.md"
RULES = ROOT / "docs" / "examples" / "prometheus" / "alerts.yml"
ROW = re.compile(r"^\| `(cutpoint_[a-z_]+)` \| (counter|gauge|histogram) \|", re.MULTILINE)


def on_the_page() -> dict[str, str]:
    return dict(ROW.findall(PAGE.read_text(encoding="utf-8")))


async def scrape(url: str) -> dict[str, object]:
    """What is exposed, by the names that a query uses."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        text = await response.text()
    families = [f for f in text_string_to_metric_families(text) if not f.name.endswith("_created")]
    return {f"{f.name}_total" if f.type == "counter" else f.name: f for f in families}


@pytest.fixture
async def scraped(serve: Serve, agents: Agents, ask: Ask, tmp_path: Path) -> dict[str, object]:
    """The metrics of a coordinator that has done a bit of everything."""
    replica = open_backend(str(tmp_path / "replica"))
    service = await serve(keep="last 2", collect_seconds=0.01, replica=replica)
    client = await ask(service.url)
    ledger = await agents("ledger", service.url)
    for _ in range(3):
        assert (await client.cut()).state == "published"
    await client.collect("last 1")
    assert ledger.published
    return await scrape(service.url)


async def test_every_metric_is_in_the_documentation_and_the_other_way_round(scraped: dict[str, object]) -> None:
    kinds = {name: family.type for name, family in scraped.items()}  # type: ignore[attr-defined]
    told = {name: kind for name, kind in on_the_page().items() if not name.startswith("cutpoint_agent_")}
    assert kinds == told


async def test_what_was_done_is_counted(scraped: dict[str, object]) -> None:
    def value(name: str, sample: str = "", **labels: str) -> float:
        family = scraped[name]
        wanted = [s for s in family.samples if s.name == (sample or name) and labels.items() <= s.labels.items()]  # type: ignore[attr-defined]
        return float(sum(s.value for s in wanted))

    assert value("cutpoint_cuts_total", outcome="published") == 3
    assert value("cutpoint_cut_duration_seconds", "cutpoint_cut_duration_seconds_count", outcome="published") == 3
    for phase in ("numbering", "recording", "storing", "checking", "manifest", "registry"):
        assert value("cutpoint_cut_phase_seconds", "cutpoint_cut_phase_seconds_count", phase=phase) == 3
    assert value("cutpoint_coordinator_leads") == 1
    assert value("cutpoint_connected_agents") == 1
    assert value("cutpoint_processes", state="member") == 1
    assert value("cutpoint_success_ratio") == 1
    assert value("cutpoint_error_budget_left_ratio") == 1
    assert value("cutpoint_registry_call_seconds", "cutpoint_registry_call_seconds_count", call="commit") >= 6
    assert value("cutpoint_store_call_seconds", "cutpoint_store_call_seconds_count", call="create") == 3
    assert value("cutpoint_process_stored_seconds", process="ledger") > 0


async def test_what_is_asked_of_a_cut_is_there(serve: Serve, agents: Agents, ask: Ask) -> None:
    service = await serve(deadline_seconds=2.0, objective=0.5)
    client = await ask(service.url)
    till, ledger = await agents("till", service.url), await agents("ledger", service.url)
    till.wire(ledger)
    for payload in ("one", "three", "eleven"):
        till.send(payload)
    till.set_state(b"a state of its own" * 100)
    point = (await client.cut()).point
    assert point is not None
    ledger.hold_parts = True
    assert (await client.cut()).state == "abandoned"
    found = await scrape(service.url)

    def value(name: str, suffix: str = "", **labels: str) -> float:
        samples = found[name].samples  # type: ignore[attr-defined]
        return float(sum(s.value for s in samples if s.name == name + suffix and labels.items() <= s.labels.items()))

    assert point.in_flight == 3
    assert value("cutpoint_cut_in_flight_messages", "_sum") == 3
    assert value("cutpoint_cut_in_flight_bytes", "_sum") == len("one" + "three" + "eleven")
    assert value("cutpoint_cut_written_bytes", "_sum") == point.fresh_bytes > 0
    assert value("cutpoint_cut_stall_seconds", "_count") == 1
    stalls = found["cutpoint_process_stall_seconds"].samples  # type: ignore[attr-defined]
    assert sorted(sample.labels["process"] for sample in stalls) == ["ledger", "till"]
    assert value("cutpoint_success_ratio") == 0.5
    assert value("cutpoint_error_budget_left_ratio") == 0
    assert 0 < value("cutpoint_time_share_ratio") <= 1
    assert value("cutpoint_cuts_total", outcome="failed", cause="deadline") == 1


async def test_names_follow_the_conventions(scraped: dict[str, object]) -> None:
    units = ("_seconds", "_bytes", "_ratio", "_total")
    plain = "leads|incarnation|last_cut|processes|agents|recovering|hindered|points|messages|failing|running|failed"
    for name in scraped:
        assert name.startswith("cutpoint_")
        assert name.endswith(units) or re.search(f"({plain})$", name), name


async def test_a_coordinator_that_does_not_lead_tells_only_its_own(serve: Serve) -> None:
    await serve()
    other = await serve(leads=False)
    found = await scrape(other.url)
    assert found["cutpoint_coordinator_leads"].samples[0].value == 0  # type: ignore[attr-defined]
    assert "cutpoint_recovery_points" not in found


async def test_two_coordinators_in_one_process_do_not_share_their_counters(
    serve: Serve, agents: Agents, ask: Ask
) -> None:
    first, second = await serve(), await serve(leads=False)
    await agents("ledger", first.url)
    await (await ask(first.url)).cut()

    def cuts(found: dict[str, object]) -> float:
        return sum(s.value for s in found["cutpoint_cuts_total"].samples if s.name.endswith("_total"))  # type: ignore[attr-defined]

    assert (cuts(await scrape(first.url)), cuts(await scrape(second.url))) == (1, 0)


def test_the_example_rules_use_metrics_that_exist() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    known = on_the_page()
    suffixes = {"histogram": ("_bucket", "_count", "_sum")}
    names = set(known) | {name + suffix for name, kind in known.items() for suffix in suffixes.get(kind, ())}
    for rule in rules:
        used = re.findall(r"cutpoint_[a-z_]+", rule["expr"])
        assert used
        assert set(used) <= names, rule["alert"]
        assert {"summary", "remedy"} <= set(rule["annotations"])


async def test_the_figures_of_an_agent_go_into_the_services_own_registry() -> None:
    agent, registry = Agent("ledger", coordinator=None), CollectorRegistry()
    async with agent:
        agent_metrics(agent).register(registry)
        families = {f"{f.name}_total" if f.type == "counter" else f.name: f for f in registry.collect()}
    told = {name: kind for name, kind in on_the_page().items() if name.startswith("cutpoint_agent_")}
    assert {name: family.type for name, family in families.items()} == told
    assert families["cutpoint_agent_incarnation"].samples[0].labels == {"process": "ledger"}
