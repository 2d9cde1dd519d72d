"""The book of a bank: a line for each change of an account, in a table that is large for its bank.

Most lines of a cut are those of the cut before, and some are not: a clerk corrects lines in place, with an await in
the midst of it or without, writes them out again, moves them to the end and tears them out. Whatever it does, what the
lines and what was carried over say of an account is what is in it.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from cutpoint.store import TIERS, Tiers
from cutpoint_agents import Agent

CORRECTIONS_MOST = 24
"""So many lines the clerk looks at before it rests."""

LINE_SECONDS = 0.004
"""The longest that the clerk takes for a line; mostly it takes much less."""

NOTES_MOST = 4
TORN_AT_ONCE = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bookkeeping:
    """How much a bank keeps in its book, and in what pieces its agent stores that."""

    lines_most: int
    slice_entries: int = 2048
    chunk_bytes: int = 256 * 1024
    pack_bytes: int = 8 * 1024 * 1024
    tiers: Tiers = TIERS


class Book:
    """The last changes of the accounts of one bank. What is torn out is carried over, account by account."""

    def __init__(self, agent: Agent, *, lines_most: int, pause_seconds: float, is_open: Callable[[], bool]) -> None:
        self._agent = agent
        self._lines = agent.table("book")
        self._written = agent.value("written", 0)
        self._carried = agent.table("carried")
        self._lines_most = lines_most
        self._pause_seconds = pause_seconds
        self._is_open = is_open

    def write(self, account: int, amount: int) -> None:
        """A change of an account. No await in it: a cut has both or neither."""
        self._lines[self._written.value] = {"account": account, "amount": amount, "notes": []}
        self._written.value += 1
        if len(self._lines) > self._lines_most:
            for number in list(self._lines)[:TORN_AT_ONCE]:
                self._tear_out(number)

    def _tear_out(self, number: int) -> None:
        line = self._lines.pop(number)
        account = line["account"]
        self._carried[account] = self._carried.get(account, 0) + line["amount"]

    async def correct(self) -> None:
        """Look at some of the lines now and then, for ever."""
        chance = self._agent.random
        while True:
            await asyncio.sleep(chance.uniform(0.0, 2 * self._pause_seconds))
            for _ in range(chance.randint(1, CORRECTIONS_MOST)):
                if self._is_open() and self._written.value:
                    number = chance.randrange(max(0, self._written.value - self._lines_most), self._written.value)
                    if number in self._lines:
                        await self._correct(number)
                await asyncio.sleep(LINE_SECONDS * chance.random() ** 3)

    async def _correct(self, number: int) -> None:
        chance, lines = self._agent.random, self._lines
        manner = chance.random()
        if manner < 0.4:
            with lines.edit(number) as line:
                _note(line, f"seen {chance.randrange(1000)}")
        elif manner < 0.6:
            with lines.edit(number) as line:
                _note(line, "begun")
                await asyncio.sleep(LINE_SECONDS * chance.random())
                _note(line, "done")
        elif manner < 0.7:
            lines.touch(number)
            lines[number]["notes"].clear()
        elif manner < 0.8:
            lines[number] = {**lines[number], "notes": ["written out again"]}
        elif manner < 0.9:
            lines[number] = lines.pop(number)
        else:
            self._tear_out(number)


def _note(line: dict[str, Any], note: str) -> None:
    line["notes"].append(note)
    del line["notes"][:-NOTES_MOST]
