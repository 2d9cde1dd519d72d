"""``cutpoint doctor``: what could be wrong, what it means, and what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from cutpoint_coordinator.commands.options import (
    coordinator_option,
    json_option,
    keys_option,
    reach,
    store_option,
)

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

_SIGNS = {"ok": "ok  ", "warn": "WARN", "bad": "BAD "}


@click.command()
@click.option("--registry", metavar="URL", help="Look at this registry too: a folder, or etcd://HOST:PORT,HOST:PORT.")
@click.option("--computation", metavar="NAME", default="default", show_default=True, help="Whose records it holds.")
@click.option("--test-alarms", is_flag=True, help="Send an alert of the kind test to every webhook.")
@coordinator_option
@store_option
@keys_option
@json_option
@click.pass_context
def doctor(
    context: click.Context,
    registry: str | None,
    computation: str,
    test_alarms: bool,
    coordinator_url: str,
    store_url: str | None,
    keys: KeyRing | None,
    as_json: bool,
) -> None:
    """Look at coordinator, registry and store from this machine. Ends with 1 if something is bad."""
    from cutpoint_coordinator.commands.printing import print_json, print_line
    from cutpoint_coordinator.doctor.examination import examine
    from cutpoint_coordinator.doctor.reach import Reach

    found = asyncio.run(
        examine(
            coordinator=Reach(url=coordinator_url, **reach()),
            registry=registry,
            store=store_url,
            computation=computation,
            keys=keys,
            test_alarms=test_alarms,
        )
    )
    if as_json:
        print_json(found)
    else:
        for finding in found.findings:
            print_line(f"{_SIGNS[finding.verdict]}  {finding.subject}: {finding.found}")
            if finding.means:
                print_line(f"      means: {finding.means}")
            if finding.remedy:
                print_line(f"      do:    {finding.remedy}")
    context.exit(1 if found.verdict == "bad" else 0)
