"""``cutpoint collect``: drop the recovery points that no rule keeps, and delete what nobody needs any more."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cutpoint.errors import Damaged
from cutpoint_coordinator.commands.options import ask, coordinator_option, json_option, keys_option

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint_coordinator.upkeep import CollectionAnswer

MEANINGS = {
    "kept": "of recovery points that stay",
    "needed": "packs of recovery points that stay",
    "young": "packs that a cut may still name",
    "withheld": "packs that may be needed, as far as anybody knows",
    "dropped": "of recovery points that go",
    "garbage": "what nobody needs any more",
    "unknown": "not Cutpoint's, and left alone",
}


@click.command()
@click.option(
    "--keep",
    "policy",
    metavar="POLICY",
    help="What stays, such as 'last 10, hourly 24, daily 7, weekly 4, label release*'. Default: what the coordinator "
    "was told to keep.",
)
@coordinator_option
@click.option("--store", "store_url", metavar="URL", help="Collect this store itself; no coordinator runs on it.")
@click.option("--source", "source_url", metavar="URL", help="If the store is a replica: the store that it is one of.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted, and why.")
@click.option(
    "--rate",
    "per_second",
    type=click.FloatRange(min=0, min_open=True, max=1_000_000),
    metavar="N",
    help="Delete at most so many objects a second. Default: no limit.",
)
@click.option("--by", metavar="WHO", help="Who does it. Default: this user, at this machine.")
@keys_option
@json_option
def collect(
    policy: str | None,
    coordinator_url: str,
    store_url: str | None,
    source_url: str | None,
    dry_run: bool,
    per_second: float | None,
    by: str | None,
    keys: KeyRing | None,
    as_json: bool,
) -> None:
    """Drop the recovery points that no rule keeps, and delete what nobody needs any more.

    Pinned points stay, and so do the last (with --store: the last two) and whatever cannot be read.
    """
    from cutpoint_coordinator.commands.printing import print_json
    from cutpoint_coordinator.commands.users import this_user

    if store_url is None:
        if source_url is not None:
            raise click.UsageError("--source is for a replica: name that with --store")
        answer = ask(
            coordinator_url,
            lambda client: client.collect(policy or "", dry_run=dry_run, per_second=per_second, by=by or this_user()),
        )
    elif policy is None:
        raise click.UsageError("Missing option '--keep'.")
    else:
        answer = _collect_store(policy, store_url, source_url, dry_run, per_second, by or this_user(), keys)
    if as_json:
        print_json(answer)
    else:
        _print(answer)
    if unreadable := [
        point.cut for point in answer.points if point.reasons[:1] and "cannot be read" in point.reasons[0]
    ]:
        raise Damaged(
            f"what belongs to recovery points {', '.join(map(str, unreadable))} cannot be read, so they and whatever "
            "they may need were kept; see `cutpoint verify`, and bring back what is damaged from a copy"
        )


def _collect_store(
    policy: str,
    store_url: str,
    source_url: str | None,
    dry_run: bool,
    per_second: float | None,
    by: str,
    keys: KeyRing | None,
) -> CollectionAnswer:
    from cutpoint.store.collect import Collector, without_registry
    from cutpoint.store.pacing import Pace
    from cutpoint.store.retention import Policy
    from cutpoint_coordinator.offline import open_store
    from cutpoint_coordinator.upkeep import collected_answer, plan_answer

    rules = Policy.parse(policy)
    backend = open_store(store_url)
    collector = Collector(
        backend=backend,
        policy=rules,
        protected=without_registry(backend, keys),
        by=by,
        at=datetime.fromtimestamp(time.time(), UTC),
        keys=keys,
        source=None if source_url is None else open_store(source_url),
        pace=Pace(per_second=per_second),
    )
    plan = collector.plan()
    return plan_answer(plan) if dry_run else collected_answer(collector.run(plan))


def _print(answer: CollectionAnswer) -> None:
    from cutpoint_coordinator.commands.printing import print_line, print_table, several, size

    print_table(
        f"Recovery points, keeping {answer.policy}",
        ("cut#", "", "why"),
        [
            (point.cut, "stays" if point.keep else "goes", "; ".join(point.reasons) or "no rule keeps it")
            for point in answer.points
        ],
    )
    print_table(
        "Objects",
        ("fate", "objects#", "size#", ""),
        [(total.fate, total.objects, size(total.bytes), MEANINGS[total.fate]) for total in answer.totals],
    )
    for complaint in answer.complaints:
        print_line(complaint)
    for cut, why in answer.spared.items():
        print_line(f"recovery point {cut} stays after all: {why}")
    what = (
        f"{several(len(answer.dropped), 'recovery point')}, {several(answer.packs, 'pack')}, {size(answer.bytes_freed)}"
    )
    print_line(f"deleted: {what}" if answer.done else f"nothing was deleted; would be: {what}")
