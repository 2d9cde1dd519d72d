"""Everything that can be looked at from here, one after the other."""

from __future__ import annotations

import asyncio
import sys

from cutpoint.errors import CutpointError
from cutpoint.store import KeyRing, open_backend
from cutpoint_coordinator.doctor.finding import Examination, Finding, bad, ok, warn, worst
from cutpoint_coordinator.doctor.of_coordinator import examine_coordinator
from cutpoint_coordinator.doctor.of_registry import examine_registry
from cutpoint_coordinator.doctor.of_store import examine_store
from cutpoint_coordinator.doctor.reach import Reach


async def examine(
    *,
    coordinator: Reach,
    registry: str | None,
    store: str | None,
    computation: str,
    keys: KeyRing | None,
    test_alarms: bool = False,
) -> Examination:
    """Look at the coordinator, and at the registry and the store that are named. Raises `ConfigurationError`.

    ``test_alarms``: send an alert of the kind ``test`` to every webhook.
    Without ``store``, the one that the coordinator names is looked at if it can be opened from here.
    """
    findings = [ok("python", sys.version.split()[0])]
    found, topology = await examine_coordinator(coordinator, test_alarms=test_alarms)
    findings += found
    if registry is not None:
        findings += await examine_registry(registry, prefix=f"/cutpoint/{computation}/")
    url = store or (topology.store if topology is not None else None)
    if url is not None:
        findings += await _store(url)
    if keys is not None:
        findings.append(_keys(keys))
    return Examination(verdict=worst(findings), findings=tuple(findings))


async def _store(url: str) -> list[Finding]:
    try:
        backend = open_backend(url)
    except CutpointError as error:
        return [bad("store", str(error), "it could not be looked at from here", "correct --store")]
    return await asyncio.to_thread(examine_store, backend)


def _keys(keys: KeyRing) -> Finding:
    if keys.signing:
        return ok("keys", "they can be read, and sign")
    means = "a coordinator that is given these cannot publish; services can restore with them"
    return warn("keys", "they only verify", means, "give the coordinator the file that `cutpoint keys generate` made")
