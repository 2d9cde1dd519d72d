"""``cutpoint simulate``: run services in the simulator, with faults, and judge everything that happens.

Exit status 0 if no run was wrong. The same seed gives the same run, everywhere and always: its hash says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.commands.options import SECONDS, json_option
from cutpoint_simulations.commands.string_hashes import fix_string_hashes

if TYPE_CHECKING:
    from cutpoint_simulations.runs import Outcome
    from cutpoint_simulations.runs.series import Totals, Wanted

BANK = "cutpoint_simulations.bank:declare"

_HEEDED = ("exhaustive", "as_json")
"""The options of an exhaustive search."""


@click.command()
@click.option(
    "--app",
    metavar="MODULE:FACTORY",
    default=BANK,
    help="The function that declares the services on a Cluster.  [default: three banks]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The first seed.")
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True, help="How many seeds.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="How many processes share them.")
@click.option("--until", type=SECONDS, help="Heal after so many virtual seconds; faults begin before.  [default: 4]")
@click.option("--faults", metavar="KIND,...", help="Only faults of these kinds; 'list' names them.  [default: all]")
@click.option("--no-faults", is_flag=True, help="No faults at all.")
@click.option("--coordinators", type=click.IntRange(1, 9), default=1, show_default=True, help="How many there are.")
@click.option(
    "--draw",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the first run that went wrong, else the first, as .svg or .html.",
)
@click.option("--shrink/--no-shrink", default=True, help="Make the first run that went wrong as small as possible.")
@click.option(
    "--exhaustive",
    metavar="CONFIGURATION",
    help="Instead of seeds, every interleaving of a small world, from open sessions on: pair-2, ring-3; "
    "'list' names them all.",
)
@json_option
@click.pass_context
def simulate(
    context: click.Context,
    app: str,
    seed: int,
    seeds: int,
    jobs: int,
    until: float | None,
    faults: str | None,
    no_faults: bool,
    coordinators: int,
    draw: Path | None,
    shrink: bool,
    exhaustive: str | None,
    as_json: bool,
) -> None:
    """Run services in the simulator, one run for each seed, with faults, and judge everything that happens."""
    fix_string_hashes()
    from cutpoint_simulations.faults import KINDS
    from cutpoint_simulations.runs.scenario import SAFETY_SECONDS
    from cutpoint_simulations.runs.series import Wanted
    from cutpoint_simulations.trace.diagram import check_diagram

    if exhaustive is not None:
        _alone(context)
        context.exit(_explore(exhaustive, as_json=as_json))
    if faults == "list":
        for kind in KINDS.values():
            click.echo(f"{kind.name:18} {kind.about}")
        return
    if draw is not None:
        check_diagram(draw)
    wanted = Wanted(
        app=app,
        seconds=SAFETY_SECONDS if until is None else until,
        kinds=_kinds(faults, no_faults=no_faults),
        coordinators=coordinators,
    )
    totals, first = _run(wanted, range(seed, seed + seeds), jobs=jobs, as_json=as_json)
    outcome = totals.failures[0] if totals.failures else first
    if outcome is not None:
        _look_closer(wanted, outcome, draw=draw, shrink=shrink, as_json=as_json)
    if totals.failed:
        context.exit(1)


def _alone(context: click.Context) -> None:
    """Raises `click.UsageError` if the command line has an option that no exhaustive search heeds."""
    for option in context.command.params:
        name = option.name or ""
        if name in _HEEDED or context.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE:
            continue
        flag = option.opts[0] if context.params[name] or not option.secondary_opts else option.secondary_opts[0]
        raise click.UsageError(
            f"--exhaustive has neither seeds nor services, and {flag} means nothing to it; nothing was searched"
        )


def _explore(name: str, *, as_json: bool) -> int:
    """Search one configuration, or list them. Returns the exit status; raises `click.BadParameter`."""
    import msgspec
    from rich.console import Console

    from cutpoint_simulations.world.search.configuration import CONFIGURATIONS

    if name == "list":
        click.echo("\n".join(CONFIGURATIONS))
        return 0
    if name not in CONFIGURATIONS:
        raise click.BadParameter(
            f"there is no configuration {name!r}; nothing was searched; choose from {', '.join(CONFIGURATIONS)}",
            param_hint="--exhaustive",
        )
    from cutpoint_simulations.world.search.exploration import explore

    with Console(stderr=True).status(name) as status:
        coverage = explore(CONFIGURATIONS[name], progress=lambda states: status.update(f"{name}: {states:,} states"))
    click.echo(msgspec.json.encode(coverage).decode() if as_json else str(coverage))
    return 0 if coverage.finding is None else 1


def _kinds(faults: str | None, *, no_faults: bool) -> tuple[str, ...] | None:
    """The kinds of faults that were asked for. Raises `click.UsageError`."""
    from cutpoint_simulations.faults import find_kinds

    if no_faults:
        if faults is not None:
            raise click.UsageError("--faults and --no-faults contradict each other")
        return ()
    if faults is None:
        return None
    try:
        return tuple(kind.name for kind in find_kinds(name.strip() for name in faults.split(",")))
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param_hint="--faults") from error


def _run(wanted: Wanted, seeds: Sequence[int], *, jobs: int, as_json: bool) -> tuple[Totals, Outcome | None]:
    """Run the seeds and tell of them; returns the run of the first seed too."""
    from cutpoint_simulations.progress_bar import progress_bar
    from cutpoint_simulations.runs.report import RunReport, tell_run, tell_totals
    from cutpoint_simulations.runs.series import Totals, run_on_cores, run_seeds

    totals, first = Totals(), None
    outcomes = run_seeds(wanted, seeds) if jobs == 1 else run_on_cores(wanted, seeds, jobs=jobs)
    try:
        with progress_bar(len(seeds), "runs") as advance:
            for outcome in outcomes:
                totals = totals.with_outcome(outcome)
                first = outcome if outcome.seed == seeds[0] else first
                if as_json:
                    click.echo(RunReport.of(outcome).line())
                advance(outcome.failed)
    finally:
        if not as_json and totals.runs and (totals.runs > 1 or first is None):
            click.echo(tell_totals(totals))
    if not as_json and first is not None and len(seeds) == 1:
        click.echo(tell_run(first))
    return totals, first


def _look_closer(wanted: Wanted, outcome: Outcome, *, draw: Path | None, shrink: bool, as_json: bool) -> None:
    """Shrink a run that went wrong, and draw what is to be drawn."""
    from cutpoint_simulations.loop.watchdog import was_held, watched
    from cutpoint_simulations.runs import run
    from cutpoint_simulations.runs.report import tell_another_run, tell_shrunk, tell_story
    from cutpoint_simulations.runs.shrinking import shrink as make_smaller
    from cutpoint_simulations.trace import write_diagram

    if not outcome.failed and draw is None:
        return
    scenario = wanted.scenario()
    with watched():
        again = run(outcome.seed, scenario, plan=outcome.plan, traced=True)
        story = tell_story(again)
        if another := tell_another_run(outcome, again):
            click.echo(f"\n{another}", err=as_json)
        elif outcome.failed and shrink and not was_held(outcome.verdict):
            shrunk = make_smaller(again, scenario)
            story, again = tell_shrunk(shrunk), shrunk.outcome
    outcome = again
    if outcome.failed:
        click.echo(f"\n{story}", err=as_json)
    if draw is not None and outcome.trace is not None:
        write_diagram(outcome.trace, draw)
