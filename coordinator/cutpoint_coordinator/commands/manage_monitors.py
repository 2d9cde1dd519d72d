"""``cutpoint monitors``: bring predicates over cuts, see what they have found, take them away, try them by hand."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.commands.options import (
    NUMBER,
    SECONDS,
    Seconds,
    ask,
    coordinator_option,
    json_option,
    keys_option,
    store_option,
)

if TYPE_CHECKING:
    from types import ModuleType

    from cutpoint.monitors import Monitor
    from cutpoint.monitors.evaluation import Evaluation
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.monitoring.answers import MonitorAnswer, MonitorsAnswer

_MIB = 1024 * 1024
_WHAT = click.argument("what", metavar="MODULE:MONITOR")


@click.group()
def monitors() -> None:
    """Have every cut looked at by functions of yours: money that was invented, a deadlock, an end."""


@monitors.command()
@click.argument("name", metavar="NAME")
@_WHAT
@click.option(
    "--period", type=Seconds(min=0), help="Look at most once in so many seconds. Default: what the monitor says."
)
@click.option("--time", "seconds", type=SECONDS, help="Kill one evaluation that takes longer.")
@click.option("--memory", "mebibytes", type=click.IntRange(min=128), metavar="MIB", help="What one may take in memory.")
@click.option("--by", metavar="WHO", help="Who brings it. Default: this user, at this machine.")
@coordinator_option
@json_option
def add(
    name: str,
    what: str,
    period: float | None,
    seconds: float | None,
    mebibytes: int | None,
    by: str | None,
    coordinator_url: str,
    as_json: bool,
) -> None:
    """Bring a monitor, or replace the one called NAME.

    Its code travels with the module that it is in, and runs as the coordinator's user: for administrators.
    """
    from cutpoint.monitors.deployed import deploy
    from cutpoint_coordinator.commands.printing import print_json, print_line
    from cutpoint_coordinator.commands.users import this_user

    monitor, module = _found(what)
    limits = dataclasses.replace(
        monitor.limits,
        seconds=seconds or monitor.limits.seconds,
        memory_bytes=mebibytes * _MIB if mebibytes else monitor.limits.memory_bytes,
    )
    period_seconds = monitor.period_seconds if period is None else period
    named = dataclasses.replace(monitor, name=name, period_seconds=period_seconds, limits=limits)
    deployed = deploy(named, written_in=module, by=by or this_user())
    added = ask(coordinator_url, lambda client: client.put_monitor(deployed))
    if as_json:
        print_json(added)
    else:
        print_line(f"monitor {name} was added; it looks at {_every(added)}")


@monitors.command("list")
@coordinator_option
@json_option
def list_(coordinator_url: str, as_json: bool) -> None:
    """List the monitors, and what they have found."""
    from cutpoint_coordinator.commands.printing import print_json

    found = ask(coordinator_url, lambda client: client.monitors())
    if as_json:
        print_json(found)
    else:
        _print(found)


@monitors.command()
@click.argument("name", metavar="NAME")
@coordinator_option
@json_option
def remove(name: str, coordinator_url: str, as_json: bool) -> None:
    """Take a monitor away, with what it has found. What it has pinned stays pinned."""
    from cutpoint_coordinator.commands.printing import print_json, print_line

    removed = ask(coordinator_url, lambda client: client.remove_monitor(name))
    if as_json:
        print_json(removed)
    else:
        print_line(f"monitor {name} was removed; what it has pinned stays pinned")


@monitors.command()
@_WHAT
@click.argument("number", type=NUMBER, metavar="N")
@store_option
@keys_option
@coordinator_option
@json_option
def run(
    what: str, number: int, store_url: str | None, keys: KeyRing | None, coordinator_url: str, as_json: bool
) -> None:
    """Ask a monitor about recovery point N now, as a coordinator would, in a process of its own.

    Ends with status 1 if it complains, or fails.
    """
    import asyncio

    from cutpoint.monitors.deployed import deploy
    from cutpoint_coordinator.commands.printing import print_json, print_line
    from cutpoint_coordinator.commands.stores import chosen_store
    from cutpoint_coordinator.monitoring.processes import ProcessEvaluator

    monitor, module = _found(what)
    deployed = deploy(monitor, written_in=module)
    url = chosen_store(store_url, coordinator_url).url

    async def evaluated() -> Evaluation:
        evaluator = ProcessEvaluator(deployed, store=url, keys=keys)
        try:
            return await evaluator.evaluate(number)
        finally:
            await evaluator.close()

    found = asyncio.run(evaluated())
    if as_json:
        print_json(found)
    else:
        print_line(_said(monitor.name, found))
    if found.verdict != "well":
        raise SystemExit(1)


def _said(name: str, found: Evaluation) -> str:
    match found.verdict:
        case "well":
            return f"monitor {name} is content with recovery point {found.cut}"
        case "violated":
            return f"monitor {name} complains of recovery point {found.cut}: {found.complaint}"
        case "failed":
            return f"monitor {name} said nothing of recovery point {found.cut}: {found.complaint}"
    return found.complaint


def _found(what: str) -> tuple[Monitor, ModuleType]:
    """The monitor that ``module:attribute`` names, or that a function of that name gives; and its module."""
    from cutpoint.imports import import_named
    from cutpoint.monitors import Monitor
    from cutpoint.wire.checks import one_line

    def wrong(why: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(f"{one_line(what)} names no monitor: {why}; nothing was done; {remedy}")

    module, found = import_named(what, wrong, example="checks:money for money in checks.py")
    if callable(found) and not isinstance(found, Monitor):
        try:
            found = found()
        except Exception as error:  # the user's own code
            told = one_line(f"{type(error).__name__}: {error}")
            raise wrong(
                f"it cannot be made ({told})", "decorate the function with @monitor(...), or mend it"
            ) from error
    if not isinstance(found, Monitor):
        raise wrong(f"it is {type(found).__name__}", "decorate a function with @monitor(...)")
    return found, module


def _print(found: MonitorsAnswer) -> None:
    from cutpoint_coordinator.commands.printing import print_line, print_table

    rows = [
        (each.name, _every(each), each.last_cut or "-", each.verdict or "-", each.checked, each.skipped, _news(each))
        for each in found.monitors
    ]
    columns = ("monitor", "looks at", "last cut#", "verdict", "looked at#", "skipped#", "found")
    print_table(f"{len(rows)} monitors", columns, rows)
    for name, why in found.refused.items():
        print_line(f"monitor {name} is not run: {why}")


def _every(monitor: MonitorAnswer) -> str:
    return f"a cut every {monitor.period_seconds:g} s" if monitor.period_seconds else "every cut"


def _news(monitor: MonitorAnswer) -> str:
    if monitor.fault:
        return f"its own fault: {monitor.fault}"
    if not monitor.episodes:
        return "no complaint"
    last = monitor.episodes[-1]
    return f"{'until' if last.over else 'since'} cut {last.last if last.over else last.first}: {last.complaint}"
