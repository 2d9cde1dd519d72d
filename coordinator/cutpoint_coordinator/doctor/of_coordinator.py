"""A coordinator as it answers: whether it leads, its version and clock, what it says of agents and upkeep."""

from __future__ import annotations

import time
from importlib.metadata import version

import aiohttp
import msgspec

from cutpoint.errors import CutpointError
from cutpoint_coordinator.answers import HealthAnswer, HistoryAnswer, TopologyAnswer
from cutpoint_coordinator.client import Declined
from cutpoint_coordinator.doctor.finding import Finding, bad, ok, warn
from cutpoint_coordinator.doctor.of_access import certificate_refused, examine_certificate, examine_tokens
from cutpoint_coordinator.doctor.of_alarms import examine_alarms
from cutpoint_coordinator.doctor.of_policy import examine_policy
from cutpoint_coordinator.doctor.reach import Reach

SKEW_SECONDS = 2.0
"""From how much on clocks differ: HTTP tells whole seconds."""

SKEW_SECONDS_BAD = 60.0


async def examine_coordinator(
    reach: Reach, *, test_alarms: bool = False
) -> tuple[list[Finding], TopologyAnswer | None]:
    """Look at the coordinator there. Its topology, if it has told that. Raises `ConfigurationError`.

    ``test_alarms``: send an alert of the kind ``test`` to every webhook.
    """
    try:
        health, date = await reach.health()
    except aiohttp.ClientSSLError as error:
        return [certificate_refused(error)], None
    except (aiohttp.ClientError, OSError, TimeoutError, msgspec.MsgspecError, ValueError) as error:
        what = " ".join(str(error).split()) or type(error).__name__
        nobody = "no cut is taken and nobody recovers while no coordinator leads; services run on"
        return [
            bad("coordinator", f"nobody answers at {reach.url} ({what})", nobody, "start it, or correct --coordinator")
        ], None
    findings = [_leading(health), _version(health), skew("clock of the coordinator", date - time.time())]
    findings += await examine_certificate(reach)
    if not health.leader:
        return findings, None
    try:
        async with reach.client() as client:
            topology, history = await client.topology(), await client.history(limit=0)
            declared = await examine_policy(client, topology)
            administered = [*await examine_tokens(client), *await examine_alarms(client, test=test_alarms)]
    except CutpointError as error:
        let_in = not isinstance(error, Declined) or error.code not in ("unauthorized", "forbidden")
        remedy = "ask the leader" if let_in else "show a token that may look: --token-file"
        findings.append(bad("leader", str(error), "what only the leader knows could not be looked at", remedy))
        return findings, None
    findings += [*_agents(topology), *_points(topology, history), *_upkeep(topology), *declared, *administered]
    return findings, topology


def skew(subject: str, seconds: float) -> Finding:
    """A clock that is ``seconds`` ahead of this machine's."""
    if abs(seconds) < SKEW_SECONDS:
        return ok(subject, f"differs from this machine's by less than {SKEW_SECONDS:g} s")
    found = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"
    means = (
        "nothing depends on it but what people read: times in the history, ages of recovery points, retention by hours"
    )
    judge = bad if abs(seconds) >= SKEW_SECONDS_BAD else warn
    return judge(subject, found, means, "set both clocks by NTP")


def _leading(health: HealthAnswer) -> Finding:
    if health.state == "leading" or health.leader:
        return ok("coordinator", f"{health.coordinator} is {health.state}; {health.leader} leads")
    means = "the leader has gone, or the registry does not answer: no cut is taken meanwhile; services run on"
    return bad("coordinator", f"{health.coordinator} is {health.state}; nobody leads", means, "look at the registry")


def _version(health: HealthAnswer) -> Finding:
    ours = version("cutpoint")
    theirs = health.version or "an older one"
    if ours == theirs:
        return ok("version", f"the coordinator and this command are both {ours}")
    means = "answers may lack what this command asks for; nothing is lost"
    return warn(
        "version", f"the coordinator is {theirs}, this command {ours}", means, "install the same version at both ends"
    )


def _agents(topology: TopologyAnswer) -> list[Finding]:
    gone = [member.process for member in topology.members if member.state == "member" and not member.connected]
    idle = [f"{m.process} ({m.waits_for})" for m in topology.members if m.connected and not m.running and m.waits_for]
    findings = []
    if gone:
        means = "their state belongs to every cut, so none is opened until they are back"
        remedy = "start them again, or `cutpoint release NAME` for each that will not come back"
        findings.append(bad("agents", f"not connected: {', '.join(gone[:10])}", means, remedy))
    if idle:
        means = "they are connected and do not run"
        findings.append(warn("agents", f"waiting: {'; '.join(idle[:10])}", means, "see `cutpoint topology`"))
    if (under_way := topology.recovery) is not None and under_way.waits_for:
        means = "everybody stands still until the recovery is over"
        remedy = "start what is missing, or `cutpoint release NAME` what will not come back"
        findings.append(bad("recovery", f"it waits for: {'; '.join(under_way.waits_for[:10])}", means, remedy))
    if topology.hold:
        findings.append(bad("recovery", topology.hold, "everybody waits", "do what it says"))
    if not findings:
        members = sum(member.state == "member" for member in topology.members)
        findings.append(ok("agents", f"{members} processes, all connected"))
    return findings


def _points(topology: TopologyAnswer, history: HistoryAnswer) -> list[Finding]:
    told, budget = history.figures, history.figures.budget
    if not topology.last_cut:
        means = "a recovery would begin anew"
        return [warn("recovery points", "no cut was ever taken", means, "`cutpoint cut`, or --interval")]
    if budget.left <= 0:
        means = f"more cuts failed than an objective of {budget.objective:.2%} allows; causes: {told.causes}"
        found = f"{told.published} of {told.published + told.failed} cuts were published"
        return [warn("error budget", found, means, "`cutpoint history` names who held the cuts up")]
    return [ok("error budget", f"{budget.left:.0%} left; {told.published} published, {told.failed} failed")]


def _upkeep(topology: TopologyAnswer) -> list[Finding]:
    findings = []
    collection, replica = topology.collection, topology.replica
    if collection is not None and collection.last is not None and collection.last.failed:
        means = "what nobody needs any more stays in the store; nothing is lost"
        findings.append(warn("collection", collection.last.failed, means, "correct what it names; it is tried again"))
    if replica is not None and (replica.failure or replica.complaints):
        found = replica.failure or "; ".join(replica.complaints)
        means = f"{replica.lag_points} recovery points would be lost with the store"
        findings.append(bad("replica", found, means, "correct what it names; it is tried again"))
    elif replica is not None:
        findings.append(ok("replica", f"{replica.lag_points} recovery points behind"))
    return findings
