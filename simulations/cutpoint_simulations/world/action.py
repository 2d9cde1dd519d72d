"""What may happen in a world, as a value: small enough to list, to store, to leave out and to make happen again.

An action names what it is about by numbers and keys that the world gave out. `World.apply` returns the action with
the number it gave, so that the same action means the same in a history from which others were left out.
"""

from __future__ import annotations

from typing import NamedTuple

HEADQUARTERS = "coordinator"
"""The name of the coordinator as an actor."""


class Action(NamedTuple):
    """One thing that may happen at ``actor``. What the fields mean depends on ``kind``.

    ``key``: a session, or the other process. ``number``: a connection, a turn, a payment or a cut, 0 for the next.
    ``pick``: which frame of a line without order, whether a turn stays open (take), or whether a session keeps no
    order (open). ``amount``: what is paid.
    """

    actor: str
    kind: str
    key: str = ""
    number: int = 0
    pick: int = 0
    amount: int = 0
