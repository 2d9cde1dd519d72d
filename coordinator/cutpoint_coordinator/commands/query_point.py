"""``cutpoint query N SERVICE/STATE [KEY]``: what a recovery point says of one key, or of one state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cutpoint.errors import UsageError
from cutpoint_coordinator.commands.options import NUMBER, coordinator_option, json_option, keys_option, store_option

if TYPE_CHECKING:
    from cutpoint.catalog.queries import Query
    from cutpoint.store.keys import KeyRing


@click.command()
@click.argument("number", type=NUMBER, metavar="N")
@click.argument("name", metavar="SERVICE/STATE")
@click.argument("key", metavar="[KEY]", required=False)
@click.option("--all", "whole", is_flag=True, help="Print a whole table, one JSON object a line.")
@store_option
@coordinator_option
@keys_option
@json_option
def query(
    number: int,
    name: str,
    key: str | None,
    whole: bool,
    store_url: str | None,
    coordinator_url: str,
    keys: KeyRing | None,
    as_json: bool,
) -> None:
    """Print as JSON what a state held at recovery point N: of a table the value of KEY, else the whole of it.

    KEY is read as JSON if it is that, and else is the text itself.
    """
    from cutpoint.catalog.queries import Query, StateName
    from cutpoint.catalog.shown import key_candidates, to_json
    from cutpoint.names import CutNumber
    from cutpoint_coordinator.commands.stores import chosen_store

    if whole and key is not None:
        raise click.UsageError("--all prints every key: leave KEY out")
    state = StateName.parse(name)
    wanted = None if key is None else key_candidates(key)
    found = Query(chosen_store(store_url, coordinator_url), CutNumber(number), state, keys)
    about = {"cut": number, "state": name}
    if whole and found.is_table:
        _print_entries(found)
    elif wanted is None:
        value = to_json(found.value())
        _print({**about, "value": value} if as_json else value)
    else:
        entry = found.find(wanted)
        if entry is None:
            raise UsageError(
                f"{found.where} has no key {key}; nothing was changed; `cutpoint query {number} {name} --all` prints "
                "those that there are"
            )
        value = to_json(entry.value)
        _print({**about, "key": to_json(entry.key), "value": value} if as_json else value)


def _print_entries(found: Query) -> None:
    from cutpoint.catalog.shown import to_json

    for entry in found.entries():
        _print({"key": to_json(entry.key), "value": to_json(entry.value)})


def _print(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))
