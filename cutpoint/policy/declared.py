"""The declared policy as values, one struct a section. What a field means is told in `cutpoint.policy.fields`.

These are also the records of the registry: fields are only ever added, with a default. The values here are taken to
be sound; what an operator writes is checked in `cutpoint.policy.reading`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from cutpoint.names import ProcessName
from cutpoint.protocol.cadence import Rhythm
from cutpoint.protocol.policy import Policy as CorePolicy
from cutpoint.store import retention

Consistency = Literal["strict", "joined"]


class Cuts(msgspec.Struct, frozen=True, kw_only=True):
    """When cuts begin, and how long they may take. Times in seconds; 0: none, or never."""

    interval_seconds: float = 0.0
    minimum_pause_seconds: float = 0.0
    after_messages: int = 0
    after_bytes: int = 0
    quiet_below: float = 0.0
    quiet_deadline_seconds: float = 0.0
    on_demand_only: bool = False
    deadline_seconds: float = 30.0


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a cut that was abandoned or could not be opened."""

    attempts: int = 3
    first_seconds: float = 1.0
    longest_seconds: float = 60.0


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """What is worth waking somebody."""

    tolerated_failures: int = 2
    stale_after_seconds: float = 3600.0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Which recovery points stay, and at what pace the others go."""

    keep: str = ""
    collect_every_seconds: float = 60.0
    collect_per_second: float = 100.0

    def parsed(self) -> retention.Policy | None:
        """What is kept; None: everything."""
        return retention.Policy.parse(self.keep) if self.keep else None


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What happens when a process has lost its memory."""

    automatic: bool = True
    missing_after_seconds: float = 10.0


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what, by name of a token or as ``scope:NAME``; None: whoever has the scope that the act needs."""

    trigger: tuple[str, ...] | None = None
    restore: tuple[str, ...] | None = None
    delete: tuple[str, ...] | None = None


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared of one process."""

    consistency: Consistency = "joined"
    owner: str = ""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an operator declares of one computation. ``services`` by name, ascending."""

    cuts: Cuts = Cuts()
    retries: Retries = Retries()
    alerts: Alerts = Alerts()
    retention: Retention = Retention()
    recovery: Recovery = Recovery()
    access: Access = Access()
    services: dict[ProcessName, Service] = {}

    def for_core(self) -> CorePolicy:
        """What the coordinator's core has to know."""
        cuts, retries = self.cuts, self.retries
        return CorePolicy(
            rhythm=Rhythm(
                interval_seconds=cuts.interval_seconds,
                pause_seconds=cuts.minimum_pause_seconds,
                after_messages=cuts.after_messages,
                after_bytes=cuts.after_bytes,
                quiet_rate=cuts.quiet_below,
                quiet_deadline_seconds=cuts.quiet_deadline_seconds,
                retries=retries.attempts,
                retry_seconds=retries.first_seconds,
                retry_seconds_max=max(retries.first_seconds, retries.longest_seconds),
            ),
            deadline_seconds=cuts.deadline_seconds,
            automatic_recovery=self.recovery.automatic,
            missing_notice_seconds=self.recovery.missing_after_seconds,
            tolerated_failures=self.alerts.tolerated_failures,
            strict=tuple(name for name, each in self.services.items() if each.consistency == "strict"),
            owners={name: each.owner for name, each in self.services.items() if each.owner},
        )

    def owner_of(self, process: str) -> str:
        """Who owns a process; empty if nobody has said."""
        service = self.services.get(ProcessName(process))
        return "" if service is None else service.owner

    def consistency_of(self, process: str) -> Consistency:
        """The consistency class of a process."""
        service = self.services.get(ProcessName(process))
        return "joined" if service is None else service.consistency


DEFAULT = Policy()
"""Cuts on demand only; everything is kept."""
