"""Finds the function that declares a user's services on a cluster, by what the command line says: ``module:factory``.

The module is imported as ``python -m`` would import it, the current folder first. Whatever is wrong with it, or with
what it declares, is told in one line.
"""

from __future__ import annotations

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint.imports import import_named
from cutpoint.wire.checks import one_line
from cutpoint_simulations.cluster.cluster import Cluster, Declare
from cutpoint_simulations.refusal import failing_line


def load_application(text: str) -> Declare:
    """What ``module:factory`` names: a function of a `Cluster`. Raises `ConfigurationError` in one line."""

    def wrong(what: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(f"--app {one_line(text)} names no services: {what}; nothing was started; {remedy}")

    _, found = import_named(text, wrong, example="services:declare for declare in services.py")
    if not callable(found):
        raise wrong(f"{text.partition(':')[2]} is {type(found).__name__}", "name a function that takes a Cluster")
    declare: Declare = found
    return declare


def declare_services(declare: Declare, cluster: Cluster, name: str) -> None:
    """Call ``declare``, which is ``name``. Raises `ConfigurationError` if it fails, or declares no services."""
    try:
        declare(cluster)
    except CutpointError:
        raise
    except Exception as error:  # the user's own code
        told = one_line(f"{type(error).__name__}: {error}")
        line = failing_line(error)
        raise ConfigurationError(
            f"{name} cannot declare its services ({told}{f', at {line}' if line else ''}); nothing was run; correct it"
        ) from error
    if not cluster.services:
        raise ConfigurationError(
            f"{name} declares no services; nothing was run; call cluster.service(name, create_app) in it"
        )
