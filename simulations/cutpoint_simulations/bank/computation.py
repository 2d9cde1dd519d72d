"""Three banks on a simulated cluster, and what their money adds up to."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
from collections.abc import Mapping
from typing import Any

from cutpoint.store import Tiers
from cutpoint_agents import Settings
from cutpoint_simulations.bank.book import Bookkeeping
from cutpoint_simulations.bank.service import ACCOUNTS, OPENING, OpeningHours, create_app
from cutpoint_simulations.cluster import Cluster, Recorded
from cutpoint_simulations.oracles import Conservation

BANKS = ("vienna", "prague", "trieste")

AGENT = Settings(heartbeat_seconds=2.0, connect_seconds=2.0, redial_most_seconds=0.5)
"""Patience that suits services which fail often."""

RESTARTS = 0.2
"""How many banks start again to go back."""

PAUSE_SECONDS = 0.15
"""About how long a bank waits from one payment to the next on each channel."""

WINDOWS = (2, 16, 256)
"""How many messages a channel may hold: with few, a payer often waits for a slow payee."""


LINES_MOST = (15, 60, 200)
"""How long a bank's book is at most."""

CHUNK_BYTES = (100, 1000, 256 * 1024)
PACK_BYTES = (1000, 8000, 8 * 1024 * 1024)
SMALL_BYTES = (1, 1000, 1024 * 1024)
"""Up to which length a table is written anew by a cut, and not between cuts."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Habits:
    """In what the banks of one run differ from another's: how much a channel holds, who starts again to go back.

    ``bookkeeping``: None: they keep no books.
    """

    window_messages: int
    restarting: tuple[str, ...] = ()
    bookkeeping: Bookkeeping | None = None


def draw_habits(chance: random.Random) -> Habits:
    """Those of a seed."""
    window = chance.choice(WINDOWS)
    restarting = tuple(name for name in BANKS if chance.random() < RESTARTS)
    return Habits(window_messages=window, restarting=restarting, bookkeeping=draw_bookkeeping(chance))


def draw_bookkeeping(chance: random.Random) -> Bookkeeping:
    """Runs are merged often, tables are written in few slices or many, in few packs or many."""
    tiers = Tiers(
        deltas_min=chance.choice((2, 3)),
        deltas_max=chance.choice((3, 5)),
        base_share=chance.choice((0.5, 4.0)),
        small_bytes=chance.choice(SMALL_BYTES),
    )
    return Bookkeeping(
        lines_most=chance.choice(LINES_MOST),
        slice_entries=chance.choice((1, 3, 2048)),
        chunk_bytes=chance.choice(CHUNK_BYTES),
        pack_bytes=chance.choice(PACK_BYTES),
        tiers=tiers,
    )


def declare(cluster: Cluster, habits: Habits | None = None) -> None:
    """Each bank pays each other one. ``habits``: None: the seed says."""
    hours = OpeningHours()
    habits = habits or draw_habits(random.Random(f"{cluster.simulation.seed}/bank"))
    settings = dataclasses.replace(AGENT, window_messages=habits.window_messages)
    for name in BANKS:
        make = functools.partial(
            create_app,
            name,
            coordinator=cluster.coordinator_urls,
            peers={peer: cluster.url(peer) for peer in BANKS if peer != name},
            pause_seconds=PAUSE_SECONDS * cluster.pace,
            hours=hours,
            settings=settings,
            rollback="restart" if name in habits.restarting else "in-place",
            bookkeeping=habits.bookkeeping,
        )
        cluster.service(name, make)
    cluster.on_quiet(hours.close)
    cluster.invariant("money", Conservation(states=holdings, payload=payment, total=total).check)
    if habits.bookkeeping is not None:
        cluster.invariant("books", books)
    cluster.finally_("bookings", bookings)


def total(banks: tuple[str, ...]) -> int:
    """What so many banks hold at first."""
    return ACCOUNTS * OPENING * len(banks)


def bookings(point: Recorded) -> str | None:
    """When all is quiet, every payment has been booked."""
    paid = sum(states["paid"] for states in point.states.values())
    booked = sum(states["booked"] for states in point.states.values())
    return None if paid == booked else f"{paid} payments were made, {booked} were booked"


def books(point: Recorded) -> str | None:
    """What each bank's book says of an account is what is in it."""
    for name, states in point.states.items():
        said = {account: OPENING + carried for account, carried in states["carried"].items()}
        for line in states["book"].values():
            said[line["account"]] = said.get(line["account"], OPENING) + line["amount"]
        for account, amount in states["accounts"].items():
            if (told := said.get(account, OPENING)) != amount:
                return f"account {account} of {name} holds {amount}, its book says {told}"
    return None


def holdings(states: Mapping[str, Any]) -> int:
    """What a bank holds, by its recorded states."""
    accounts = states["accounts"]
    return sum(accounts.get(account, OPENING) for account in range(ACCOUNTS))


def payment(payload: str | bytes) -> int:
    """What a message in flight is worth: a receipt is worth nothing."""
    amount: int = json.loads(payload).get("amount", 0)
    return amount
