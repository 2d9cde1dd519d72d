"""``cutpoint policy``: check a policy file, show the policy in force, declare another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option

if TYPE_CHECKING:
    from cutpoint.policy import Change, Mistake
    from cutpoint_coordinator.policy_answers import PolicyAnswer

FILE = click.Path(exists=False, dir_okay=False)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What `cutpoint policy check --json` prints."""

    file: str
    sound: bool
    mistakes: tuple[Any, ...]
    policy: dict[str, Any] | None


@click.group()
def policy() -> None:
    """Say when cuts are taken, what is kept, who may do what, and who owns what."""


@policy.command()
@click.argument("file", metavar="FILE", type=FILE)
@json_option
@click.pass_context
def check(context: click.Context, file: str, as_json: bool) -> None:
    """Read FILE and tell every mistake, with its line and what to write instead. Nothing is changed."""
    from cutpoint.policy import PolicyMistakes, read_policy, to_document
    from cutpoint_coordinator.commands.printing import print_json, print_line

    found: tuple[Mistake, ...] = ()
    document = None
    try:
        document = to_document(read_policy(_content(file), name=file))
    except PolicyMistakes as error:
        found = error.mistakes
    if as_json:
        print_json(Checked(file=file, sound=not found, mistakes=found, policy=document))
    elif found:
        for mistake in found:
            print_line(str(mistake))
    else:
        print_line(f"{file} is sound")
    if found:
        context.exit(1)


@policy.command()
@coordinator_option
@json_option
def show(coordinator_url: str, as_json: bool) -> None:
    """Print the policy in force, as a file; what has its default is left out."""
    from cutpoint_coordinator.commands.printing import print_json, print_line

    answer = ask(coordinator_url, lambda client: client.policy())
    if as_json:
        print_json(answer)
    else:
        print_line(f"# {_title(answer)}")
        print_line(answer.toml.rstrip("\n") or "# everything has its default")


@policy.command()
@click.argument("file", metavar="FILE", type=FILE)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option(
    "--version", type=int, metavar="N", help="Only if version N is in force; `policy show` says which one is."
)
@click.option("--by", metavar="WHO", help="Who declares it. Default: this user, at this machine.")
@coordinator_option
@json_option
def apply(file: str, dry_run: bool, version: int | None, by: str | None, coordinator_url: str, as_json: bool) -> None:
    """Declare the policy in FILE. It holds at once, nothing is restarted, and what it changes is printed."""
    from cutpoint.policy import read_policy
    from cutpoint_coordinator.commands.printing import print_json, print_line
    from cutpoint_coordinator.commands.users import this_user

    content = _content(file)
    read_policy(content, name=file)
    answer = ask(
        coordinator_url,
        lambda client: client.declare_policy(
            content.decode(), version=version, dry_run=dry_run, by=by or this_user(), source=file
        ),
    )
    if as_json:
        print_json(answer)
        return
    for change in answer.changes:
        _print_change(change)
    if not answer.changes:
        print_line(f"nothing changes: {_title(answer)}")
    elif dry_run:
        print_line(f"nothing was changed; in force is {_title(answer)}")
    else:
        print_line(f"in force is {_title(answer)}")


def _print_change(change: Change) -> None:
    from cutpoint.policy import change_text
    from cutpoint_coordinator.commands.printing import print_line

    for line in change_text(change):
        print_line(line)


def _title(answer: PolicyAnswer) -> str:
    if not answer.version:
        return f"what {answer.by} was started with, from {answer.source}; nobody has declared a policy"
    return f"version {answer.version}, declared by {answer.by} at {answer.at} from {answer.source}"


def _content(path: str) -> bytes:
    """The bytes of a file. Raises `ConfigurationError`."""
    from cutpoint_coordinator.policy_file import file_content

    return file_content(path)
