"""What every registry has to do, as claims that can be run against any implementation.

`CLAIMS` are coroutine functions; each takes a fresh, empty registry (`RegistryUnderTest`), raises `AssertionError`
if the claim does not hold, and takes a few seconds at most. With pytest::

    @pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
    async def test_registry(claim): await claim(MyRegistryUnderTest())

The suite knows the interface only. What is special to one implementation (files, processes, networks) is tested
beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from cutpoint.errors import Fenced
from cutpoint.registry import Committed, Conflict, Leader, Leadership, Record, Registry, Transaction

TTL_SECONDS = 1.0
_SOON_SECONDS = 15.0
_ADDRESS = "http://127.0.0.1:7420"


class RegistryUnderTest(Protocol):
    """One registry, empty at first, and two ways to act on it from outside.

    ``ttl_seconds``: how long leases last: longer than the registry may be without an answer while the suite runs.
    """

    @property
    def ttl_seconds(self) -> float:
        """`TTL_SECONDS` where nothing goes wrong on purpose."""

    async def connect(self) -> Registry:
        """A registry object as another coordinator would have it. Whoever provides this closes them all."""

    async def vanish(self, leadership: Leadership) -> None:
        """End ``leadership`` without its holder's doing: its process has died, or its lease was revoked."""


Claim = Callable[[RegistryUnderTest], Awaitable[None]]


def require(condition: bool, complaint: str) -> None:
    """Raise `AssertionError` with ``complaint`` unless ``condition`` holds."""
    if not condition:
        raise AssertionError(complaint)


def require_equal(found: object, expected: object) -> None:
    """Raise `AssertionError` unless both are equal."""
    require(found == expected, f"expected {expected!r}, found {found!r}")


async def lead(registry: Registry, candidate: str = "first", *, ttl_seconds: float = TTL_SECONDS) -> Leadership:
    """Campaign and expect to lead soon."""
    campaign = registry.campaign(candidate, ttl_seconds=ttl_seconds, address=_ADDRESS)
    return await asyncio.wait_for(campaign, _SOON_SECONDS + ttl_seconds)


async def commit(registry: Registry, leadership: Leadership, transaction: Transaction) -> int:
    """Commit and expect it to be applied; returns the revision."""
    outcome = await registry.commit(leadership, transaction)
    if not isinstance(outcome, Committed):
        raise AssertionError(f"expected a commit, found {outcome!r}")
    return outcome.revision


async def expect_fenced(registry: Registry, leadership: Leadership, transaction: Transaction) -> None:
    """Commit and expect to be refused because the leadership has ended."""
    try:
        outcome = await registry.commit(leadership, transaction)
    except Fenced:
        return
    raise AssertionError(f"expected Fenced, found {outcome!r}")


async def a_commit_is_read_back_by_everybody_with_its_revision(subject: RegistryUnderTest) -> None:
    """Puts are visible to others at once, and carry the revision that the commit returned."""
    ours, others = await subject.connect(), await subject.connect()
    leadership = await lead(ours, ttl_seconds=subject.ttl_seconds)
    revision = await commit(ours, leadership, Transaction(request="r1", puts=(("a/1", b"one"), ("a/2", b"\x00\xff"))))
    require_equal(await others.read("a/1"), Record(key="a/1", value=b"one", revision=revision))
    require_equal(await others.read("a/2"), Record(key="a/2", value=b"\x00\xff", revision=revision))
    require_equal(await others.read("a/3"), None)
    later = await commit(ours, leadership, Transaction(request="r2", puts=(("a/1", b"two"),), deletes=("a/2",)))
    require(later > revision, "revisions must grow")
    require_equal(await others.scan(""), (Record(key="a/1", value=b"two", revision=later),))


async def a_scan_is_ascending_and_keeps_to_its_prefix(subject: RegistryUnderTest) -> None:
    """Keys come in the order of their code points, and only those that start with the prefix."""
    registry = await subject.connect()
    leadership = await lead(registry, ttl_seconds=subject.ttl_seconds)
    keys = ("b/2", "b/10", "a/9", "b", "c/1", "b/é", "b/\U0001f6eb", "b0")
    await commit(registry, leadership, Transaction(request="r", puts=tuple((key, key.encode()) for key in keys)))
    require_equal([record.key for record in await registry.scan("b/")], ["b/10", "b/2", "b/é", "b/\U0001f6eb"])
    require_equal([record.key for record in await registry.scan("")], sorted(keys))
    require_equal(await registry.scan("nothing"), ())


