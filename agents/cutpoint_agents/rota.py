"""In which order coordinators are asked: the one that is said to lead, else one after the other.

A coordinator that does not lead names the one that does. The name counts only if it is one of the addresses that this
agent was given: whatever else answers somewhere is not trusted with a token. A leader that is named and cannot be
reached is told to the next coordinator, which then keeps the agent waiting until somebody else leads.
"""

from __future__ import annotations

from collections.abc import Sequence


class Rota:
    """``urls``: all coordinators, without a slash at the end. A *turn* is over when each could have been asked.

    ``unreached``: the leader that was named, as it was named, and that cannot be reached; empty if there is none.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = tuple(urls)
        self._place = self._asked = self._in_vain = 0
        self._next = self._named = ""
        self._silent: dict[str, None] = {}

    def next(self) -> str:
        """Whom to ask now."""
        self._asked += 1
        self._in_vain += 1
        url, self._next = self._next or self._urls[self._place], ""
        self._place = (self._urls.index(url) + 1) % len(self._urls)
        return url

    def turn_over(self) -> bool:
        """Whether it is time to pause, because as many were asked as there are. The next turn begins."""
        over = self._asked >= len(self._urls) and not self._next
        if over or self._asked > 2 * len(self._urls):
            self._asked = 0
            return True
        return False

    @property
    def unreached(self) -> str:
        """See the class."""
        url = self._named.rstrip("/")
        if url in self._urls:
            return self._named if url in self._silent else ""
        return self._named if self._in_vain > len(self._urls) else ""  # it would have been found under another name

    def silent(self, url: str) -> None:
        """Nobody answers at ``url``."""
        self._silent[url] = None

    def named(self, url: str, leader: str) -> None:
        """Who answers at ``url`` does not lead, and says that ``leader`` does; empty: that it does not know."""
        self._silent.pop(url, None)
        self._named = leader
        leader = leader.rstrip("/")
        if leader in self._urls and leader != url and leader not in self._silent:
            self._next = leader

    def found(self, url: str) -> None:
        """Who answers at ``url`` leads."""
        self._asked = self._in_vain = 0
        self._next = self._named = ""
        self._silent.pop(url, None)
