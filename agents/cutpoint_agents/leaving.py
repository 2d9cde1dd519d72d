"""The way out of the computation: Leave is said once all channels are closed, and a recovery point releases.

A process that goes earlier may be missed: if no coordinator has heard its Leave, it counts as lost. So leaving waits. A
cut that was recorded after Leave was said and has been published shows that the coordinator heard it, because both
travel on one connection, in order; so does a coordinator that turns the process away as one that has left.
"""

from __future__ import annotations

import asyncio

from cutpoint.errors import CutpointError, RolledBack
from cutpoint.names import CutNumber, ProcessName


class Leaving:
    """How far one process has got with leaving."""

    def __init__(self, name: ProcessName) -> None:
        self.released = False
        self._name = name
        self._said: CutNumber | None = None
        self._interrupted = False
        self._watchers: list[asyncio.Future[None]] = []

    @property
    def said(self) -> bool:
        """Whether a coordinator was told."""
        return self._said is not None

    def begin(self) -> None:
        """The application has asked to leave."""
        self._interrupted = False

    def told(self, cut: CutNumber) -> None:
        """Leave was said on a control connection; ``cut`` is the last cut that was recorded or skipped before."""
        self._said = cut

    def published(self, cut: CutNumber) -> None:
        """``cut`` is a recovery point."""
        if self._said is not None and cut > self._said:
            self.release()

    def release(self) -> None:
        """The process has left."""
        self.released = True
        self._wake()

    def roll_back(self) -> None:
        """A recovery came first: the process will run as a member again."""
        self._said = None
        self._interrupted = True
        self._wake()

    async def wait_released(self, *, deadline_seconds: float) -> bool:
        """Wait until the process has left; False if that takes too long. Raises `RolledBack` if a recovery comes."""
        if not self.released and not self._interrupted:
            watcher = asyncio.get_running_loop().create_future()
            self._watchers.append(watcher)
            await asyncio.wait((watcher,), timeout=deadline_seconds)
            self._watchers.remove(watcher)
        if self._interrupted:
            raise RolledBack(
                f"{self._name} has not left: a recovery came before it was released; it runs again as a member; "
                "call leave() again, or end the process, which then counts as lost"
            )
        return self.released

    def _wake(self) -> None:
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)


def not_left(name: ProcessName, *, open_channels: tuple[str, ...], said: bool, seconds: float) -> CutpointError:
    """The error for a process that could not leave in time: what holds it up, and what to do."""
    what_now = "call leave() again, or end the process, which then counts as lost and is recovered"
    if open_channels:
        return CutpointError(
            f"{name} has not left: {', '.join(open_channels)} did not close within {seconds:g} seconds; nothing was "
            f"lost; close the other ends, open again and close what a recovery has restored, then {what_now}"
        )
    if not said:
        return CutpointError(
            f"{name} has not left: no coordinator could be told within {seconds:g} seconds; nothing was lost; start "
            f"the coordinator, then {what_now}"
        )
    return CutpointError(
        f"{name} has not left: no recovery point has released it within {seconds:g} seconds; nothing was lost; see why "
        f"cuts are abandoned, then call leave() again; the coordinator knows that {name} leaves, so ending the "
        "process now does no harm"
    )
