"""``cutpoint replicate``: keep a second location in step with a store."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from cutpoint.errors import ConfigurationError, StoreError
from cutpoint_coordinator.commands.options import SECONDS, json_option, keys_option

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing
    from cutpoint.store.replicate import Replicator
    from cutpoint_coordinator.upkeep import ReplicationAnswer


@click.command()
@click.option("--from", "source_url", metavar="URL", help="The store that is copied.")
@click.option(
    "--to", "replica_url", required=True, metavar="URL", help="The replica: an empty place, or one of before."
)
@click.option("--every", "every_seconds", type=SECONDS, metavar="SECONDS", help="Go on for ever. Default: once.")
@click.option("--promote", is_flag=True, help="The source is gone: make the replica a store of its own.")
@keys_option
@json_option
def replicate(
    source_url: str | None,
    replica_url: str,
    every_seconds: float | None,
    promote: bool,
    keys: KeyRing | None,
    as_json: bool,
) -> None:
    """Copy every recovery point that a second location has not, and say how far it is behind.

    Nothing is overwritten there and nothing is deleted: `cutpoint collect` does that.
    """
    from cutpoint.store import open_backend
    from cutpoint.store.identity import identify
    from cutpoint.store.replicate import Copied, Replicator
    from cutpoint_coordinator.commands.progress import bytes_bar
    from cutpoint_coordinator.offline import open_store

    if promote:
        _promote(replica_url, source_url)
        return
    if source_url is None:
        raise click.UsageError("Missing option '--from'.")
    source, replica = open_store(source_url), open_backend(replica_url)
    replica.check_writable()
    identify(source, created=datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds"), keys=keys)
    while True:
        with bytes_bar("copying") as shown:

            def progress(copied: Copied) -> None:
                shown(copied.bytes_done, copied.bytes_total)

            replicator = Replicator(source=source, replica=replica, keys=keys, progress=progress)
            if every_seconds is None:
                _once(replicator, as_json)
                return
            _again(replicator, as_json)
        time.sleep(every_seconds)


def _once(replicator: Replicator, as_json: bool) -> None:
    from cutpoint_coordinator.upkeep import replication_answer

    answer = replication_answer(replicator.round())
    _print(answer, as_json)
    if answer.complaints:
        raise StoreError(f"not everything was copied, and the rest was; {answer.complaints[0]}")


def _again(replicator: Replicator, as_json: bool) -> None:
    """One round of many: what fails is told and tried again."""
    from cutpoint_coordinator.commands.printing import print_line
    from cutpoint_coordinator.upkeep import replication_answer

    try:
        answer = replication_answer(replicator.round())
    except StoreError as error:
        print_line(f"not in step: {error}; what was copied so far stays, the next round goes on")
        return
    if answer.objects or answer.complaints:
        _print(answer, as_json)


def _promote(replica_url: str, source_url: str | None) -> None:
    from cutpoint.store import list_manifests
    from cutpoint.store.replica import promote, read_replica_note
    from cutpoint_coordinator.commands.printing import print_line
    from cutpoint_coordinator.offline import open_store

    if source_url is not None:
        raise ConfigurationError("a replica is promoted when its source is gone; nothing was changed; leave out --from")
    replica = open_store(replica_url)
    if read_replica_note(replica) is None:
        raise ConfigurationError(f"{replica.url} is no replica; nothing was changed; correct --to")
    promote(replica)
    last = max(list_manifests(replica), default=None)
    holds = f"its last recovery point is {last}" if last else "it holds no recovery point"
    print_line(f"{replica.url} is a store of its own now; {holds}")


def _print(answer: ReplicationAnswer, as_json: bool) -> None:
    from cutpoint_coordinator.commands.printing import behind, print_json, print_line, several, size

    if as_json:
        print_json(answer)
        return
    for complaint in answer.complaints:
        print_line(complaint)
    lag = behind(answer.lag_points, answer.lag_bytes, answer.lag_seconds)
    if answer.complaints and not answer.lag_points:
        lag = "in step but for what was not copied"
    copied = f"copied {several(len(answer.points), 'recovery point')}, {several(answer.objects, 'object')}"
    print_line(f"{copied}, {size(answer.bytes)}; {lag}")
