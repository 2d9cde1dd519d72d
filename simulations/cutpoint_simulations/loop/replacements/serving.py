"""How one function of the standard library is replaced: by one that serves the host that runs, or refuses."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from types import GenericAlias
from typing import Any

from cutpoint_simulations.loop.current import running
from cutpoint_simulations.loop.host import Host
from cutpoint_simulations.refusal import not_simulated

Replacement = tuple[Any, str, Any]
"""Where, which attribute, by what."""

_LIKE_IT = ("__module__", "__name__", "__qualname__", "__doc__")


class _Builtin:
    """Stands for a function written in C, which does not become a method where a class keeps it, or for a class."""

    def __init__(self, function: Callable[..., Any], original: Any) -> None:
        functools.update_wrapper(self, original, assigned=_LIKE_IT, updated=())
        self._function = function
        self._original = original

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self._function(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)

    def __getitem__(self, item: Any) -> Any:
        return GenericAlias(self, item)  # type: ignore[arg-type]

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._original)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._original,)


def served(place: Any, name: str, serve: Callable[..., Any]) -> Replacement:
    """``serve(host, *arguments)`` where a host runs, the original where none does."""
    original = vars(place)[name] if isinstance(place, type) else getattr(place, name)

    @functools.wraps(original, assigned=_LIKE_IT, updated=())
    def either(*arguments: Any, **options: Any) -> Any:
        host = running.host
        return original(*arguments, **options) if host is None else serve(host, *arguments, **options)

    return place, name, either if hasattr(type(original), "__get__") else _Builtin(either, original)


def refused(place: Any, name: str, what: str, instead: str) -> Replacement:
    """Refuse ``what`` (a noun) where a host runs."""

    def serve(host: Host, *_: Any, **__: Any) -> Any:
        host.refuse(not_simulated(what, instead))

    return served(place, name, serve)


def all_refused(place: Any, names: tuple[str, ...], what: str, instead: str) -> list[Replacement]:
    """Refuse those of ``names`` that this Python has; ``{}`` in ``what`` stands for the name."""
    return [refused(place, name, what.format(name), instead) for name in names if hasattr(place, name)]


@contextlib.contextmanager
def outside() -> Iterator[None]:
    """No host runs: the originals serve."""
    host, running.host = running.host, None
    try:
        yield
    finally:
        running.host = host
