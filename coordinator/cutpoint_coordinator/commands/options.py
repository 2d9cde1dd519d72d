"""The flags that several commands share, and how a command asks a coordinator."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cutpoint_coordinator.settings import DEFAULT_LISTEN

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.client import CoordinatorClient

T = TypeVar("T")
Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class Seconds(click.FloatRange):
    """A number of seconds; ``nan`` is none."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Convert and check. Fails as click's own types do."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return float(seconds)


NUMBER = click.IntRange(min=1, max=2**53 - 1)
"""The number of a cut."""

SECONDS = Seconds(min=0, max=1_000_000, min_open=True)
"""A length of time."""


def coordinator_option(command: Decorated) -> Decorated:
    """``--coordinator URL``."""
    return click.option(
        "--coordinator",
        "coordinator_url",
        metavar="URL",
        default=f"http://{DEFAULT_LISTEN}",
        envvar="CUTPOINT_COORDINATOR",
        show_default=True,
        show_envvar=True,
        help="Where the coordinator is.",
    )(command)


def json_option(command: Decorated) -> Decorated:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def store_option(command: Decorated) -> Decorated:
    """``--store URL``."""
    return click.option(
        "--store",
        "store_url",
        metavar="URL",
        help="Read this store directly, without a coordinator: a folder, or file:///absolute/path.",
    )(command)


def keys_option(command: Decorated) -> Decorated:
    """``--keys FILE``, given to the command as ``keys``: a `KeyRing`, or None."""
    return click.option(
        "--keys",
        callback=_loaded,
        metavar="FILE",
        envvar="CUTPOINT_KEYS",
        show_envvar=True,
        help="The keys that sign, verify and open what is in the store, as `cutpoint keys generate` makes them.",
    )(command)


def _loaded(_context: click.Context, _option: click.Parameter, path: str | None) -> KeyRing | None:
    """The keys in the file at ``path``. Raises `ConfigurationError`."""
    from cutpoint.store.keys import loaded_keys

    return loaded_keys(path)


def ask(url: str, question: Callable[[CoordinatorClient], Awaitable[T]]) -> T:
    """Ask the coordinator at ``url``. Raises `CutpointError`."""
    from cutpoint_coordinator.client import CoordinatorClient

    async def asked() -> T:
        async with CoordinatorClient(url) as client:
            return await question(client)

    return asyncio.run(asked())
