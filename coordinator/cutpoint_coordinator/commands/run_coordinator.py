"""``cutpoint coordinator``: run the coordinator until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.commands.access_options import access_options, access_settings
from cutpoint_coordinator.commands.options import SECONDS
from cutpoint_coordinator.logs import Format, formatter
from cutpoint_coordinator.settings import DEFAULT_LISTEN, DEFAULT_REGISTRY, DEFAULT_STORE, Address, Settings

if TYPE_CHECKING:
    from cutpoint.policy import Policy
    from cutpoint_coordinator.service import Service

_ON_THE_LINE = click.core.ParameterSource.COMMANDLINE


@click.command()
@click.option(
    "--registry",
    metavar="URL",
    default=DEFAULT_REGISTRY,
    show_default=True,
    help="A folder of this machine, or etcd://HOST:PORT,HOST:PORT.",
)
@click.option(
    "--store",
    metavar="URL",
    default=DEFAULT_STORE,
    show_default=True,
    help="Where recovery points are kept: a folder, or a bucket as s3://BUCKET/PREFIX.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default=DEFAULT_LISTEN,
    show_default=True,
    help="For agents and operators; port 0 takes any free one.",
)
@click.option(
    "--advertise",
    metavar="HOST:PORT",
    help="Where they reach it, if not there: behind a proxy, in a container. Default: what --listen says.",
)
@click.option(
    "--computation",
    metavar="NAME",
    default="default",
    show_default=True,
    help="Which computation to coordinate, where several share a registry.",
)
@click.option(
    "--policy",
    "policy_file",
    metavar="FILE",
    help="The declared policy, as `cutpoint policy check` reads it, in place of the flags that are short for it.",
)
@click.option(
    "--interval",
    type=SECONDS,
    metavar="SECONDS",
    help="From the end of a cut to the next. Default: cuts on demand only.",
)
@click.option(
    "--deadline",
    type=SECONDS,
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="How long a cut may take before it is abandoned.",
)
@click.option(
    "--keys",
    metavar="FILE",
    envvar="CUTPOINT_KEYS",
    show_envvar=True,
    help="Keys that sign every recovery point, as `cutpoint keys generate` makes them.",
)
@click.option(
    "--keep",
    default="",
    metavar="POLICY",
    help="Which recovery points stay, such as 'last 10, hourly 24, daily 7, label release*'. Default: all of them.",
)
@click.option(
    "--collect-every",
    "collect_seconds",
    type=SECONDS,
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="How long the store is left alone after a collection.",
)
@click.option("--replica", metavar="URL", help="A second location, which is kept in step with the store.")
@click.option(
    "--replica-lag",
    "replica_lag_seconds",
    type=SECONDS,
    metavar="SECONDS",
    default=300.0,
    show_default=True,
    help="For how long the replica may wait for a recovery point before that is warned of.",
)
@click.option(
    "--lease",
    "lease_seconds",
    type=SECONDS,
    metavar="SECONDS",
    default=2.0,
    show_default=True,
    help="How soon another coordinator leads after this one has vanished without a word.",
)
@click.option(
    "--objective",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    metavar="SHARE",
    default=0.99,
    show_default=True,
    help="The share of cuts that is to be published; what it leaves is the error budget.",
)
@click.option(
    "--objective-window",
    "objective_seconds",
    type=SECONDS,
    metavar="SECONDS",
    default=604_800.0,
    show_default=True,
    help="Over which time that counts.",
)
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or one JSON object a line.",
)
@click.option(
    "--manual-recovery", is_flag=True, help="Do not recover when a process has lost its memory; wait to be told."
)
@click.option("--no-webhooks", is_flag=True, help="Send no alerts: connect to nobody whom an administrator names.")
@access_options
@click.pass_context
def coordinator(
    context: click.Context,
    /,
    registry: str,
    store: str,
    listen: str,
    advertise: str | None,
    computation: str,
    policy_file: str | None,
    interval: float | None,
    deadline: float,
    keys: str | None,
    keep: str,
    collect_seconds: float,
    replica: str | None,
    replica_lag_seconds: float,
    lease_seconds: float,
    objective: float,
    objective_seconds: float,
    log_format: Format,
    manual_recovery: bool,
    no_webhooks: bool,
    **access: Any,
) -> None:
    """Run the coordinator. Without flags, its registry and store are in ./cutpoint-data."""
    settings = Settings(
        registry=registry,
        store=store,
        listen=Address.parse(listen),
        advertise=None if advertise is None else Address.parse(advertise),
        computation=computation,
        policy=_declared(context, policy_file),
        policy_file=policy_file or "",
        interval_seconds=interval,
        deadline_seconds=deadline,
        keys=keys,
        keep=keep,
        collect_seconds=collect_seconds,
        replica=replica,
        replica_lag_seconds=replica_lag_seconds,
        lease_seconds=lease_seconds,
        objective=objective,
        objective_seconds=objective_seconds,
        log_format=log_format,
        manual_recovery=manual_recovery,
        webhooks=not no_webhooks,
        **access_settings(**access),
    )
    asyncio.run(serve(settings))


SHORT_FORMS = {
    "interval": "--interval",
    "deadline": "--deadline",
    "keep": "--keep",
    "collect_seconds": "--collect-every",
    "manual_recovery": "--manual-recovery",
}
"""The flags that say what a policy file says."""


def _declared(context: click.Context, policy_file: str | None) -> Policy | None:
    """The policy in the file. Raises `ConfigurationError`, also where a flag says something of its own."""
    if policy_file is None:
        return None
    from cutpoint_coordinator.policy_file import policy_in

    given = [flag for name, flag in SHORT_FORMS.items() if context.get_parameter_source(name) is _ON_THE_LINE]
    if given:
        raise ConfigurationError(
            f"--policy and {given[0]} both say what the policy is; nothing was started; write it into {policy_file}"
        )
    return policy_in(policy_file)


async def serve(settings: Settings) -> None:
    """Run one coordinator until SIGTERM or SIGINT. Raises `CutpointError` if it cannot begin or go on."""
    from cutpoint_coordinator.service import Service

    service = await Service.open(settings)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings.log_format))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    stopping = asyncio.Event()
    running = asyncio.create_task(service.run(lambda: _say_ready(service)), name="cutpoint coordinator")
    told = asyncio.create_task(stopping.wait(), name="cutpoint stop")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)  # a second signal does not wait for anything
        for task in (running, told):
            task.cancel()
        await asyncio.wait((running, told))
        await service.close()
    if not running.cancelled():
        running.result()


def _say_ready(service: Service) -> None:
    where = f"registry {service.settings.registry_shown}, store {service.backend.url}"
    print(f"coordinator: leading, listening on {service.url}, {where}", flush=True)
    if not service.access.tokens.wanted:
        print(f"coordinator: {service.access.standing()}", file=sys.stderr, flush=True)
