"""``cutpoint audit``: who did what, when, from where, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutpoint_coordinator.commands.options import NUMBER, ask, coordinator_option, json_option

if TYPE_CHECKING:
    from cutpoint_coordinator.access.answers import Entry


@click.command()
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, metavar="N", help="How many entries."
)
@click.option("--before", type=NUMBER, metavar="NUMBER", help="Only those before this one.")
@coordinator_option
@json_option
def audit(limit: int, before: int | None, coordinator_url: str, as_json: bool) -> None:
    """Show the audit log, the newest entries first."""
    from cutpoint_coordinator.commands.printing import print_json, print_line, print_table

    page = ask(coordinator_url, lambda client: client.audit(limit=limit, after=before))
    if as_json:
        print_json(page)
        return
    columns = ("number#", "when", "who", "what", "on", "from", "outcome")
    print_table("Audit log", columns, [_row(entry) for entry in page.entries])
    if page.next is not None:
        print_line(f"older ones: cutpoint audit --before {page.next}")


def _row(entry: Entry) -> tuple[object, ...]:
    outcome = f"{entry.outcome} ({entry.count} times)" if entry.count > 1 else entry.outcome
    return (entry.number, entry.at[:19], entry.who, entry.what, entry.target, entry.origin, outcome)
