"""What a coordinator may be told. Values only, checked when built: nothing here is opened or read from anywhere."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Literal

from cutpoint.access import Token
from cutpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from cutpoint.policy import Policy
    from cutpoint_coordinator.access.tls import ServerTls

LOG_NAME = "cutpoint.coordinator"
"""The logger of the whole service."""

DEFAULT_PORT = 7420
DEFAULT_LISTEN = f"127.0.0.1:{DEFAULT_PORT}"
DEFAULT_REGISTRY = "cutpoint-data/registry"
DEFAULT_STORE = "cutpoint-data/store"

_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*):(?P<port>[0-9]{1,5})")
_COMPUTATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where to listen, or to be reached. ``port`` 0: whichever is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``HOST:PORT``. Raises `ConfigurationError`."""
        found = _LISTEN.fullmatch(text)
        if found is None or int(found["port"]) > 65535:
            raise ConfigurationError(f"{text!r} is not an address; nothing was started; write HOST:PORT.")
        return cls(host=found["host"].strip("[]") or "0.0.0.0", port=int(found["port"]))

    @property
    def url(self) -> str:
        """How the address is reached with HTTP, from where its host name means the same."""
        return self.url_of("http")

    def url_of(self, scheme: str) -> str:
        """The same with another scheme."""
        return f"{scheme}://[{self.host}]:{self.port}" if ":" in self.host else f"{scheme}://{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """One coordinator. All times in seconds. ``keys``: the file of the keys that sign, verify and open.

    ``policy``: the declared policy, read from ``policy_file``; without one, the fields below that are short for it.
    ``advertise``: where agents, operators and other coordinators reach it, if not where it listens; port 0: the same.
    ``keep``: which recovery points stay, as `cutpoint.store.retention` reads it; empty: all of them.
    ``replica``: the URL of a second location that is kept in step with the store.
    ``interval_seconds``: how long after a cut's end the next one begins; None: on demand only.
    ``deadline_seconds``: how long a cut may take before it is abandoned.
    ``manual_recovery``: do not recover when a process comes back without its memory; wait to be asked.
    ``missing_seconds``: how long a recovery waits for a process before it is named as missing.
    ``lease_seconds``: how soon another coordinator leads after this one has vanished. etcd counts in whole seconds, and
    gives no less than one and a half of its own election timeouts.
    ``registry_call_seconds``: how long one call to the registry may take before it counts as failed.
    ``registry_patience_seconds``: how long a leader that cannot write to the registry goes on trying before it
    stops acting as leader.
    ``collect_seconds``: how long the store is left alone after a collection that nobody has asked for;
    ``collect_per_second``: how many objects one deletes at most in a second.
    ``replica_lag_seconds``: for how long the replica may wait for a recovery point before that is warned of.
    ``objective``: the share of cuts that is to be published, over the last ``objective_seconds``: the error budget is
    what it leaves.
    ``heartbeat_seconds``: how often an agent that says nothing is asked whether it is there; half of it is how long
    the answer may take.
    ``tls``: serve https. ``token``: the first administrator's; ``open_access``: let in whoever reaches the address.
    ``requests_per_second``: how often one caller may ask the API; twice that at once.
    ``webhooks``: send alerts to whom an administrator has declared; without, it connects to nobody by itself.
    ``spans``: make OpenTelemetry spans, if this program has loaded ``opentelemetry``.
    """

    registry: str = dataclasses.field(default=DEFAULT_REGISTRY, repr=False)
    store: str = dataclasses.field(default=DEFAULT_STORE, repr=False)
    policy: Policy | None = None
    policy_file: str = ""
    listen: Address = Address(host="127.0.0.1", port=DEFAULT_PORT)
    advertise: Address | None = None
    computation: str = "default"
    keys: str | None = None
    keep: str = ""
    replica: str | None = dataclasses.field(default=None, repr=False)
    interval_seconds: float | None = None
    deadline_seconds: float = 30.0
    manual_recovery: bool = False
    missing_seconds: float = 10.0
    lease_seconds: float = 2.0
    registry_call_seconds: float = 5.0
    registry_patience_seconds: float = 30.0
    collect_seconds: float = 60.0
    collect_per_second: float = 100.0
    replica_lag_seconds: float = 300.0
    log_format: Literal["text", "json"] = "text"
    objective: float = 0.99
    objective_seconds: float = 604_800.0
    heartbeat_seconds: float = 10.0
    join_seconds: float = 10.0
    token: Token | None = None
    tls: ServerTls | None = None
    open_access: bool = False
    requests_per_second: float = 500.0
    webhooks: bool = True
    spans: bool = True

    def __post_init__(self) -> None:
        if not _COMPUTATION.fullmatch(self.computation):
            raise ConfigurationError(
                f"{self.computation!r} cannot name a computation; nothing was started; "
                "use 1 to 100 letters, digits, '.', '_' and '-', a letter or digit first."
            )
        if not 0 < self.collect_per_second <= 1_000_000:
            raise ConfigurationError(
                f"collect_per_second is {self.collect_per_second:g}; nothing was started; "
                "give a number above 0, at most 1000000."
            )
        if not 0 < self.objective < 1:
            raise ConfigurationError(
                f"objective is {self.objective:g}; nothing was started; give a share between 0 and 1, such as 0.99."
            )
        if not 0 < self.requests_per_second <= 1_000_000:
            raise ConfigurationError(
                f"requests_per_second is {self.requests_per_second:g}; nothing was started; "
                "give a number above 0, at most 1000000."
            )
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_seconds") and value is not None and not 0 < value <= 1_000_000:
                raise ConfigurationError(
                    f"{field.name} is {value:g} seconds; nothing was started; give a number above 0, at most 1000000."
                )

    def declared(self) -> Policy:
        """The policy that this coordinator was started with: the file's, or what the other fields are short for."""
        from cutpoint.policy import Cuts, Policy, Recovery, Retention

        if self.policy is not None:
            return self.policy
        return Policy(
            cuts=Cuts(interval_seconds=self.interval_seconds or 0.0, deadline_seconds=self.deadline_seconds),
            retention=Retention(
                keep=self.keep,
                collect_every_seconds=self.collect_seconds,
                collect_per_second=self.collect_per_second,
            ),
            recovery=Recovery(automatic=not self.manual_recovery, missing_after_seconds=self.missing_seconds),
        )

    @property
    def flagged(self) -> bool:
        """Whether any field that is short for a policy says something of its own."""
        return self.policy is None and self.declared() != Settings().declared()

    @property
    def policy_source(self) -> str:
        """Where the policy comes from that this coordinator was started with."""
        return (self.policy_file or "a file") if self.policy is not None else "flags"

    @property
    def registry_prefix(self) -> str:
        """Where this computation's keys live in the registry."""
        return f"/cutpoint/{self.computation}/"

    @property
    def registry_shown(self) -> str:
        """The registry's URL without a password."""
        return re.sub(r"//.*@", "//...@", self.registry)
