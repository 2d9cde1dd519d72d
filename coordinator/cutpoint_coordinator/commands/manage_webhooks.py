"""``cutpoint webhooks``: say where alerts go, try whether they arrive, see what became of them.

A URL whose path is a secret, and a secret of one's own, are read from files, so that no list of processes shows them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option

if TYPE_CHECKING:
    from cutpoint_coordinator.webhooks.answers import HookAnswer

_NAME = click.argument("name", metavar="NAME")
_FILE = click.Path(path_type=Path)


@click.group()
def webhooks() -> None:
    """Have alerts sent to you: cuts fail, a monitor complains, a recovery waits for somebody."""


@webhooks.command()
@_NAME
@click.argument("url", metavar="[URL]", default="")
@click.option("--url-file", type=_FILE, metavar="FILE", help="Read the URL from this file: its path may be a secret.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only alerts of this kind; may be repeated.")
@click.option("--secret-file", type=_FILE, metavar="FILE", help="Sign with the secret in this file.")
@click.option("--new-secret", is_flag=True, help="Make a new secret, in the place of the one that it has.")
@click.option("--output", type=_FILE, metavar="FILE", help="Write a secret that is made to this new file.")
@coordinator_option
@json_option
def put(
    name: str,
    url: str,
    url_file: Path | None,
    kinds: tuple[str, ...],
    secret_file: Path | None,
    new_secret: bool,
    output: Path | None,
    coordinator_url: str,
    as_json: bool,
) -> None:
    """Send alerts to URL from now on; the webhook called NAME is replaced.

    The secret with which deliveries are signed is made the first time, and printed this once.
    """
    from cutpoint.store.private_files import create_private
    from cutpoint_coordinator.commands.manage_tokens import check_free
    from cutpoint_coordinator.commands.printing import print_json, print_line

    if bool(url) == (url_file is not None):
        raise click.UsageError("give a URL, or a file with one: --url-file FILE")
    check_free(output)
    to = url if url_file is None else _line_of(url_file)
    secret = "" if secret_file is None else _line_of(secret_file)
    new = ask(
        coordinator_url,
        lambda client: client.put_webhook(name, to, kinds=kinds, secret=secret, new_secret=new_secret),
    )
    if new.secret and output is not None:
        create_private(output, f"{new.secret}\n".encode(), 0o600)
    if as_json and output is None:
        print_json(new)
        return
    print_line(f"webhook {name}: alerts go to {new.webhook.to}")
    if new.secret and output is None:
        print_line(new.secret)
        click.echo("that is the secret that deliveries are signed with; keep it now, it is not shown again", err=True)


@webhooks.command()
@_NAME
@coordinator_option
@json_option
def remove(name: str, coordinator_url: str, as_json: bool) -> None:
    """Send no alerts to webhook NAME any more; those that wait for it are dropped."""
    from cutpoint_coordinator.commands.printing import print_json, print_line

    hook = ask(coordinator_url, lambda client: client.remove_webhook(name))
    if as_json:
        print_json(hook)
    else:
        print_line(f"webhook {name} was removed; {hook.waiting} alerts waited for it")


@webhooks.command()
@_NAME
@coordinator_option
@json_option
def test(name: str, coordinator_url: str, as_json: bool) -> None:
    """Send one alert to webhook NAME now, and say whether it arrived."""
    from cutpoint_coordinator.commands.printing import print_json, print_line

    trial = ask(coordinator_url, lambda client: client.test_webhook(name))
    if as_json:
        print_json(trial)
    elif trial.delivered:
        print_line(f"webhook {name} has taken the alert")
    if not trial.delivered:
        raise CutpointError(
            f"webhook {name} did not take the alert: {trial.trouble}; nothing was lost; see its receiver"
        )


@webhooks.command(name="list")
@coordinator_option
@json_option
def list_(coordinator_url: str, as_json: bool) -> None:
    """List the webhooks, and what became of their alerts. Secrets and paths are not shown."""
    from cutpoint_coordinator.commands.printing import print_json, print_line, print_table

    found = ask(coordinator_url, lambda client: client.webhooks())
    if as_json:
        print_json(found)
        return
    columns = ("name", "to", "kinds", "delivered", "waiting", "lost", "last attempt", "trouble")
    print_table("Webhooks", columns, [_row(hook) for hook in found.webhooks])
    for name in found.refused:
        print_line(f"webhook {name} cannot be read: declare it again, or remove it")


def _row(hook: HookAnswer) -> tuple[object, ...]:
    counts = (hook.delivered, hook.waiting, hook.lost)
    return (hook.name, hook.to, ", ".join(hook.kinds) or "all", *counts, hook.last[:19] or "-", hook.trouble or "-")


def _line_of(path: Path) -> str:
    """The one line of a file. Raises `ConfigurationError`, which does not tell it."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as one line of ASCII ({type(error).__name__}); nothing was done; name another file"
        ) from error
