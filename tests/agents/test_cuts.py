"""Whole cuts through two agents and real sockets: consistent, stored, and refused where they cannot be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from cutpoint.names import FIRST_INCARNATION, CutNumber, ProcessName
from cutpoint.protocol.consistency import Certificate, certify
from cutpoint.protocol.messages import Abandon, CutRefused, InFlight, PartStored, PartSummary, SessionRecord
from cutpoint.store import Part, open_backend
from tests import parts
from tests.agents.ledger import Till, Vault
from tests.agents.rig import Coordinator, until


def proven(parts: dict[str, PartSummary]) -> Certificate:
    """The certificate of a cut of these parts."""
    found = certify(
        cut=next(iter(parts.values())).cut,
        incarnation=next(iter(parts.values())).incarnation,
        members=[ProcessName(name) for name in parts],
        summaries=list(parts.values()),
    )
    assert isinstance(found, Certificate), found
    return found


def stored(store: Path, summary: PartSummary) -> Part:
    return parts.stored(open_backend(str(store)), summary)


async def test_every_cut_of_two_busy_services_is_consistent_and_adds_up(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        till = Till(coordinator.url, vault.url, last=400)
        async with till.agent:
            in_flight = 0
            vault.pause = 0.002
            for _ in range(10):
                await asyncio.sleep(0.03)
                parts = await coordinator.take_cut("till", "vault")
                in_flight += proven(parts).in_flight
                check_money(stored(tmp_path, parts["till"]), stored(tmp_path, parts["vault"]))
                assert all(part.stall_seconds > 0 for part in parts.values())
            vault.pause = 0.0
            await until(lambda: till.done, 20)
            assert vault.sums["till"] == till.total
            assert in_flight > 0


def check_money(till: Part, vault: Part) -> None:
    """What was sent is in the vault or under way; what was confirmed is at the till or under way."""
    import json

    kept = parts.states_of(till) | parts.states_of(vault)
    forth = [m.payload for part in (till, vault) for r in part.sessions for m in way(r, part, "till")]
    back = [m.payload for part in (till, vault) for r in part.sessions for m in way(r, part, "vault")]
    sent = sum(range(kept["sent"] + 1))
    received = kept["sums"].get("till", 0)
    assert received + sum(json.loads(str(p))["amount"] for p in forth) == sent
    assert kept["confirmed"] + sum(json.loads(str(p))["confirmed"] for p in back) == received


def way(record: SessionRecord, part: Part, sender: str) -> tuple[InFlight, ...]:
    """The messages of one session record that ``sender`` had sent."""
    return record.outgoing_in_flight if part.process == sender else record.incoming_in_flight


async def test_a_cut_survives_a_wire_that_is_cut_in_its_middle(tmp_path: Path) -> None:
    from tests.agents.rig import Wire, port_of

    async with (
        Coordinator(str(tmp_path)).serving() as coordinator,
        Vault(coordinator.url).serving() as vault,
        Wire(port_of(vault.url)) as wire,
    ):
        till = Till(coordinator.url, wire.through(vault.url), last=300)
        async with till.agent:
            for _ in range(6):
                await asyncio.sleep(0.02)
                wire.cut()
                parts = await coordinator.take_cut("till", "vault")
                proven(parts)
                check_money(stored(tmp_path, parts["till"]), stored(tmp_path, parts["vault"]))
            await until(lambda: till.done, 20)
            assert vault.sums["till"] == till.total


async def test_an_abandoned_cut_changes_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        till = Till(coordinator.url, vault.url, last=100)
        async with till.agent:
            cut = await coordinator.begin("till", "vault")
            await coordinator.say_all(
                Abandon(incarnation=FIRST_INCARNATION, cut=CutNumber(cut), reason="a test wanted it so")
            )
            proven(await coordinator.take_cut("till", "vault"))
            await until(lambda: till.done, 20)
            assert vault.sums["till"] == till.total


async def test_a_store_that_cannot_be_written_refuses_the_cut_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    async with Coordinator(str(tmp_path / "file" / "store")).serving() as coordinator, Vault(coordinator.url).serving():
        await coordinator.begin("vault")
        await until(lambda: coordinator.heard_from("vault", CutRefused))
        (refused,) = coordinator.heard_from("vault", CutRefused)
        assert refused.reason.startswith("vault could not store its part: ")
        assert "\n" not in refused.reason


async def test_a_store_of_the_agents_own_is_used_instead(tmp_path: Path) -> None:
    async with (
        Coordinator("/nowhere/at/all").serving() as coordinator,
        Vault(coordinator.url, store=str(tmp_path)).serving(),
    ):
        parts = await coordinator.take_cut("vault")
        assert stored(tmp_path, parts["vault"]).process == "vault"


async def test_state_that_cannot_be_captured_refuses_the_cut_by_name(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        vault.sums["socket"] = object()
        await coordinator.begin("vault")
        await until(lambda: coordinator.heard_from("vault", CutRefused))
        assert "state 'sums', key 'socket'" in coordinator.heard_from("vault", CutRefused)[0].reason
        assert vault.agent.statistics().faults == 0


async def test_a_channel_to_an_outsider_refuses_the_cut_by_name(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url).serving() as vault:
        till = Till(coordinator.url, vault.url, last=50)
        async with till.agent:
            await until(lambda: vault.order)
            await coordinator.begin("vault")
            await until(lambda: coordinator.heard_from("vault", CutRefused))
            assert "till~vault:/deposits" in coordinator.heard_from("vault", CutRefused)[0].reason
            cut = coordinator.cut
            await coordinator.say_all(Abandon(incarnation=FIRST_INCARNATION, cut=CutNumber(cut), reason="outsider"))
            await until(lambda: till.done, 20)


async def test_messages_before_the_hello_have_no_number_so_the_cut_is_refused_and_not_wrong(tmp_path: Path) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        vault = Vault(coordinator.url)
        greeted = asyncio.Event()

        async def greet(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
            raw = aiohttp.web.WebSocketResponse()
            await raw.prepare(request)
            _ = vault.agent.wrap(raw).send_str("welcome")
            greeted.set()
            await asyncio.sleep(0.2)
            return raw

        vault._deposits = greet  # type: ignore[method-assign]
        async with vault.serving(), aiohttp.ClientSession() as session, session.ws_connect(vault.url):
            await greeted.wait()
            await coordinator.begin("vault")
            await until(lambda: coordinator.heard_from("vault", CutRefused))
            assert "wait for the Hello" in coordinator.heard_from("vault", CutRefused)[0].reason
            assert not coordinator.heard_from("vault", PartStored)


@pytest.mark.parametrize("pause", [0.0, 0.001])
async def test_cuts_go_on_while_producers_are_held_back(tmp_path: Path, pause: float) -> None:
    async with Coordinator(str(tmp_path)).serving() as coordinator, Vault(coordinator.url, window=8).serving() as vault:
        vault.pause = 0.005
        till = Till(coordinator.url, vault.url, last=200, window=8)
        till.pause = pause
        async with till.agent:
            await until(lambda: vault.order)
            for _ in range(5):
                proven(await coordinator.take_cut("till", "vault"))
            vault.pause = 0.0
            await until(lambda: till.done, 20)
            assert vault.order == list(range(1, 201))
