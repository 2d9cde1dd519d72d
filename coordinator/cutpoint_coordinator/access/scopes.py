"""What each scope may do, and which scope each route of the API asks for: the one table of who may do what.

::

    observe      look: cuts, recovery points, topology, events, metrics
    trigger      and take cuts, read recovery points back, label and pin them
    restore      and go back, release a process, take labels and pins away
    administer   and collect, change the policy, monitors, webhooks and tokens, read the audit log
    agent        connect a process; nothing else, and no other scope includes it

A route that is not in the table asks for the highest scope.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from cutpoint.policy import Act

Scope = Literal["observe", "trigger", "restore", "administer", "agent"]

SCOPES: tuple[Scope, ...] = ("observe", "trigger", "restore", "administer", "agent")

_LADDER: tuple[Scope, ...] = ("observe", "trigger", "restore", "administer")


def included(held: Scope) -> tuple[Scope, ...]:
    """All scopes that ``held`` is good for."""
    return tuple(scope for scope in SCOPES if includes(held, scope))


def includes(held: Scope, needed: Scope) -> bool:
    """Whether who holds ``held`` may do what asks for ``needed``."""
    if held == "agent" or needed == "agent":
        return held == needed
    return _LADDER.index(held) >= _LADDER.index(needed)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What a route asks for. ``scope`` None: nothing, it tells nothing that is worth keeping.

    ``act``: what the audit log calls it; empty: it only looks. ``first``: its entry is durable before it is done.
    ``agents``: they may ask for it too. ``policy``: what the declared policy calls it, which may let fewer do it.
    """

    scope: Scope | None
    act: str = ""
    first: bool = False
    agents: bool = False
    policy: Act | None = None


def _look(*paths: str, scope: Scope = "observe") -> dict[tuple[str, str], Rule]:
    return {("GET", path): Rule(scope=scope) for path in paths}


RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/healthz"): Rule(scope=None),
    ("GET", "/readyz"): Rule(scope=None),
    **_look("/v1/cuts", "/v1/cuts/{number}", "/v1/points", "/v1/points/{number}", "/v1/collections"),
    **_look("/v1/recoveries", "/v1/recoveries/{incarnation}", "/v1/notices", "/v1/events"),
    **_look("/v1/history", "/v1/monitors", "/v1/monitors/{name}", "/v1/policy", "/metrics"),
    ("GET", "/v1/openapi.json"): Rule(scope=None),
    ("GET", "/v1/topology"): Rule(scope="observe", agents=True),
    ("GET", "/v1/agents"): Rule(scope="agent"),
    ("POST", "/v1/agents/holdups"): Rule(scope="agent"),
    ("POST", "/v1/cuts"): Rule(scope="trigger", act="take a cut", policy="trigger"),
    ("POST", "/v1/verify"): Rule(scope="trigger", act="verify"),
    ("POST", "/v1/points/{number}/marks"): Rule(scope="trigger", act="mark"),
    ("POST", "/v1/recoveries"): Rule(scope="restore", act="recover", first=True, policy="restore"),
    ("POST", "/v1/releases"): Rule(scope="restore", act="release", first=True, policy="restore"),
    ("POST", "/v1/collections"): Rule(scope="administer", act="collect", first=True, policy="delete"),
    ("POST", "/v1/tokens"): Rule(scope="administer", act="create token", first=True),
    ("POST", "/v1/tokens/{name}/rotate"): Rule(scope="administer", act="rotate token", first=True),
    ("DELETE", "/v1/tokens/{name}"): Rule(scope="administer", act="revoke token", first=True),
    ("PUT", "/v1/policy"): Rule(scope="administer", act="change the policy", first=True),
    ("PUT", "/v1/monitors/{name}"): Rule(scope="administer", act="set monitor", first=True),
    ("DELETE", "/v1/monitors/{name}"): Rule(scope="administer", act="remove monitor", first=True),
    ("PUT", "/v1/webhooks/{name}"): Rule(scope="administer", act="set webhook", first=True),
    ("DELETE", "/v1/webhooks/{name}"): Rule(scope="administer", act="remove webhook", first=True),
    ("POST", "/v1/webhooks/{name}/test"): Rule(scope="administer", act="test webhook"),
    **_look("/v1/webhooks", "/v1/webhooks/{name}", scope="administer"),
    **_look("/v1/tokens", "/v1/audit", scope="administer"),
}
"""Every route by its method and path as it is declared."""

UNKNOWN = Rule(scope="observe")
"""What asking for a route that does not exist takes: whoever may look may learn that."""


def rule_of(method: str, path: str | None) -> Rule:
    """What this route asks for; ``path`` None: there is no such route."""
    if path is None:
        return UNKNOWN
    method = "GET" if method == "HEAD" else method
    return RULES.get((method, path), Rule(scope="administer", act=f"{method} {path}", first=True))
