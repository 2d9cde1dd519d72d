"""The policy against what really happens: what it asks for and cannot have, or would rather not."""

from __future__ import annotations

from cutpoint.policy import Policy, read_document
from cutpoint.store.retention import Policy as Kept
from cutpoint_coordinator.answers import HistoryAnswer, TopologyAnswer
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.doctor.finding import Finding, ok, warn
from cutpoint_coordinator.history.figures import quantile

CUTS_MIN = 5
"""Of fewer published cuts nothing is concluded."""

CUTS_LOOKED_AT = 500

ROOM = 0.8
"""How much of its deadline a cut may use up, in a hundred all but one."""


async def examine_policy(client: CoordinatorClient, topology: TopologyAnswer) -> list[Finding]:
    """Look at the policy in force."""
    declared = read_document((await client.policy()).policy)
    findings = contradictions(declared, await client.history(limit=CUTS_LOOKED_AT), topology)
    return findings or [ok("policy", "nothing in it contradicts what happens")]


def contradictions(policy: Policy, history: HistoryAnswer, topology: TopologyAnswer) -> list[Finding]:
    """Everything in ``policy`` that does not go together with what happened."""
    return [*_times(policy, history), *_retention(policy), *_services(policy, topology)]


def _times(policy: Policy, history: HistoryAnswer) -> list[Finding]:
    cuts, findings = policy.cuts, list[Finding]()
    lasted = sorted(record.story.seconds for record in history.cuts if record.story.published)
    usual, longest = quantile(lasted, 0.5) or 0.0, quantile(lasted, 0.99) or 0.0
    known = len(lasted) >= CUTS_MIN
    if known and 0 < cuts.interval_seconds < usual:
        found = f"cuts.interval is {cuts.interval_seconds:g} s, and a cut takes {usual:.3g} s (median)"
        means = "most of the time a cut is open: what cuts cost is paid all the time"
        findings.append(warn("policy", found, means, "a longer interval, or find what makes cuts slow"))
    if known and longest > ROOM * cuts.deadline_seconds:
        found = f"cuts.deadline is {cuts.deadline_seconds:g} s, and one cut in a hundred takes {longest:.3g} s or more"
        means = "cuts that are a little slower than usual are abandoned"
        findings.append(warn("policy", found, means, "a longer deadline, or `cutpoint history` says what is slow"))
    late = history.figures.causes.get("deadline", 0)
    if late and late > history.figures.published:
        published = history.figures.published
        found = f"cuts.deadline is {cuts.deadline_seconds:g} s: {late} cuts passed it, {published} were published"
        means = "hardly any cut is published, so a recovery goes far back"
        findings.append(warn("policy", found, means, "see who holds cuts up: `cutpoint history`; or a longer deadline"))
    stale = policy.alerts.stale_after_seconds
    if 0 < stale < cuts.interval_seconds + usual:
        every = cuts.interval_seconds + usual
        found = f"alerts.stale_after is {stale:g} s, and a recovery point comes every {every:.3g} s"
        means = "a recovery point is older than that before the next one can be there"
        findings.append(warn("policy", found, means, "a longer alerts.stale_after, or a shorter cuts.interval"))
    return findings


def _retention(policy: Policy) -> list[Finding]:
    keep = policy.retention.parsed()
    if keep is None or keep.labels or _most(keep) > 1:
        return []
    means = "if its parts are damaged there is none before it to go back to"
    return [warn("policy", f"retention.keep is {policy.retention.keep!r}", means, "keep two or more, such as last 3")]


def _most(keep: Kept) -> int:
    return max(keep.last, keep.hourly, keep.daily, keep.weekly, keep.monthly, keep.yearly)


def _services(policy: Policy, topology: TopologyAnswer) -> list[Finding]:
    there = {member.process: None for member in topology.members}
    unknown = [name for name in policy.services if name not in there]
    if not unknown:
        return []
    told = ", ".join(unknown[:10]) + (f" and {len(unknown) - 10} more" if len(unknown) > 10 else "")
    means = "no process of such a name belongs to the computation; one that is called otherwise has no owner"
    found = f"it declares services that are not there: {told}"
    return [warn("policy", found, means, "correct the names, or start them")]
