"""The policy in force: kept in the registry, followed by everything that this leadership drives, changed at any time.

Where the registry has no policy, what the leader's own flags or file say holds. Once somebody has declared one, that
rules, whoever leads. A file that a coordinator was started with is declared when it begins to lead if nobody has
declared a policy yet, or if it is the later word: the coordinator was started after the policy in force was declared,
and the file is not the one that a start has declared last (decision 0020). In all other cases a difference is told.

A change is durable before it takes effect, and everything follows it at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

import msgspec

from cutpoint.errors import RegistryError
from cutpoint.policy import Change, Policy, changes
from cutpoint_coordinator.faults import Refused
from cutpoint_coordinator.notices import Notices, now_utc
from cutpoint_coordinator.requests import NotLeading

if TYPE_CHECKING:
    from cutpoint_coordinator.collecting import Collecting
    from cutpoint_coordinator.driver import Driver
    from cutpoint_coordinator.settings import Settings

KEY = "policy"
"""Where the record lies in the registry."""

CHANGES_TOLD = 5
"""How many changes a notice names."""

RECORD_VERSION = 1


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of a computation. ``version`` counts what was declared; 0: nobody has, these are a leader's flags.

    ``by`` has declared it, ``at`` that moment in ISO 8601, from ``source``: the name of a file, or ``api``.
    ``started``: the digest of what a coordinator's start has declared last.
    """

    version: int
    policy: Policy
    by: str = ""
    at: str = ""
    source: str = ""
    started: str = ""
    record: int = RECORD_VERSION


class UnreadablePolicy(RegistryError):
    """The registry's policy cannot be read by this version. Trying again does not help."""


class Policies:
    """The policy of one leadership. ``began``: when this coordinator was started, in ISO 8601."""

    def __init__(
        self,
        *,
        driver: Driver,
        collecting: Collecting,
        notices: Notices,
        settings: Settings,
        candidate: str,
        began: str,
    ) -> None:
        self._driver = driver
        self._collecting = collecting
        self._notices = notices
        self._settings = settings
        self._candidate = candidate
        self._began = began
        self._lock = asyncio.Lock()
        self.record = PolicyRecord(version=0, policy=settings.declared(), by=candidate, source=settings.policy_source)

    @property
    def policy(self) -> Policy:
        """What holds now."""
        return self.record.policy

    async def load(self) -> None:
        """Read what was declared, and follow it. Raises `RegistryError`, of which `UnreadablePolicy` stays."""
        stored = await self._driver.records.read(KEY)
        if stored is not None:
            self.record = _decoded(stored.value)
        self._follow()

    async def settle(self) -> None:
        """Declare the file that this coordinator was started with, if it is to be. Raises `RegistryError`."""
        declared, record = self._settings.policy, self.record
        if declared is None:
            self._tell_flags()
            return
        said = digest_of(declared)
        if record.policy == declared and record.version:
            return
        if record.version and (said == record.started or self._began <= record.at):
            text = (
                f"{self._settings.policy_source} is not the policy in force, which is version {record.version}, "
                f"declared by {record.by} at {record.at}; that stays; `cutpoint policy apply` declares the file"
            )
            self._notices.add("policy differs", text, level=logging.WARNING)
            return
        await self.declare(declared, by=self._candidate, source=self._settings.policy_source, started=said)

    async def declare(
        self, policy: Policy, *, by: str, source: str, version: int | None = None, started: str | None = None
    ) -> tuple[Change, ...]:
        """Make ``policy`` hold, durably and at once; what that has changed.

        ``version``: only if this is still the one in force; raises `Refused` if not, and `RegistryError`.
        """
        async with self._lock:
            self.check_version(version)
            before = self.record
            found = changes(before.policy, policy)
            if not found and before.version:
                return ()
            record = PolicyRecord(
                version=before.version + 1,
                policy=policy,
                by=by,
                at=now_utc(),
                source=source,
                started=before.started if started is None else started,
            )
            await self._driver.records.write(KEY, [(KEY, msgspec.json.encode(record))])
            if self._driver.ended.done():
                raise NotLeading("this coordinator stopped leading; the next leader follows the policy")
            self.record = record
            self._follow()
        told = [f"{each.key} {_shown(each.before)} to {_shown(each.after)}" for each in found[:CHANGES_TOLD]]
        told += [f"and {len(found) - CHANGES_TOLD} more"] if len(found) > CHANGES_TOLD else []
        text = f"policy {record.version} was declared by {by} from {source}: {', '.join(told) or 'nothing changes'}"
        self._notices.add("policy changed", text, {"version": record.version, "by": by})
        return found

    def check_version(self, version: int | None) -> None:
        """Raise `Refused` if ``version`` is not the one in force."""
        if version is not None and version != self.record.version:
            raise Refused(
                412,
                "policy_changed",
                f"the policy in force is version {self.record.version}, not {version}; nothing was changed",
                "look at what has changed with `cutpoint policy show`, and declare yours again",
            )

    # ---------------------------------------------------------------------------------------------------- inside

    def _follow(self) -> None:
        policy = self.record.policy
        retention = policy.retention
        self._driver.follow(policy.for_core())
        self._collecting.follow(
            retention.parsed(),
            every_seconds=retention.collect_every_seconds,
            per_second=retention.collect_per_second,
        )

    def _tell_flags(self) -> None:
        flags, record = self._settings.declared(), self.record
        if record.version and self._settings.flagged and changes(record.policy, flags):
            text = (
                f"this coordinator's flags have no effect: policy {record.version}, declared by {record.by}, rules; "
                "`cutpoint policy show` says what it is"
            )
            self._notices.add("policy differs", text, level=logging.WARNING)


def digest_of(policy: Policy) -> str:
    """What tells one declared policy from another."""
    return hashlib.sha256(msgspec.json.encode(policy, order="deterministic")).hexdigest()


def _decoded(stored: bytes) -> PolicyRecord:
    try:
        record = msgspec.json.decode(stored, type=PolicyRecord)
        if record.record <= RECORD_VERSION:
            record.policy.for_core()
            record.policy.retention.parsed()
            return record
        fault = f"it is of a newer Cutpoint (version {record.record})"
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as error:
        fault = f"it is damaged: {error}"
    raise UnreadablePolicy(
        f"the registry's policy cannot be read: {fault}; nothing was changed; start the newer version, or delete the "
        f"key {KEY} and declare the policy again"
    )


def _shown(value: object) -> str:
    return "default" if value is None else msgspec.json.encode(value).decode()
