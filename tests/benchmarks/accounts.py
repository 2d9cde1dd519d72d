"""What the services keep whose state is measured."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

Account = dict[str, Any]


def accounts(entries: int) -> Iterator[tuple[str, Account]]:
    """Keys and accounts. About 100 bytes an entry when it is encoded, five times that in memory."""
    chance = random.Random(1)
    return ((f"account-{chance.getrandbits(48):015d}", account(chance)) for _ in range(entries))


def account(chance: random.Random) -> Account:
    """A dict of a str, an int, a float and a list of two."""
    return {
        "owner": f"{chance.getrandbits(64):016x}",
        "balance": chance.randrange(10**9),
        "opened": 1.6e9 + chance.random() * 1e8,
        "tags": ["checked", chance.choice(["red", "green", "blue"])],
    }
