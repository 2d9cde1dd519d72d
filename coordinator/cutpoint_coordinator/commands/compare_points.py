"""``cutpoint diff N M``: what changed between two recovery points."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import msgspec

from cutpoint_coordinator.commands.options import NUMBER, coordinator_option, json_option, keys_option, store_option

if TYPE_CHECKING:
    from cutpoint.catalog.differences import Difference, KeyDifference, StateDifference
    from cutpoint.store.keys import KeyRing

VALUE_WIDTH = 60
"""How much of a value is printed for people, in characters."""

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@click.command()
@click.argument("before", type=NUMBER, metavar="N")
@click.argument("after", type=NUMBER, metavar="M")
@click.option(
    "--limit",
    type=click.IntRange(min=0, max=1_000_000),
    metavar="COUNT",
    default=20,
    show_default=True,
    help="How many changed keys of each table are named; all are counted.",
)
@click.option("--values", is_flag=True, help="Print the values too, before and after.")
@store_option
@coordinator_option
@keys_option
@json_option
def diff(
    before: int,
    after: int,
    limit: int,
    values: bool,
    store_url: str | None,
    coordinator_url: str,
    keys: KeyRing | None,
    as_json: bool,
) -> None:
    """Tell which services, states and keys changed from recovery point N to M, and what was in flight."""
    from cutpoint.catalog.differences import compare_points
    from cutpoint.names import CutNumber
    from cutpoint_coordinator.commands.printing import print_json
    from cutpoint_coordinator.commands.stores import chosen_store

    backend = chosen_store(store_url, coordinator_url)
    found = compare_points(backend, CutNumber(before), CutNumber(after), keys=keys, limit=limit, values=values)
    if as_json:
        print_json(found)
    else:
        _print(found)


def _print(found: Difference) -> None:
    from cutpoint_coordinator.commands.printing import print_line, print_table, several

    if found.same:
        print_line(f"Recovery points {found.before} and {found.after} hold the same.")
        return
    for service in found.services:
        if service.restarted:
            print_line(f"{service.process} runs another life: it was started anew, or recovered")
    states = [(service, state) for service in found.services for state in service.states]
    shown = [(service, state) for service, state in states if state.change != "same" or state.why]
    print_table(
        f"States, from recovery point {found.before} to {found.after}",
        ("service", "state", "kind", "", "added#", "removed#", "changed#", "note"),
        [
            (service.process, state.name, state.kind, state.change, *_counts(state), state.why)
            for service, state in shown
        ],
    )
    if same := len(states) - len(shown):
        print_line(f"{several(same, 'state is', 'states are')} the same")
    for service, state in shown:
        _print_content(f"{service.process}/{state.name}", state)
    if found.channels:
        print_table(
            "Channels",
            ("channel", "in flight#", "then#", "sent#", "then#"),
            [(c.channel, c.in_flight_before, c.in_flight_after, c.sent_before, c.sent_after) for c in found.channels],
        )


def _counts(state: StateDifference) -> tuple[int | str, int | str, int | str]:
    if state.kind != "table" or not state.read:
        return "", "", ""
    return state.added, state.removed, state.changed


def _print_content(where: str, state: StateDifference) -> None:
    from cutpoint_coordinator.commands.printing import print_line

    count = state.added + state.removed + state.changed
    values = _values(state.before, state.after)
    if state.keys or values:
        print_line(f"{where}{values}")
    for key in state.keys:
        print_line(f"  {_SIGNS[key.change]} {_short(key.key)}{_values_of(key)}")
    if state.keys and count > len(state.keys):
        print_line(f"  and {count - len(state.keys)} more; --limit names more of them")


def _values_of(key: KeyDifference) -> str:
    return _values(key.before, key.after)


def _values(before: Any, after: Any) -> str:
    told = [_short(value) for value in (before, after) if value is not msgspec.UNSET]
    return f": {' -> '.join(told)}" if told else ""


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE_WIDTH else f"{text[:VALUE_WIDTH]}..."
