"""Keeps one lease alive, on a thread and connections of its own, and says when that has failed.

The leadership is vouched for while the latest renewal that etcd confirmed was *asked for* not much longer ago than the
lease lasts, and the leader's key was there after it. It gets half that time again: a cluster that has lost its leading
member renews nobody's lease before it has another one, and then gives every lease its full length. An outage shorter
than that passes unnoticed. The keeper decides nothing about safety: commits are protected by the fence, whatever it
believes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from cutpoint_coordinator.registry.etcd_client import EtcdClient, Refused, Unanswered


class LeaseKeeper:
    """Renews ``lease`` three times in its length; calls ``on_lost`` once, from its thread, when it gives up."""

    def __init__(
        self,
        client: EtcdClient,
        *,
        lease: int,
        leader_key: str,
        fence: int,
        ttl_seconds: float,
        asked_at: float,
        on_lost: Callable[[str], None],
    ) -> None:
        """``client`` is the keeper's own and closed by it. ``asked_at``: `time.monotonic` just before the lease was."""
        self._client = client
        self._lease = lease
        self._leader_key = leader_key
        self._fence = fence
        self._ttl = ttl_seconds
        self._patience = 1.5 * ttl_seconds
        self._vouched = asked_at
        self._on_lost = on_lost
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cutpoint-lease", daemon=True)

    def start(self) -> None:
        """Begin renewing."""
        self._thread.start()

    def stop(self) -> None:
        """Renew no more; does not wait and does not call ``on_lost``. The lease runs out unless it is revoked."""
        self._stopping.set()

    def _run(self) -> None:
        doubt = ""
        try:
            while not self._stopping.wait(min(0.1, self._ttl / 10) if doubt else self._ttl / 3):
                asked = time.monotonic()
                doubt, ended = self._renew()
                if not doubt:
                    self._vouched = asked
                elif ended or time.monotonic() - self._vouched > self._patience:
                    if not self._stopping.is_set():
                        self._on_lost(doubt)
                    return
        finally:
            self._client.close()

    def _renew(self) -> tuple[str, bool]:
        """Renew once. Returns why that is in doubt (empty: it is not), and whether the leadership has surely ended.

        A lease of length 0 is only believed if the leader's key is gone too: a member that has just been started
        again may not know of all leases yet, while its answers about keys are always the cluster's.
        """
        try:
            remaining = self._client.renew(self._lease)
            item = self._client.get(self._leader_key)
        except (Unanswered, Refused) as error:
            return f"the lease could not be renewed for {self._patience:g} s ({error})", False
        if item is None:
            return "the lease has expired or was revoked", True
        if item.created != self._fence:
            return "another coordinator leads", True
        return ("etcd does not know the lease" if remaining <= 0 else ""), False
