"""The client for scripts and notebooks: the same questions, answered before the call returns.

It runs a `CoordinatorClient` on an event loop of its own, on a thread, so it also works where a loop runs already, as
in a notebook.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar

from cutpoint_coordinator.answers import (
    CollectionStatus,
    CutAnswer,
    CutsAnswer,
    HealthAnswer,
    MarksAnswer,
    NoticesAnswer,
    PointDetailAnswer,
    PointsAnswer,
    RecoveriesAnswer,
    RecoveryAnswer,
    ReleaseAnswer,
    TopologyAnswer,
    VerifyAnswer,
)
from cutpoint_coordinator.client.blocking_administering import BlockingAdministering
from cutpoint_coordinator.client.coordinator_client import CoordinatorClient
from cutpoint_coordinator.client.events import Event
from cutpoint_coordinator.upkeep import CollectionAnswer

T = TypeVar("T")


class BlockingClient(BlockingAdministering):
    """Asks like `CoordinatorClient`, whose arguments it takes. Use it as a context manager, or `close` it."""

    def __init__(self, urls: str | Sequence[str], **settings: Any) -> None:
        self._client = CoordinatorClient(urls, **settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cutpoint client", daemon=True)
        self._thread.start()
        self._run(self._client.open())

    def close(self) -> None:
        """Let go of every connection, and end the thread. Harmless a second time."""
        if self._loop.is_closed():
            return
        self._run(self._client.close())
        self._run(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, question: Callable[[CoordinatorClient], Awaitable[T]]) -> T:
        """Ask anything that a `CoordinatorClient` can be asked: ``ask(lambda client: client.cut())``."""

        async def asked() -> T:
            return await question(self._client)

        return self._run(asked())

    def health(self) -> HealthAnswer:
        """Whether the coordinator leads."""
        return self._run(self._client.health())

    def ready(self) -> HealthAnswer:
        """The health of a coordinator that leads."""
        return self._run(self._client.ready())

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document of the API."""
        return self._run(self._client.openapi())

    def cut(self, *, wait: bool = True, timeout_seconds: float = 60.0) -> CutAnswer:
        """Take a cut."""
        return self._run(self._client.cut(wait=wait, timeout_seconds=timeout_seconds))

    def cut_state(self, cut: int, *, wait_seconds: float = 0.0) -> CutAnswer:
        """How it stands with one cut when it has ended, or after ``wait_seconds``."""
        return self._run(self._client.cut_state(cut, wait_seconds=wait_seconds))

    def cuts(self, *, limit: int | None = None, newest_first: bool = False) -> CutsAnswer:
        """Cuts by number, up to ``limit`` of them (None: all)."""
        return self._run(self._client.cuts(limit=limit, newest_first=newest_first))

    def points(self, *, limit: int | None = None, newest_first: bool = False) -> PointsAnswer:
        """Recovery points by number, up to ``limit`` of them (None: all)."""
        return self._run(self._client.points(limit=limit, newest_first=newest_first))

    def point(self, cut: int) -> PointDetailAnswer:
        """One recovery point with its manifest and certificate."""
        return self._run(self._client.point(cut))

    def verify(self, cut: int | None = None) -> VerifyAnswer:
        """Read one recovery point back, or all."""
        return self._run(self._client.verify(cut))

    def mark(self, cut: int, event: str, *, label: str = "", by: str = "") -> MarksAnswer:
        """Say ``label``, ``unlabel``, ``pin`` or ``unpin`` of a recovery point."""
        return self._run(self._client.mark(cut, event, label=label, by=by))

    def collect(
        self, keep: str = "", *, dry_run: bool = False, per_second: float | None = None, by: str = ""
    ) -> CollectionAnswer:
        """Drop what ``keep`` (empty: the coordinator's own policy) does not keep."""
        return self._run(self._client.collect(keep, dry_run=dry_run, per_second=per_second, by=by))

    def collection(self) -> CollectionStatus:
        """What the coordinator keeps, and how the last collection went."""
        return self._run(self._client.collection())

    def recover(
        self, cut: int | None = None, *, dry_run: bool = False, wait: bool = True, timeout_seconds: float = 60.0
    ) -> RecoveryAnswer:
        """Go back to ``cut`` (None: the last recovery point; 0: the beginning), or only say what that would do."""
        return self._run(self._client.recover(cut, dry_run=dry_run, wait=wait, timeout_seconds=timeout_seconds))

    def recovery_state(self, incarnation: int, *, wait_seconds: float = 0.0) -> RecoveryAnswer:
        """How it stands with the recovery that starts ``incarnation``, when it is over or after ``wait_seconds``."""
        return self._run(self._client.recovery_state(incarnation, wait_seconds=wait_seconds))

    def recoveries(self, *, limit: int | None = None, newest_first: bool = False) -> RecoveriesAnswer:
        """Completed recoveries by incarnation, up to ``limit`` of them (None: all)."""
        return self._run(self._client.recoveries(limit=limit, newest_first=newest_first))

    def release(self, process: str, *, timeout_seconds: float = 60.0) -> ReleaseAnswer:
        """Go on without ``process``, which is gone and will not come back."""
        return self._run(self._client.release(process, timeout_seconds=timeout_seconds))

    def topology(self) -> TopologyAnswer:
        """Processes, channels, the open cut, the recovery under way."""
        return self._run(self._client.topology())

    def notices(self, kind: str = "", *, limit: int | None = None, newest_first: bool = False) -> NoticesAnswer:
        """The last notices, those of ``kind`` (empty: all), up to ``limit`` of them."""
        return self._run(self._client.notices(kind, limit=limit, newest_first=newest_first))

    def events(self, kind: str = "", *, last_event: str = "") -> Iterator[Event]:
        """What happens from now on, or after ``last_event``, without an end."""
        stream = self._client.events(kind, last_event=last_event)
        try:
            while True:
                yield self._run(_following(stream.__anext__))
        finally:
            self._run(stream.aclose())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _following(step: Callable[[], Awaitable[Event]]) -> Event:
    return await step()