async def an_expectation_that_fails_writes_nothing_and_names_the_key(subject: RegistryUnderTest) -> None:
    """A `Conflict` names the first key whose revision is another; no part of the transaction is applied."""
    registry = await subject.connect()
    leadership = await lead(registry, ttl_seconds=subject.ttl_seconds)
    first = Transaction(request="r1", puts=(("x", b"1"),), expected=(("x", 0),))
    revision = await commit(registry, leadership, first)
    for number, expected in enumerate(((("x", 0),), (("y", 0), ("x", revision + 1)), (("x", revision), ("y", 7)))):
        conflicting = Transaction(
            request=f"c{number}", puts=(("x", b"2"), ("y", b"2")), deletes=("z",), expected=expected
        )
        named = next(key for key, wanted in expected if wanted != {"x": revision, "y": 0}[key])
        require_equal(await registry.commit(leadership, conflicting), Conflict(key=named))
    require_equal(await registry.scan(""), (Record(key="x", value=b"1", revision=revision),))
    await commit(registry, leadership, Transaction(request="r2", deletes=("x",), expected=(("x", revision), ("y", 0))))
    require_equal(await registry.scan(""), ())


async def a_transaction_given_again_is_applied_once(subject: RegistryUnderTest) -> None:
    """The same request answers with the same revision, even after others, and changes nothing more."""
    registry = await subject.connect()
    leadership = await lead(registry, ttl_seconds=subject.ttl_seconds)
    once = Transaction(request="once", puts=(("x", b"1"),), expected=(("x", 0),))
    revision = await commit(registry, leadership, once)
    require_equal(await commit(registry, leadership, once), revision)
    later = await commit(registry, leadership, Transaction(request="next", puts=(("x", b"2"),)))
    require_equal(await commit(registry, leadership, once), revision)
    require_equal(await registry.read("x"), Record(key="x", value=b"2", revision=later))


async def commits_given_together_are_all_applied_in_turn(subject: RegistryUnderTest) -> None:
    """One leader's commits may be started at the same time; each gets a revision of its own."""
    registry = await subject.connect()
    leadership = await lead(registry, ttl_seconds=subject.ttl_seconds)
    transactions = [Transaction(request=f"r{n}", puts=((f"k/{n:02}", b"v"), ("last", b"%d" % n))) for n in range(20)]
    revisions = await asyncio.gather(*(commit(registry, leadership, each) for each in transactions))
    require_equal(len(dict.fromkeys(revisions)), 20)
    found = {record.key: record.revision for record in await registry.scan("k/")}
    require_equal(found, {f"k/{n:02}": revision for n, revision in enumerate(revisions)})


