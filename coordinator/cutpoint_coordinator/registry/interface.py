"""The registry's interface, as the coordinator's own modules import it.

The definitions are in `cutpoint.registry`, so that the suite in `cutpoint.testing` can be run against an
implementation without the coordinator. Nothing is defined here except what all implementations share.
"""

from __future__ import annotations

from cutpoint.errors import Fenced
from cutpoint.registry import (
    CHANGES_MAX,
    KEY_CHARACTERS_MAX,
    TRANSACTION_BYTES_MAX,
    Committed,
    Conflict,
    Leader,
    Leadership,
    Record,
    Registry,
    Transaction,
)

REMEMBERED_MAX = 1000
"""How many transactions of a leadership are recognised when they are given again."""

DEFAULT_PREFIX = "/cutpoint/default/"
"""Where the keys of a computation without a name live."""

DEFAULT_PATIENCE_SECONDS = 10.0


def fenced(leadership: Leadership, standing: Leader | None) -> Fenced:
    """The refusal that a leadership meets after it has ended; ``standing`` is who leads instead."""
    instead = f"{standing.candidate} leads" if standing is not None else "its lease is gone"
    return Fenced(
        f"Coordinator {leadership.candidate} no longer leads ({instead}); nothing was written by this attempt; "
        "it must stop acting as leader and may campaign again."
    )


__all__ = [
    "CHANGES_MAX",
    "DEFAULT_PATIENCE_SECONDS",
    "DEFAULT_PREFIX",
    "KEY_CHARACTERS_MAX",
    "REMEMBERED_MAX",
    "TRANSACTION_BYTES_MAX",
    "Committed",
    "Conflict",
    "Leader",
    "Leadership",
    "Record",
    "Registry",
    "Transaction",
    "fenced",
]
