"""What waits for an agent is bounded, and one message for many is encoded once."""

from __future__ import annotations

import asyncio

from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.coordinator_events import AgentsSaid
from cutpoint.protocol.messages import PartCaptured, Published
from cutpoint_coordinator.hearing import Hearing
from cutpoint_coordinator.links import WAITING_CHARACTERS_MAX, WAITING_MAX, Link, Links

PUBLISHED = Published(incarnation=Incarnation(1), cut=CutNumber(1))


async def test_an_agent_that_does_not_read_is_given_up() -> None:
    link = Link()
    for _ in range(WAITING_MAX):
        link.say("x")
    assert not link.ending
    link.say("x")
    assert link.reason == "the agent does not read what it is told"


async def test_long_messages_that_wait_are_bounded_together_and_one_may_always_wait() -> None:
    link = Link()
    link.say("x" * (WAITING_CHARACTERS_MAX + 1))
    assert not link.ending
    link.say("x")
    assert link.ending
    assert await link.next_text() is not None
    assert await link.next_text() is None


async def test_one_message_for_many_agents_is_in_memory_once() -> None:
    links = Links()
    opened = [links.open(ProcessName(f"p{number}"), Life("x")) for number in range(3)]
    for connection, _ in opened:
        links.say(connection, PUBLISHED)
    first, *others = [await link.next_text() for _, link in opened]
    assert first is not None
    assert all(other is first for other in others)


async def test_the_last_connection_of_a_life_is_found_until_it_is_closed() -> None:
    links, name, life = Links(), ProcessName("p"), Life("x")
    (first, _), (second, _) = links.open(name, life), links.open(name, life)
    assert links.close(first)
    assert links.of(name, life) == second
    assert links.close(second)
    assert links.of(name, life) is None
    assert not links.close(second)


async def test_connections_of_a_life_may_close_in_any_order() -> None:
    """Seed 8945 of the bank: an agent that connected again while its first connection was reset."""
    links, name, life = Links(), ProcessName("p"), Life("x")
    (first, _), (second, _) = links.open(name, life), links.open(name, life)
    assert links.close(second)
    assert links.of(name, life) is None
    assert links.close(first)
    assert not links.close(first)


async def test_what_is_said_in_one_turn_is_heard_at_once_and_in_order() -> None:
    heard: list[AgentsSaid] = []
    hearing = Hearing(heard.append)
    for connection in (3, 1, 2):
        hearing.said(connection, PartCaptured(cut=CutNumber(1)))
    await asyncio.sleep(0)
    assert [[said.connection for said in event.said] for event in heard] == [[3, 1, 2]]
    assert hearing.take() is None
