"""Keeps up with one key of etcd, on a thread and connections of its own, whatever becomes of the members.

A watch in etcd ends with the member that serves it, and a member that is stopped keeps it open and says nothing. So
each is given a short time and then made anew, at another member if this one failed, from the revision after the last
that was heard of: nothing is missed in between. Where etcd no longer keeps that revision, the key is read again.

It only says *that* something may have happened; whoever is told reads what is true. A watch is never the only way to
learn of it: a member that is cut off from the others says nothing either, so those who wait look for themselves too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from cutpoint_coordinator.registry.etcd_client import EtcdClient, Refused, Unanswered

WATCH_SECONDS = 2.0
"""How long one watch stands: so long a member that is stopped may go unnoticed."""

_PAUSE_SECONDS = 0.1


class WatchStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """``heard``: changes that were told; ``resumed``: watches that went on where another one ended; ``read``: how often
    the key was read, at the beginning and where changes may have been missed."""

    heard: int
    resumed: int
    read: int


class KeyWatch:
    """Calls ``on_news``, from its thread, whenever ``key`` may have changed."""

    def __init__(self, client: EtcdClient, key: str, on_news: Callable[[], None]) -> None:
        """``client`` is the watch's own and closed by it."""
        self._client = client
        self._key = key
        self._on_news = on_news
        self._since = 0
        self._heard = self._resumed = self._read = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cutpoint-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; does not wait."""
        self._stopping.set()
        self._client.close()

    def statistics(self) -> WatchStatistics:
        """What has happened so far."""
        return WatchStatistics(heard=self._heard, resumed=self._resumed, read=self._read)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._since:
                    self._read_again()
                else:
                    self._resumed += 1
                self._listen()
            except (Unanswered, Refused):
                self._stopping.wait(_PAUSE_SECONDS)

    def _read_again(self) -> None:
        _, revision = self._client.look(self._key)
        self._read += 1
        self._since = revision + 1
        self._on_news()

    def _listen(self) -> None:
        for happened in self._client.watch(self._key, since=self._since, seconds=WATCH_SECONDS):
            if happened.lost:
                self._since = 0
                self._stopping.wait(_PAUSE_SECONDS)
                return
            if happened.revision >= self._since:
                self._since = happened.revision + 1
                self._heard += 1
                self._on_news()
