"""Finds the function that declares a user's services on a cluster, by what the command line says: ``module:factory``.

The module is imported as ``python -m`` would import it, the current folder first. Whatever is wrong with it, or with
what it declares, is told in one line.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint.wire.checks import one_line
from cutpoint_simulations.cluster.cluster import Cluster, Declare
from cutpoint_simulations.refusal import failing_line


def load_application(text: str) -> Declare:
    """What ``module:factory`` names: a function of a `Cluster`. Raises `ConfigurationError` in one line."""
    module_name, colon, attribute = text.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise _wrong(text, "it is not of the form module:factory", "write services:declare for declare in services.py")
    if (folder := os.getcwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    found: Any = _module(text, module_name)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise _wrong(text, f"there is no {attribute} in {module_name}", "correct the name after the colon")
        found = getattr(found, name)
    if not callable(found):
        raise _wrong(text, f"{attribute} is {type(found).__name__}", "name a function that takes a Cluster")
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


def _module(text: str, name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise _wrong(text, one_line(error), "install what the module imports") from error
        raise _wrong(
            text, f"there is no module {error.name}", "run the command in the folder of the module, or install it"
        ) from error
    except Exception as error:  # the user's own code
        told = one_line(f"{type(error).__name__}: {error}")
        raise _wrong(text, f"the import of {name} failed ({told})", "mend the module") from error


def _wrong(text: str, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"--app {one_line(text)} names no services: {what}; nothing was started; {remedy}")
