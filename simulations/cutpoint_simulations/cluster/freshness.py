"""A user's services, declared each time from modules that have just been imported: no run sees what another one left.

What an application has brought into the process, and is neither installed nor Cutpoint's, is forgotten and imported
again, within the simulation that is to run. Hosts of one run still share their modules, and so do the lives of a host.
"""

from __future__ import annotations

import logging
import sys
from types import ModuleType

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.cluster.application import load_application
from cutpoint_simulations.cluster.cluster import Cluster, Declare
from cutpoint_simulations.refusal import is_machinery

log = logging.getLogger(__name__)

_OURS = ("cutpoint", "cutpoint_agents", "cutpoint_coordinator", "cutpoint_simulations")
_before: list[frozenset[str]] = []


def fresh_application(text: str) -> Declare:
    """What ``module:factory`` names, imported anew whenever it is called. Raises `ConfigurationError` in one line."""
    if not _before:
        _before.append(frozenset(sys.modules))
    load_application(text)
    return _Fresh(text)


class _Fresh:
    """Modules that cannot be imported a second time are kept as they are, and that is told once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kept = False

    def __call__(self, cluster: Cluster) -> None:
        declare = load_application(self._text) if self._kept else self._imported_again()
        declare(cluster)

    def _imported_again(self) -> Declare:
        old = self._forget()
        try:
            return load_application(self._text)
        except ConfigurationError as error:
            self._kept = True
            self._forget()
            _give_back(old)
            log.warning(
                "cutpoint: the modules of %s cannot be imported a second time (%s); runs after each other share what "
                "they keep, and a seed run alone may be another run",
                self._text,
                error.__cause__ or error,
            )
            return load_application(self._text)

    def _forget(self) -> dict[str, ModuleType]:
        """Take the application's modules out of the process."""
        own = self._text.partition(":")[0]
        names = [name for name in sys.modules if (name == own or name not in _before[0]) and _is_of_users(name)]
        return {name: sys.modules.pop(name) for name in names}


def _is_of_users(name: str) -> bool:
    if name.partition(".")[0] in (*_OURS, "__main__", "__mp_main__"):
        return False
    file = getattr(sys.modules[name], "__file__", None)
    return file is not None and file.endswith(".py") and not is_machinery(file)


def _give_back(modules: dict[str, ModuleType]) -> None:
    sys.modules.update(modules)
    for name, module in modules.items():
        package, _, attribute = name.rpartition(".")
        if package in sys.modules:
            setattr(sys.modules[package], attribute, module)
