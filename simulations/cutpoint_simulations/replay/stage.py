"""A simulated cluster that goes back to a recorded recovery point by itself, as a real one does after a loss.

The store is on the simulated disk and the registry knows the recovery point and its members, but every process is a new
life: the real coordinator notices that they have lost their memory, and its ordinary recovery restores them. Nothing
here reads a state or a message.
"""

from __future__ import annotations

import dataclasses
from urllib.parse import urlsplit

from cutpoint.errors import ConfigurationError, CutpointError, RecoveryFailed
from cutpoint.names import ProcessName
from cutpoint.protocol.ledger import Computation, LedgerRecord, Member, Members, encode, key_of
from cutpoint.registry import Transaction
from cutpoint_coordinator.answers import TopologyAnswer
from cutpoint_coordinator.publishing import point_of
from cutpoint_coordinator.settings import Settings
from cutpoint_simulations.chronicle import Watch
from cutpoint_simulations.cluster import STORE, Cluster, settings
from cutpoint_simulations.disk import PREFIX
from cutpoint_simulations.replay.point import RecordedPoint

RESTORE_SECONDS = 30.0
"""How long a recovery may take in virtual time before somebody is missing or does not fit."""

_RECOVERED = "recoveries/"
_CANDIDATE = "what was there before"


def coordinator_settings(point: RecordedPoint, interval_seconds: float | None) -> Settings:
    """Those of a coordinator for the point's computation; it takes cuts by itself only if there is an interval."""
    usual = settings(interval_seconds=interval_seconds)
    return dataclasses.replace(usual, computation=point.manifest.computation)


def furnish(cluster: Cluster, point: RecordedPoint) -> None:
    """Put the recovery point on the disk and into the registry, before anything is started."""
    simulation = cluster.simulation
    folder = urlsplit(STORE).path.removeprefix(PREFIX)
    disk = simulation.disk("machine")
    for name, data in point.objects.items():
        disk.put(f"{folder}/{name}", data)
    cluster.operator.start()
    simulation.complete(_write(cluster, _records(point)), on=cluster.operator)


def _records(point: RecordedPoint) -> tuple[LedgerRecord, ...]:
    """The registry's records as they were when the cut had just been published, and nobody had come or gone since."""
    manifest = point.manifest
    members = {
        part.process: Member(life=part.life, state="released" if part.process in manifest.left else "member")
        for part in sorted(point.parts, key=lambda part: part.process)
    }
    computation = Computation(
        name=manifest.computation,
        incarnation=manifest.incarnation,
        last_cut=manifest.cut,
        base=manifest.cut,
        request=_CANDIDATE,
    )
    return computation, Members(members=members, request=_CANDIDATE), point_of(manifest)


async def _write(cluster: Cluster, records: tuple[LedgerRecord, ...]) -> None:
    registry = cluster.registry.memory
    leadership = await registry.campaign(_CANDIDATE, ttl_seconds=1.0, address="")
    puts = tuple((key_of(record), encode(record)) for record in records)
    await registry.commit(leadership, Transaction(request=_CANDIDATE, puts=puts))
    await registry.resign(leadership)


class Restoring:
    """Notices in the registry that the recovery is complete."""

    def __init__(self, cluster: Cluster) -> None:
        self.complete = False
        cluster.registry.committed.append(self._committed)

    def _committed(self, _at: float, transaction: Transaction) -> None:
        self.complete = self.complete or any(key.startswith(_RECOVERED) for key, _ in transaction.puts)


def restore(cluster: Cluster, point: RecordedPoint, watch: Watch, app: str) -> None:
    """Start everything and wait until everybody runs on from the recovery point.

    Raises `CutpointError` that says who cannot, why, and what to do.
    """
    simulation, restoring = cluster.simulation, Restoring(cluster)
    cluster.start()
    if simulation.run(until=simulation.agenda.now + RESTORE_SECONDS, stop=lambda: restoring.complete):
        return
    if simulation.unhandled:
        first = simulation.unhandled[0]
        raise ConfigurationError(
            f"{point.title} was not restored: {first.host} of {app} failed at its start ({first.message}: "
            f"{type(first.error).__name__}: {first.error}); the store was not changed; mend the service"
        )
    lives = watch.phases()
    demanded = point_of(point.manifest).demanded
    if undeclared := [name for name in demanded if name not in lives]:
        raise _undeclared(point, undeclared, app)
    raise _not_restored(point, cluster)


def _undeclared(point: RecordedPoint, names: list[ProcessName], app: str) -> ConfigurationError:
    return ConfigurationError(
        f"{point.title} needs {', '.join(names)}, and {app} starts no process of {_such(names)}; the store was not "
        "changed; declare what is missing, with the name that its Agent was given when the cut was recorded"
    )


def _such(names: list[ProcessName]) -> str:
    return "that name" if len(names) == 1 else "those names"


def _not_restored(point: RecordedPoint, cluster: Cluster) -> CutpointError:
    """What the coordinator says of the recovery that does not end."""
    try:
        topology = cluster.ask(lambda client: client.topology())
    except (CutpointError, TimeoutError) as error:
        return RecoveryFailed(f"{point.title} was not restored, and the coordinator does not say why: {error}")
    what = "; ".join(topology.recovery.waits_for) if topology.recovery is not None else topology.hold
    return RecoveryFailed(
        f"{point.title} was not restored: {what or _last_notice(topology)}; the store was not changed; "
        "replay it with the version of the services that fits it"
    )


def _last_notice(topology: TopologyAnswer) -> str:
    return topology.notices[-1].text if topology.notices else "no process has joined"


def newcomers(cluster: Cluster, point: RecordedPoint) -> tuple[str, ...]:
    """The processes that run and that the recovery point does not know, ascending."""
    known = {part.process for part in point.parts}
    return tuple(str(name) for name in cluster.registry.ledger().belonging() if name not in known)
