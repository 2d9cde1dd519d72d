"""``cutpoint demo``: fly a month of real flights, kill processes on the way, and compare every tally.

Exit status 0 only if every tally is exact and every kill was reached; an uncoordinated run that came to its end is
also a success, since it shows what is lost and doubled without cuts.
"""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from cutpoint_simulations.flights.demonstration import Options, demonstrate
from cutpoint_simulations.flights.kills import DEFAULT_KILLS, parse_kills
from cutpoint_simulations.flights.reading import JANUARY


@click.command()
@click.option(
    "--flights",
    type=click.Path(path_type=Path),
    default=JANUARY,
    metavar="FILE",
    help="CSV of flights, plain or gzip.  [default: January 2013, shipped with the package]",
)
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Write what was found out as JSON.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Where to draw one cut.")
@click.option(
    "--kill",
    "kills",
    multiple=True,
    metavar="KIND@K",
    help="kill -9 a random process of KIND (origin, destination, coordinator, etcd) after the K-th recovery point; "
    f"may be repeated; 'none' for no kills.  [default: {' '.join(DEFAULT_KILLS)}]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="For the choice of what is killed.")
@click.option(
    "--landings",
    type=click.FloatRange(1, 1_000_000),
    default=400,
    show_default=True,
    help="Flights that one region lands in a second, at most.",
)
@click.option("--uncoordinated", is_flag=True, help="No cuts: each service restarts from a checkpoint of its own.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep store, registry and logs in this new folder.  [default: a temporary one, removed on success]",
)
@click.pass_context
def demo(
    context: click.Context,
    flights: Path,
    report: Path | None,
    svg: Path | None,
    kills: tuple[str, ...],
    seed: int,
    landings: float,
    uncoordinated: bool,
    directory: Path | None,
) -> None:
    """Fly a month of real flights, kill processes on the way, and compare every tally."""
    options = Options(
        flights=flights,
        report=report,
        svg=svg,
        kills=parse_kills(kills or DEFAULT_KILLS),
        seed=seed,
        landings=landings,
        uncoordinated=uncoordinated,
        directory=directory,
    )
    context.exit(demonstrate(options, Console(soft_wrap=False)))
