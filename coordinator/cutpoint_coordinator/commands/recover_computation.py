"""``cutpoint recover [N]``: bring the whole computation back to a recovery point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutpoint.errors import RecoveryFailed
from cutpoint_coordinator.commands.options import SECONDS, ask, coordinator_option, json_option

if TYPE_CHECKING:
    from cutpoint_coordinator.answers import RecoveryAnswer


@click.command()
@click.argument("number", type=click.IntRange(min=0, max=2**53 - 1), metavar="[N]", required=False)
@click.option("--dry-run", is_flag=True, help="Only say what would be restored, into what, and what does not fit.")
@click.option("--wait", is_flag=True, help="Begin even if a process is missing; everybody stands still until it comes.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=SECONDS,
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="How long to wait for its end.",
)
@coordinator_option
@json_option
def recover(
    number: int | None, dry_run: bool, wait: bool, timeout_seconds: float, coordinator_url: str, as_json: bool
) -> None:
    """Bring the whole computation back to recovery point N, by default the last; 0 is the beginning."""
    from cutpoint_coordinator.commands.printing import duration, print_json, print_line

    if not dry_run and not wait:
        _refuse_to_wait(ask(coordinator_url, lambda client: client.recover(number, dry_run=True)))
    answer = ask(
        coordinator_url, lambda client: client.recover(number, dry_run=dry_run, timeout_seconds=timeout_seconds)
    )
    if as_json:
        print_json(answer)
    elif answer.state == "planned":
        _print_plan(answer)
    waits_for = "; ".join(answer.waits_for)
    if answer.state == "failed":
        raise RecoveryFailed(f"the recovery to {_title(answer.cut)} failed: {answer.reason}")
    if answer.state == "under way":
        raise RecoveryFailed(
            f"the recovery to {_title(answer.cut)} is not over after {timeout_seconds:g} s and goes on; "
            f"it waits for: {waits_for or 'its turn'}; start what is missing, or `cutpoint release NAME` what will not "
            "come back; see `cutpoint topology`"
        )
    if not answer.fits:
        raise RecoveryFailed(
            f"a recovery to {_title(answer.cut)} would wait: {waits_for}; start what is missing first, "
            "or `cutpoint release NAME` what will not come back"
        )
    if answer.state == "done" and not as_json:
        seconds = duration(answer.seconds)
        print_line(f"everybody runs on from {_title(answer.cut)} as incarnation {answer.incarnation}, after {seconds}")


def _refuse_to_wait(plan: RecoveryAnswer) -> None:
    """Everybody would stop for somebody who may never come."""
    if not plan.fits:
        raise RecoveryFailed(
            f"a recovery to {_title(plan.cut)} would stop everybody and wait: {'; '.join(plan.waits_for)}; nothing was "
            "changed; start what is missing first, or `cutpoint release NAME` what will not come back, or "
            "`cutpoint recover N` to a point without it; --wait begins all the same"
        )


def _title(cut: int) -> str:
    return f"recovery point {cut}" if cut else "the beginning"


def _print_plan(answer: RecoveryAnswer) -> None:
    from cutpoint_coordinator.commands.printing import print_line, print_table

    if answer.reason:
        print_line(f"{answer.reason}; an older one would be taken")
    print_table(
        f"A recovery would go to {_title(answer.cut)}, as incarnation {answer.incarnation}",
        ("process", "is", "would restore"),
        [
            (part.process, "connected" if part.connected else "missing", part.object or "nothing: it begins anew")
            for part in answer.parts
        ],
    )
