"""The selector of one simulated host: which of its sockets are ready, without an operating system."""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from cutpoint_simulations.refusal import not_simulated

if TYPE_CHECKING:
    from cutpoint_simulations.loop.host import Host

Event = tuple[selectors.SelectorKey, int]


class Pollable(Protocol):
    """What a selector watches."""

    @property
    def mask(self) -> int:
        """`selectors.EVENT_READ` and `EVENT_WRITE`, as it is ready."""


class HostSelector(selectors.BaseSelector):
    """Level-triggered, as epoll is by default. ``find`` gives the socket of ``host`` that has a descriptor."""

    def __init__(self, host: Host, find: Callable[[int], Pollable | None]) -> None:
        self._host = host
        self._find = find
        self._keys: dict[int, selectors.SelectorKey] = {}
        self.marked: dict[int, None] = {}

    def mark(self, descriptor: int) -> None:
        """Look at this one when next asked."""
        if descriptor in self._keys:
            self.marked[descriptor] = None

    def drained(self, descriptor: int) -> None:
        """There is nothing to be read here; that it is looked at again would be in vain, unless it waits to write."""
        key = self._keys.get(descriptor)
        if key is not None and key.events == selectors.EVENT_READ:
            self.marked.pop(descriptor, None)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors.BaseSelector.register`."""
        descriptor = _descriptor(fileobj)
        if descriptor in self._keys:
            raise KeyError(f"{fileobj!r} is already registered")
        if self._find(descriptor) is None:
            self._host.refuse(not_simulated(f"the descriptor {descriptor} in an event loop", "use asyncio's streams"))
        key = selectors.SelectorKey(fileobj, descriptor, events, data)
        self._keys[descriptor] = key
        self.marked[descriptor] = None
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """See `selectors.BaseSelector.unregister`."""
        descriptor = _descriptor(fileobj)
        self.marked.pop(descriptor, None)
        return self._keys.pop(descriptor)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors.BaseSelector.modify`."""
        descriptor = _descriptor(fileobj)
        key = self._keys[descriptor]._replace(events=events, data=data)
        self._keys[descriptor] = key
        self.marked[descriptor] = None
        return key

    def select(self, timeout: float | None = None) -> list[Event]:
        """What is ready now, in an order of chance; it never waits, because time is not its business."""
        ready: list[Event] = []
        for descriptor in list(self.marked):
            key = self._keys[descriptor]
            watched = self._find(descriptor)
            mask = key.events & watched.mask if watched is not None else 0
            if mask:
                ready.append((key, mask))
            else:
                del self.marked[descriptor]
        if len(ready) > 1:
            self._host.chance.shuffle(ready)
        return ready

    def close(self) -> None:
        """Watch nothing any more."""
        self._keys.clear()
        self.marked.clear()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """See `selectors.BaseSelector.get_key`."""
        return self._keys[_descriptor(fileobj)]

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """By descriptor."""
        return self._keys


def _descriptor(fileobj: Any) -> int:
    if isinstance(fileobj, int):
        return fileobj
    descriptor = int(fileobj.fileno())
    if descriptor < 0:
        raise ValueError(f"{fileobj!r} is closed")
    return descriptor
