"""Finds the subcommands of ``cutpoint`` and imports only the one that is asked for.

A package contributes a command by an entry point of the group ``cutpoint.commands``: its name is the
subcommand's, its value names a `click.Command`, and its extra (``[coordinator]``) is what has to be installed for
it. A command tells its faults by raising a `CutpointError` and anything else but 0 by ``context.exit(status)``.

This module knows no command by name, and it decides no exit status but those of a wrong command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata
from typing import NamedTuple

import click

from cutpoint.installing import how_to_install

GROUP = "cutpoint.commands"

Complain = Callable[[str, int], int]


class Invocation(NamedTuple):
    """Who calls, the object of click's context. ``own_process``: the process is there for this command line only."""

    own_process: bool


class Unavailable(click.ClickException):
    """A command is known, and cannot be imported as things are installed. ``remedy`` is what to do about it."""

    exit_code = 2

    def __init__(self, name: str, reason: str, remedy: str) -> None:
        super().__init__(f"the command '{name}' cannot be imported ({reason}). Nothing was started; do: {remedy}")
        self.remedy = remedy


class ContributedCommands(click.Group):
    """The group whose commands are the entry points of `GROUP`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in alphabetical order; nothing is imported."""
        return sorted(metadata.entry_points(group=GROUP).names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command. Raises `Unavailable` where that fails; None where there is none of this name."""
        for entry_point in metadata.entry_points(group=GROUP, name=cmd_name):
            return load(entry_point)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands; one whose extra is not installed says so in the place of its help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._short_help(ctx, name)) for name in self.list_commands(ctx)])

    def _short_help(self, ctx: click.Context, name: str) -> str:
        try:
            command = self.get_command(ctx, name)
        except Unavailable as unavailable:
            return f"(not installed: {unavailable.remedy})"
        return command.get_short_help_str(limit=100) if command else ""


def load(entry_point: metadata.EntryPoint) -> click.Command:
    """Import the command behind ``entry_point``, or raise `Unavailable` saying what to install."""
    try:
        command = entry_point.load()
    except (ImportError, AttributeError) as error:  # the second: packages of different versions
        remedy = how_to_install(",".join(entry_point.extras), entry_point.dist)
        raise Unavailable(entry_point.name, str(error), remedy) from error
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry_point.value}, contributed as '{entry_point.name}', is no click.Command")
    return command


@click.command(cls=ContributedCommands, name="cutpoint")
@click.version_option(package_name="cutpoint", message="cutpoint %(version)s")
def group() -> None:
    """Take consistent cuts across running services, publish them as recovery points, and recover from them."""


def run(arguments: Sequence[str], complain: Complain, invocation: Invocation) -> int:
    """Run one command line and return its exit status; what is wrong with the line itself is told to ``complain``."""
    try:
        status = group.main(list(arguments), prog_name="cutpoint", standalone_mode=False, obj=invocation)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "cutpoint"
        return complain(f"{error.format_message().rstrip('.')}. See: {path} --help", error.exit_code)
    except click.ClickException as error:
        return complain(error.format_message(), error.exit_code)
    except click.Abort as aborted:
        raise KeyboardInterrupt from aborted
    return status if isinstance(status, int) else 0
