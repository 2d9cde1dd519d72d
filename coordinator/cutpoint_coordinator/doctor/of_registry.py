"""A registry as this machine reaches it: whether it answers, how fast, who leads, what it holds; etcd's members."""

from __future__ import annotations

import time

from cutpoint.errors import CutpointError, RegistryError
from cutpoint.registry import Registry
from cutpoint_coordinator.doctor.finding import Finding, bad, ok, warn
from cutpoint_coordinator.registry import open_registry

SLOW_SECONDS = 0.2
RECORDS_MANY = 20_000
SPACE_BYTES = 1_500_000_000
"""From how large on etcd's database is near its own limit, which is 2 GiB unless it was told otherwise."""

_PATIENCE_SECONDS = 5.0


async def examine_registry(url: str, *, prefix: str) -> list[Finding]:
    """Look at the registry at ``url``, changing nothing. ``prefix``: where the computation's keys are."""
    members = _members(url) if url.startswith("etcd://") else []
    try:
        registry = await open_registry(url, prefix=prefix, patience_seconds=_PATIENCE_SECONDS)
    except CutpointError as error:
        means = "no cut is published and no recovery decided until it answers; services run on, nothing is lost"
        return [*members, bad("registry", str(error), means, "start it, or correct --registry")]
    try:
        return [*members, *await _answers(registry)]
    finally:
        await registry.close()


async def _answers(registry: Registry) -> list[Finding]:
    try:
        began = time.perf_counter()
        leader = await registry.leader()
        seconds = time.perf_counter() - began
        records = await registry.scan("")
    except RegistryError as error:
        return [bad("registry", str(error), "no cut is published until it answers", "look at its own log")]
    findings = [ok("registry", f"answers; {leader.candidate} leads" if leader else "answers; nobody leads now")]
    if leader is None:
        means = "no coordinator has the lease: no cut is taken"
        findings[0] = warn("registry", "answers; nobody leads", means, "start a coordinator")
    took = f"a read takes {seconds * 1000:.1f} ms"
    if seconds >= SLOW_SECONDS:
        means = "every cut waits for two writes, and a lease that is renewed late is lost"
        findings.append(warn("registry's speed", took, means, "give etcd a disk of its own, near its members"))
    else:
        findings.append(ok("registry's speed", took))
    stored = sum(len(record.value) for record in records)
    held = f"{len(records)} records, {stored / 1024:.0f} KiB"
    if len(records) >= RECORDS_MANY:
        means = "a new leader reads them all before it leads"
        findings.append(warn("registry's records", held, means, "keep fewer recovery points: --keep"))
    else:
        findings.append(ok("registry's records", held))
    return findings


def _members(url: str) -> list[Finding]:
    """Each endpoint by itself: the others would hide that one is gone. Blocks, a second each at most."""
    from cutpoint_coordinator.registry.etcd_status import alarms, status
    from cutpoint_coordinator.registry.locate import credentials_of, parse_etcd_url

    endpoints, settings = parse_etcd_url(url)
    findings = []
    for host, port in endpoints:
        subject = f"etcd {host}:{port}"
        try:
            member = status((host, port), credentials_of(settings))
            raised = alarms((host, port), credentials_of(settings))
        except RegistryError as error:
            means = "the cluster goes on while most members answer; one more may be too many"
            findings.append(bad(subject, str(error), means, "start that member again, or take it out of the URL"))
            continue
        found = f"version {member.version}, {member.bytes / 1_048_576:.1f} MiB"
        if raised:
            means = "etcd refuses writes while an alarm stands: no cut can be published"
            remedy = "compact and defragment it, then `etcdctl alarm disarm`"
            findings.append(bad(subject, f"{found}; alarms: {', '.join(raised)}", means, remedy))
        elif member.bytes >= SPACE_BYTES:
            means = "at its limit (2 GiB unless it was told otherwise) it takes no more writes"
            findings.append(warn(subject, found, means, "compact and defragment it, or raise its quota"))
        else:
            findings.append(ok(subject, found))
    return findings