async def one_of_two_campaigners_leads_and_the_other_follows_it(subject: RegistryUnderTest) -> None:
    """Never two at a time; a resignation lets the other in, with a higher fence."""
    registries = (await subject.connect(), await subject.connect())
    campaigns = [
        asyncio.ensure_future(lead(each, f"c{n}", ttl_seconds=subject.ttl_seconds)) for n, each in enumerate(registries)
    ]
    done, _ = await asyncio.wait(campaigns, timeout=_SOON_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    require_equal(len(done), 1)
    winner = 0 if campaigns[0].done() else 1
    first = campaigns[winner].result()
    require_equal(first.candidate, f"c{winner}")
    require_equal(await registries[1 - winner].leader(), Leader(f"c{winner}", _ADDRESS))
    await asyncio.sleep(0.5)
    require(not campaigns[1 - winner].done(), "two candidates lead at a time")
    await registries[winner].resign(first)
    second = await asyncio.wait_for(campaigns[1 - winner], _SOON_SECONDS)
    require(second.fence > first.fence, f"the fence must grow, found {first.fence} and then {second.fence}")
    require_equal(await registries[winner].leader(), Leader(f"c{1 - winner}", _ADDRESS))
    await registries[winner].resign(first)
    require_equal(await registries[winner].leader(), Leader(f"c{1 - winner}", _ADDRESS))


async def a_former_leader_is_fenced_and_changes_nothing(subject: RegistryUnderTest) -> None:
    """After a takeover the old leadership can commit nothing, not even to keys that nobody else has touched."""
    ours, theirs = await subject.connect(), await subject.connect()
    old = await lead(ours, "old", ttl_seconds=subject.ttl_seconds)
    revision = await commit(ours, old, Transaction(request="r1", puts=(("x", b"old"),)))
    waiting = asyncio.ensure_future(lead(theirs, "new", ttl_seconds=subject.ttl_seconds))
    await subject.vanish(old)
    new = await waiting
    require(new.fence > old.fence, "the fence must grow")
    await expect_fenced(ours, old, Transaction(request="r2", puts=(("x", b"late"), ("y", b"late")), deletes=("z",)))
    require_equal(await theirs.scan(""), (Record(key="x", value=b"old", revision=revision),))
    require_equal(bool(await asyncio.wait_for(ours.lost(old), _SOON_SECONDS)), True)
    after = await commit(theirs, new, Transaction(request="r3", puts=(("x", b"new"),), expected=(("x", revision),)))
    require_equal(await ours.read("x"), Record(key="x", value=b"new", revision=after))


async def a_leader_that_lost_is_told_and_may_lead_again(subject: RegistryUnderTest) -> None:
    """`lost` waits while the leadership stands, returns when it does not, and is no obstacle to the next campaign."""
    registry = await subject.connect()
    require_equal(await registry.leader(), None)
    first = await lead(registry, ttl_seconds=subject.ttl_seconds)
    loss = asyncio.ensure_future(registry.lost(first))
    await asyncio.sleep(1.5 * subject.ttl_seconds)
    require(not loss.done(), "a leadership was reported lost while it was kept up")
    await subject.vanish(first)
    require(bool(await asyncio.wait_for(loss, _SOON_SECONDS)), "a loss needs a reason")
    second = await lead(registry, ttl_seconds=subject.ttl_seconds)
    require(second.fence > first.fence, "the fence must grow")
    await expect_fenced(registry, first, Transaction(request="r1", puts=(("x", b"1"),)))
    await commit(registry, second, Transaction(request="r2", puts=(("x", b"2"),)))


async def nobody_commits_after_resigning(subject: RegistryUnderTest) -> None:
    """A resigned leadership is fenced even if nobody has followed it."""
    registry = await subject.connect()
    leadership = await lead(registry, ttl_seconds=subject.ttl_seconds)
    await registry.resign(leadership)
    require_equal(await registry.leader(), None)
    require(bool(await asyncio.wait_for(registry.lost(leadership), _SOON_SECONDS)), "a resignation ends the leadership")
    await expect_fenced(registry, leadership, Transaction(request="r", puts=(("x", b"1"),)))
    require_equal(await registry.read("x"), None)


async def a_withdrawn_campaign_never_leads(subject: RegistryUnderTest) -> None:
    """Cancelling a campaign leaves the place to others, whenever it comes."""
    ours, theirs = await subject.connect(), await subject.connect()
    leadership = await lead(ours, ttl_seconds=subject.ttl_seconds)
    campaign = asyncio.ensure_future(lead(theirs, "withdrawn", ttl_seconds=subject.ttl_seconds))
    await asyncio.sleep(0.3)
    campaign.cancel()
    await asyncio.wait((campaign,))
    await ours.resign(leadership)
    require_equal((await lead(ours, "again", ttl_seconds=subject.ttl_seconds)).candidate, "again")


async def records_outlive_the_leadership_that_wrote_them(subject: RegistryUnderTest) -> None:
    """The next leader reads what the last one committed, and its expectations still hold."""
    ours, theirs = await subject.connect(), await subject.connect()
    first = await lead(ours, ttl_seconds=subject.ttl_seconds)
    revision = await commit(ours, first, Transaction(request="r1", puts=(("x", b"1"),)))
    await ours.resign(first)
    second = await lead(theirs, "second", ttl_seconds=subject.ttl_seconds)
    await commit(theirs, second, Transaction(request="r2", puts=(("x", b"2"),), expected=(("x", revision),)))


async def a_leader_that_is_dismissed_is_fenced_and_another_one_leads(subject: RegistryUnderTest) -> None:
    """Dismissing it ends its leadership at once; dismissing somebody who does not lead ends nobody's."""
    ours, theirs = await subject.connect(), await subject.connect()
    first = await lead(ours, ttl_seconds=subject.ttl_seconds)
    for stranger in (Leader("second", _ADDRESS), Leader("first", "http://elsewhere:1")):
        await theirs.dismiss(stranger)
    await commit(ours, first, Transaction(request="r1", puts=(("x", b"1"),)))
    await theirs.dismiss(Leader("first", _ADDRESS))
    await expect_fenced(ours, first, Transaction(request="r2", puts=(("x", b"2"),)))
    second = await lead(theirs, "second", ttl_seconds=subject.ttl_seconds)
    require(second.fence > first.fence, "the fence must grow")
    require(bool(await asyncio.wait_for(ours.lost(first), _SOON_SECONDS)), "a dismissal ends the leadership")
    await theirs.dismiss(Leader("first", _ADDRESS))
    await commit(theirs, second, Transaction(request="r3", puts=(("x", b"3"),)))


async def who_follows_learns_at_once_who_leads_and_that_nobody_does(subject: RegistryUnderTest) -> None:
    """A wait for a change ends when it has happened, not before, and at once if it happened earlier."""
    ours, theirs = await subject.connect(), await subject.connect()
    leader = Leader("first", _ADDRESS)
    seen = asyncio.ensure_future(theirs.wait_leader_change(None))
    await asyncio.sleep(0.3)
    require(not seen.done(), "a change was told that there was not")
    first = await lead(ours, ttl_seconds=subject.ttl_seconds)
    require_equal(await asyncio.wait_for(seen, _SOON_SECONDS), leader)
    require_equal(await asyncio.wait_for(theirs.wait_leader_change(None), _SOON_SECONDS), leader)
    seen = asyncio.ensure_future(theirs.wait_leader_change(leader))
    await asyncio.sleep(0.3)
    require(not seen.done(), "a change was told that there was not")
    await subject.vanish(first)
    require_equal(await asyncio.wait_for(seen, _SOON_SECONDS), None)
    seen = asyncio.ensure_future(theirs.wait_leader_change(None))
    await lead(ours, "second", ttl_seconds=subject.ttl_seconds)
    require_equal(await asyncio.wait_for(seen, _SOON_SECONDS), Leader("second", _ADDRESS))


async def a_wait_for_a_change_can_be_given_up(subject: RegistryUnderTest) -> None:
    """Cancelling it leaves nothing behind; others who wait are not disturbed."""
    ours, theirs = await subject.connect(), await subject.connect()
    waits = [asyncio.ensure_future(theirs.wait_leader_change(None)) for _ in range(2)]
    await asyncio.sleep(0.1)
    waits[0].cancel()
    await asyncio.wait(waits[:1])
    require(waits[0].cancelled(), "a wait that was cancelled goes on")
    await lead(ours, ttl_seconds=subject.ttl_seconds)
    require_equal(await asyncio.wait_for(waits[1], _SOON_SECONDS), Leader("first", _ADDRESS))


CLAIMS: Final[tuple[Claim, ...]] = (
    a_commit_is_read_back_by_everybody_with_its_revision,
    a_scan_is_ascending_and_keeps_to_its_prefix,
    an_expectation_that_fails_writes_nothing_and_names_the_key,
    a_transaction_given_again_is_applied_once,
    commits_given_together_are_all_applied_in_turn,
    one_of_two_campaigners_leads_and_the_other_follows_it,
    a_former_leader_is_fenced_and_changes_nothing,
    a_leader_that_lost_is_told_and_may_lead_again,
    nobody_commits_after_resigning,
    a_withdrawn_campaign_never_leads,
    records_outlive_the_leadership_that_wrote_them,
    a_leader_that_is_dismissed_is_fenced_and_another_one_leads,
    who_follows_learns_at_once_who_leads_and_that_nobody_does,
    a_wait_for_a_change_can_be_given_up,
)
