"""``cutpoint tokens``: make, list, rotate and revoke the tokens that a coordinator asks for.

A token is printed once, when it is made. With ``--output`` it is written to a file that only its owner can read, and
not printed at all.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from cutpoint_coordinator.access.scopes import SCOPES, Scope
from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option

if TYPE_CHECKING:
    from cutpoint_coordinator.access.answers import NewTokenAnswer, TokenAnswer

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def _span(_context: click.Context, _option: click.Parameter, text: str | None) -> float | None:
    """A length of time such as ``90d``, ``12h`` or ``30m``, in seconds. Fails as click's own types do."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhdw])", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no length of time; write 90d, 12h, 30m or 10s")
    return float(found[1]) * _UNITS[found[2]]


_OUTPUT = click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to this new file, and do not print it."
)


@click.group()
def tokens() -> None:
    """Make, list, rotate and revoke the tokens that say who may do what."""


@tokens.command()
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", required=True, help="The new file, for you alone."
)
def generate(output: Path) -> None:
    """Make the first administrator's token, for `cutpoint coordinator --token-file`. Needs no coordinator."""
    from cutpoint.access import Token
    from cutpoint.access.sources import write_token
    from cutpoint_coordinator.commands.printing import print_line

    token = Token.generate()
    write_token(output, token)
    print_line(f"{output}: token {token.id}; start every coordinator with --token-file {output}")


@tokens.command()
@click.argument("name", metavar="NAME")
@click.option("--scope", type=click.Choice(SCOPES), required=True, help="What its holder may do.")
@click.option(
    "--expires", callback=_span, metavar="TIME", help="For how long it counts, such as 90d. Default: for ever."
)
@_OUTPUT
@coordinator_option
@json_option
def create(
    name: str, scope: str, expires: float | None, output: Path | None, coordinator_url: str, as_json: bool
) -> None:
    """Make a token called NAME, and print it this once."""
    check_free(output)
    new = ask(coordinator_url, lambda client: client.create_token(name, cast(Scope, scope), expires_seconds=expires))
    _hand_over(new, output, as_json)


@tokens.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--grace",
    callback=_span,
    metavar="TIME",
    default="1h",
    show_default=True,
    help="For how long the old secret counts beside the new one; 0s: not at all.",
)
@click.option(
    "--expires", callback=_span, metavar="TIME", help="For how long the new one counts. Default: as the old one."
)
@_OUTPUT
@coordinator_option
@json_option
def rotate(
    name: str, grace: float, expires: float | None, output: Path | None, coordinator_url: str, as_json: bool
) -> None:
    """Give token NAME a new secret, and print it this once."""
    check_free(output)
    new = ask(coordinator_url, lambda client: client.rotate_token(name, grace_seconds=grace, expires_seconds=expires))
    _hand_over(new, output, as_json)


@tokens.command()
@click.argument("name", metavar="NAME")
@coordinator_option
@json_option
def revoke(name: str, coordinator_url: str, as_json: bool) -> None:
    """Let token NAME count no more, at once; what its holder has open is closed."""
    from cutpoint_coordinator.commands.printing import print_json, print_line

    token = ask(coordinator_url, lambda client: client.revoke_token(name))
    if as_json:
        print_json(token)
    else:
        print_line(f"token {token.name} counts no more")


@tokens.command(name="list")
@coordinator_option
@json_option
def list_(coordinator_url: str, as_json: bool) -> None:
    """List all tokens, without their secrets."""
    from cutpoint_coordinator.commands.printing import print_json, print_table

    found = ask(coordinator_url, lambda client: client.tokens())
    if as_json:
        print_json(found)
    else:
        columns = ("name", "scope", "state", "created", "by", "expires", "last shown")
        print_table("Tokens", columns, [_row(token) for token in found.tokens])


def _row(token: TokenAnswer) -> tuple[str, ...]:
    times = (token.created[:19], token.created_by, token.expires[:19] or "never", token.used[:19] or "-")
    return (token.name, token.scope, token.state, *times)


def check_free(output: Path | None) -> None:
    """Raise `ConfigurationError` before a token is made that could not be written."""
    from cutpoint.errors import ConfigurationError

    if output is not None and (output.exists() or not output.parent.is_dir()):
        raise ConfigurationError(
            f"{output} cannot be made: it is there already, or its folder is not; nothing was done; name another file"
        )


def _hand_over(new: NewTokenAnswer, output: Path | None, as_json: bool) -> None:
    """Print the token, or write it to its file."""
    from cutpoint.access import Token
    from cutpoint.access.sources import write_token
    from cutpoint_coordinator.commands.printing import print_json, print_line

    if output is not None:
        write_token(output, Token.parse(new.secret))
        print_line(f"{output}: token {new.token.name}, scope {new.token.scope}")
    elif as_json:
        print_json(new)
    else:
        print_line(new.secret)
        click.echo(f"token {new.token.name}, scope {new.token.scope}; keep it now, it is not shown again", err=True)
