"""``cutpoint label``, ``unlabel``, ``pin``, ``unpin``: what people say of a recovery point, kept beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cutpoint_coordinator.commands.options import (
    NUMBER,
    ask,
    coordinator_option,
    json_option,
    keys_option,
    store_option,
)

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint.store.marks import Event
    from cutpoint_coordinator.answers import MarksAnswer


def _options(command: Callable[..., None]) -> Callable[..., None]:
    """What the four commands share."""
    named = click.option("--by", metavar="WHO", help="Who says so. Default: this user, at this machine.")(command)
    return click.argument("number", type=NUMBER, metavar="N")(
        store_option(coordinator_option(keys_option(json_option(named))))
    )


@click.command()
@_options
@click.argument("name", metavar="NAME")
def label(number: int, name: str, **options: Any) -> None:
    """Give recovery point N a label; it may have several, and several may have the same."""
    _mark(number, "label", name, **options)


@click.command()
@_options
@click.argument("name", metavar="NAME")
def unlabel(number: int, name: str, **options: Any) -> None:
    """Take a label of recovery point N back."""
    _mark(number, "unlabel", name, **options)


@click.command()
@_options
def pin(number: int, **options: Any) -> None:
    """Keep recovery point N: no collection drops it until it is unpinned."""
    _mark(number, "pin", "", **options)


@click.command()
@_options
def unpin(number: int, **options: Any) -> None:
    """Let recovery point N be dropped again when no rule keeps it."""
    _mark(number, "unpin", "", **options)


def _mark(
    number: int,
    event: Event,
    label: str,
    *,
    store_url: str | None,
    coordinator_url: str,
    keys: KeyRing | None,
    as_json: bool,
    by: str | None,
) -> None:
    from cutpoint_coordinator.commands.printing import print_json, print_line
    from cutpoint_coordinator.commands.users import this_user

    who = by or this_user()
    if store_url is None:
        holds = ask(coordinator_url, lambda client: client.mark(number, event, label=label, by=who))
    else:
        holds = _mark_in_store(store_url, number, event, label, who, keys)
    if as_json:
        print_json(holds)
    else:
        labels = ", ".join(holds.labels) or "no label"
        print_line(f"recovery point {number}: {labels}, {'pinned' if holds.pinned else 'not pinned'}")


def _mark_in_store(
    store_url: str, number: int, event: Event, label: str, who: str, keys: KeyRing | None
) -> MarksAnswer:
    from cutpoint.names import CutNumber
    from cutpoint.store.marks import add_mark
    from cutpoint_coordinator.answers import MarksAnswer
    from cutpoint_coordinator.offline import open_store

    backend = open_store(store_url)
    now = datetime.fromtimestamp(time.time(), UTC)
    marks = add_mark(backend, CutNumber(number), event, by=who, at=now, label=label, keys=keys)
    return MarksAnswer(cut=number, labels=marks.labels, pinned=marks.pinned)
