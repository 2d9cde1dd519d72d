"""The flags that several commands share, and how a command asks a coordinator."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
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
    """``--coordinator URL``, and the flags that say how it is reached, which `ask` finds by itself."""
    for flag, variable, text in (
        ("--tls-key", "CUTPOINT_TLS_KEY", "The key of --tls-cert."),
        ("--tls-cert", "CUTPOINT_TLS_CERT", "The certificate to show to a coordinator that asks for one."),
        ("--tls-ca", "CUTPOINT_TLS_CA", "The certificates to believe. Default: the system's."),
        ("--token-file", "CUTPOINT_TOKEN_FILE", "The token to show; CUTPOINT_TOKEN holds one itself."),
    ):
        command = click.option(
            flag, metavar="FILE", envvar=variable, show_envvar=True, help=text, expose_value=False, callback=_kept
        )(command)
    for flag, variable, plain in (("--token", "CUTPOINT_TOKEN", False), ("--plain-http", "CUTPOINT_PLAIN_HTTP", True)):
        command = click.option(  # what is on a command line can be read by every user of the machine
            flag, envvar=variable, hidden=True, is_flag=plain, expose_value=False, callback=_kept
        )(command)
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


def _kept(context: click.Context, option: click.Parameter, value: object) -> None:
    context.meta[f"cutpoint {option.name}"] = value


def reach() -> dict[str, Any]:
    """How the coordinator is reached, as a `CoordinatorClient` is told. Raises `ConfigurationError`."""
    from cutpoint.access import ClientTls
    from cutpoint.access.sources import loaded_token

    context = click.get_current_context(silent=True)
    given = context.meta if context is not None else {}
    path = given.get("cutpoint token_file")
    token = loaded_token(given.get("cutpoint token") or (Path(path) if path else None))
    tls = ClientTls(
        ca=given.get("cutpoint tls_ca"), certificate=given.get("cutpoint tls_cert"), key=given.get("cutpoint tls_key")
    )
    return {"token": token, "tls": tls, "plain_http": bool(given.get("cutpoint plain_http"))}


def json_option(command: Decorated) -> Decorated:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def store_option(command: Decorated) -> Decorated:
    """``--store URL``."""
    return click.option(
        "--store",
        "store_url",
        metavar="URL",
        help="Read this store directly, without a coordinator: a folder, or a bucket as s3://BUCKET/PREFIX.",
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

    reached_by = reach()

    async def asked() -> T:
        async with CoordinatorClient(url, **reached_by) as client:
            return await question(client)

    return asyncio.run(asked())
