"""What a send returns: something that need not be awaited, because the message counts as sent at the call.

Awaiting it waits for room on the channel, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, NoReturn


class _Done(Coroutine[Any, Any, None]):
    """An awaitable that is done: what a send returns while there is room. One object serves all."""

    def send(self, value: None, /) -> NoReturn:
        raise StopIteration

    def throw(self, *error: Any) -> NoReturn:
        raise error[0] if isinstance(error[0], BaseException) else error[0]()

    def close(self) -> None:
        """Nothing is held."""

    def __await__(self) -> Generator[Any, Any, None]:
        return iter(())  # type: ignore[return-value]


DONE: Final = _Done()


class Waiting(Coroutine[Any, Any, None]):
    """What a send returns while there is no room: it waits once it is awaited, and need not be."""

    def __init__(self, wait: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._wait = wait
        self._begun: Coroutine[Any, Any, None] | None = None

    def _begin(self) -> Coroutine[Any, Any, None]:
        if self._begun is None:
            self._begun = self._wait()
        return self._begun

    def send(self, value: None, /) -> Any:
        return self._begin().send(value)

    def throw(self, *error: Any) -> Any:
        return self._begin().throw(*error)

    def close(self) -> None:
        """Stop waiting."""
        if self._begun is not None:
            self._begun.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._begin().__await__()
