"""A service whose state at every moment is a function of one number, so that what was restored can be compared exactly.

Entry by entry it writes a journal into a table: after entry n the table is `content_of`(n), whatever was restored on
the way. It is a real agent; the test writes the entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, until

KEYS = 97
"""So many keys take turns."""


def content_of(position: int, *, padding: int = 40) -> dict[int, Any]:
    """What the table holds after so many entries."""
    table: dict[int, Any] = {}
    for number in range(1, position + 1):
        _enter(table, number, padding)
    return table


def _enter(table: Any, number: int, padding: int) -> None:
    key = (number * number) % KEYS
    if number % 7 == 0:
        table.pop(key, None)
    else:
        table[key] = [number, f"{number:08}" * (padding // 8)]


class Journal:
    """One life of the service. ``padding``: how many characters an entry has."""

    def __init__(
        self, coordinator: str | Sequence[str], *, name: str = "journal", padding: int = 40, **options: Any
    ) -> None:
        self.padding = padding
        self.agent = Agent(name, coordinator=coordinator, settings=IMPATIENT, **options)
        self.table = self.agent.table("entries")
        self.position = self.agent.value("position", 0)

    def write(self, count: int) -> int:
        """Write so many entries, at once; how many there are then."""
        for _ in range(count):
            number = self.position.value + 1
            _enter(self.table, number, self.padding)
            self.position.value = number
        return self.position.value

    def check(self, position: int | None = None) -> None:
        """Assert that everything is as it must be, and that it is at ``position``."""
        assert position is None or self.position.value == position
        expected = content_of(self.position.value, padding=self.padding)
        assert list(self.table.items()) == list(expected.items())
        assert self.agent.statistics().faults == 0

    async def until_back(self, incarnation: int) -> None:
        """Wait until it runs in ``incarnation``."""
        await until(
            lambda: (self.agent.statistics().incarnation, self.agent.statistics().phase) == (incarnation, "running"),
            20,
        )
