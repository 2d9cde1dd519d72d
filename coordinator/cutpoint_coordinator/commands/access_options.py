"""The flags of ``cutpoint coordinator`` that say who is let in, and how connections are protected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.commands.options import Decorated

_FLAGS = (
    ("--token-file", "CUTPOINT_ADMIN_TOKEN_FILE", "The first administrator's token, from `cutpoint tokens generate`."),
    (
        "--tls-cert",
        "CUTPOINT_COORDINATOR_TLS_CERT",
        "Serve https with this certificate; a changed file is taken at once.",
    ),
    ("--tls-key", "CUTPOINT_COORDINATOR_TLS_KEY", "The certificate's key, if it is in a file of its own."),
    ("--tls-client-ca", "CUTPOINT_COORDINATOR_TLS_CLIENT_CA", "Let in only who shows a certificate of these."),
)


def access_options(command: Decorated) -> Decorated:
    """Add the flags; the command is given them as keywords, for `access_settings`."""
    command = click.option(
        "--open-access", is_flag=True, help="Let whoever reaches this address do everything, without a token."
    )(command)
    command = click.option("--token", "admin_token", envvar="CUTPOINT_ADMIN_TOKEN", hidden=True)(command)
    for flag, variable, text in reversed(_FLAGS):
        command = click.option(flag, metavar="FILE", envvar=variable, show_envvar=True, help=text)(command)
    return command


def access_settings(
    *,
    token_file: str | None,
    admin_token: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    tls_client_ca: str | None,
    open_access: bool,
) -> dict[str, Any]:
    """What the flags mean, as `Settings` is told. Raises `ConfigurationError`."""
    from cutpoint.access.sources import loaded_token
    from cutpoint_coordinator.access.tls import ServerTls

    if tls_cert is None and (tls_key or tls_client_ca):
        raise ConfigurationError("TLS needs a certificate of its own; nothing was started; add --tls-cert FILE")
    tls = None if tls_cert is None else ServerTls(certificate=tls_cert, key=tls_key, client_ca=tls_client_ca)
    token = loaded_token(admin_token or (Path(token_file) if token_file else None))
    return {"token": token, "tls": tls, "open_access": open_access}
