"""Access to one coordinator: its tokens, its audit log and its gate, put together and kept up with the registry.

A leader has read the tokens before it answers, and changes them itself; the others read them again every second, so a
token that was revoked counts for a second more at those, where it can change nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from cutpoint.errors import RegistryError
from cutpoint.policy import Policy
from cutpoint.registry import Registry
from cutpoint_coordinator.access.audit import Audit
from cutpoint_coordinator.access.gate import Gate
from cutpoint_coordinator.access.tokens import TokenBook
from cutpoint_coordinator.notices import Notices
from cutpoint_coordinator.settings import Settings

if TYPE_CHECKING:
    from cutpoint_coordinator.records import Records

KEEP_UP_SECONDS = 1.0
"""How often a coordinator that does not lead reads the tokens."""


class Access:
    """``leading`` raises `Refused` while this coordinator does not lead. ``author``: a name that no other one has.

    ``policy``: the one in force.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        notices: Notices,
        author: str,
        hosts: tuple[str, ...],
        leading: Callable[[], object],
        policy: Callable[[], Policy],
    ) -> None:
        self._notices = notices
        self.audit = Audit(notices, author=author)
        self.tokens = TokenBook(settings.token, lambda: self.gate.tokens_changed())
        self.gate = Gate(
            tokens=self.tokens,
            audit=self.audit,
            hosts=hosts,
            per_second=settings.requests_per_second,
            leading=leading,
            policy=policy,
        )
        self._told: tuple[str, ...] = ()

    async def lead(self, registry: Registry, records: Records) -> None:
        """This coordinator is about to lead. Raises `RegistryError`: who may do what is then not known."""
        self._complain(await self.tokens.load(registry))
        self.audit.attach(records)

    async def follow(self) -> None:
        """It leads no more."""
        await self.audit.detach()

    async def keep_up(self, registry: Registry, leads: Callable[[], bool]) -> None:
        """Read the tokens again and again while others may change them. Runs until it is cancelled."""
        while True:
            if not leads():
                try:
                    self._complain(await self.tokens.load(registry, unless=leads))
                except RegistryError as error:
                    self._complain((str(error),))
            await asyncio.sleep(KEEP_UP_SECONDS)

    def _complain(self, complaints: tuple[str, ...]) -> None:
        """Say what is wrong, once."""
        for complaint in complaints:
            if complaint not in self._told:
                self._notices.add("tokens unreadable", complaint, level=logging.ERROR)
        self._told = complaints

    def close(self) -> None:
        """No more timers."""
        self.audit.close()

    def standing(self) -> str:
        """Who is let in, in one line for the start."""
        if self.tokens.wanted:
            return "a token is asked for"
        return "no token is asked for: whoever reaches this address may do everything"
