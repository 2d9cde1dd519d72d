"""Three banks on a simulated cluster, and what their money adds up to."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

from cutpoint_agents import Settings
from cutpoint_simulations.bank.service import ACCOUNTS, OPENING, create_app
from cutpoint_simulations.cluster import Cluster

BANKS = ("vienna", "prague", "trieste")

AGENT = Settings(heartbeat_seconds=2.0, connect_seconds=2.0, redial_most_seconds=0.5)
"""Patience that suits services which fail often."""


def declare(cluster: Cluster) -> None:
    """Each bank pays each other one."""
    for name in BANKS:
        peers = {peer: cluster.url(peer) for peer in BANKS if peer != name}
        make = functools.partial(create_app, name, coordinator=cluster.coordinator_urls, peers=peers, settings=AGENT)
        cluster.service(name, make)


def holdings(states: Mapping[str, Any]) -> int:
    """What a bank holds, by its recorded states."""
    accounts = states["accounts"]
    return sum(accounts.get(account, OPENING) for account in range(ACCOUNTS))


def payment(payload: str | bytes) -> int:
    """What a message in flight is worth: a receipt is worth nothing."""
    amount: int = json.loads(payload).get("amount", 0)
    return amount
