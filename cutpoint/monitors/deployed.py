"""A monitor on its way to the process that runs it: its code as bytes, how it is asked, and who has brought it.

The code is cloudpickle's, with the module that it was written in by value. **Loading it runs it**, so it is loaded in
a monitor's own process and nowhere else. The record is a signed document where there are keys: what nobody whose key
is trusted has signed is never loaded.
"""

from __future__ import annotations

import importlib
import pickle
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from cutpoint.errors import ConfigurationError, Damaged
from cutpoint.monitors.monitor import Limits, Monitor, check_name, check_period
from cutpoint.store.digests import digest_of
from cutpoint.store.documents import close_document, open_document, write_body
from cutpoint.wire.checks import one_line

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

CODE_BYTES_MAX = 40 * 1024
"""How long a monitor's code may be as bytes. What is longer belongs into a package that is installed."""

_PURPOSE = "monitor"
_OURS = ("cutpoint", "cutpoint_agents", "cutpoint_coordinator", "cutpoint_simulations")


class Deployed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cutpoint-monitor"):
    """One monitor. ``python``: the version that has written ``code``; ``by``: who brought it; ``at``: when (RFC 3339).

    The rest as in `Monitor` and `Limits`; ``seconds`` and ``memory_bytes`` are the limits.
    """

    format: int = 1
    name: str
    code: bytes
    python: str
    description: str = ""
    period_seconds: float = 0.0
    seconds: float = 30.0
    memory_bytes: int = 1024 * 1024 * 1024
    pins: bool = True
    by: str = ""
    at: str = ""

    @property
    def digest(self) -> str:
        """Of the code."""
        return digest_of(self.code)

    @property
    def limits(self) -> Limits:
        """What one evaluation may use up. Raises `ConfigurationError`."""
        return Limits(seconds=self.seconds, memory_bytes=self.memory_bytes)


def this_python() -> str:
    """The version of Python that runs, as far as it matters for code: ``3.11``."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def deploy(monitor: Monitor, *, written_in: ModuleType | None = None, by: str = "", at: str = "") -> Deployed:
    """``monitor`` as a record; ``written_in``: the module whose package travels with it.

    Raises `ConfigurationError` if it cannot travel.
    """
    deployed = Deployed(
        name=monitor.name,
        code=_pickled(monitor, written_in),
        python=this_python(),
        description=monitor.description,
        period_seconds=float(monitor.period_seconds),
        seconds=float(monitor.limits.seconds),
        memory_bytes=monitor.limits.memory_bytes,
        pins=monitor.pins,
        by=by,
        at=at,
    )
    check_deployed(deployed)
    return deployed


def _pickled(monitor: Monitor, written_in: ModuleType | None) -> bytes:
    cloudpickle = importlib.import_module("cloudpickle")
    root = None if written_in is None else sys.modules.get(written_in.__name__.partition(".")[0], written_in)
    travels = root if root is not None and root.__name__ not in _OURS else None
    if travels is not None:
        cloudpickle.register_pickle_by_value(travels)
    try:
        data: bytes = cloudpickle.dumps(monitor, protocol=5)
    except Exception as error:
        raise ConfigurationError(
            f"monitor {monitor.name} cannot travel: {one_line(f'{type(error).__name__}: {error}')}; nothing was "
            "changed; let its function use no sockets, locks or open files"
        ) from error
    finally:
        if travels is not None:
            cloudpickle.unregister_pickle_by_value(travels)
    return data


def check_deployed(deployed: Deployed) -> None:
    """Raise `ConfigurationError` for a record that cannot be meant; its code is not looked at."""
    check_name(deployed.name)
    check_period(deployed.period_seconds)
    _ = deployed.limits
    if not 0 < len(deployed.code) <= CODE_BYTES_MAX:
        raise ConfigurationError(
            f"the code of monitor {deployed.name} has {len(deployed.code)} bytes, 1 to {CODE_BYTES_MAX} are allowed; "
            "nothing was changed; put what it needs into a package that is installed where the coordinators run"
        )


def check_python(deployed: Deployed) -> None:
    """Raise `ConfigurationError` unless the code was written by the version of Python that runs here."""
    if deployed.python != this_python():
        raise ConfigurationError(
            f"monitor {deployed.name} was brought from Python {one_line(deployed.python)} and this is {this_python()}; "
            "it does not run; add it again with the Python of the coordinators"
        )


def load(deployed: Deployed) -> Monitor:
    """The monitor itself. **Runs its code.** Raises `ConfigurationError` if that does not give one."""
    check_python(deployed)
    try:
        loaded: Any = pickle.loads(deployed.code)
    except Exception as error:
        raise ConfigurationError(
            f"monitor {deployed.name} cannot be loaded: {one_line(f'{type(error).__name__}: {error}')}; it does not "
            "run; install what it imports where the coordinators run, or keep it in the module that it is written in"
        ) from error
    if not isinstance(loaded, Monitor):
        raise ConfigurationError(f"what was loaded for {deployed.name} is no monitor but {type(loaded).__name__}")
    return loaded


def write_deployed(deployed: Deployed, keys: KeyRing | None) -> bytes:
    """The record for a registry, signed where ``keys`` sign. Raises `ConfigurationError`."""
    return close_document(write_body(deployed), _PURPOSE, keys)


def read_deployed(data: bytes, keys: KeyRing | None, *, name: str) -> Deployed:
    """Read what `write_deployed` made of the monitor ``name``; its code is not loaded.

    Raises `Damaged`; with ``keys`` that verify, one that none of them has signed is `NotAuthentic`.
    """
    where = f"the record of monitor {name}"
    body = open_document(data, _PURPOSE, keys, name=where)
    try:
        deployed = msgspec.json.decode(body, type=Deployed)
        check_deployed(deployed)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, ConfigurationError) as error:
        raise Damaged(f"{where} is none: {one_line(error)}; it does not run; add it again") from error
    if deployed.name != name or deployed.format != 1:
        raise Damaged(f"{where} is of another monitor or format; it does not run; add it again")
    return deployed
