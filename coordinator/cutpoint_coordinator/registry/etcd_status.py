"""How it stands with one member of etcd: its version, the size of its database, its alarms. Blocking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cutpoint.errors import RegistryError
from cutpoint_coordinator.registry.etcd_client import Credentials, EtcdClient, Refused, Unanswered
from cutpoint_coordinator.registry.etcd_shim import etcdrpc

DEADLINE_SECONDS = 1.0


class MemberStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One member. ``bytes``: the size of its database."""

    version: str
    bytes: int


def status(endpoint: tuple[str, int], credentials: Credentials) -> MemberStatus:
    """Ask one member. Raises `RegistryError`."""
    found = _asked(endpoint, credentials, lambda stub, how: stub.Status(etcdrpc.StatusRequest(), **how))
    return MemberStatus(version=found.version, bytes=found.dbSize)


def alarms(endpoint: tuple[str, int], credentials: Credentials) -> tuple[str, ...]:
    """The alarms that stand, by their names, such as ``NOSPACE``. Raises `RegistryError`."""
    request = etcdrpc.AlarmRequest(action=etcdrpc.AlarmRequest.GET)
    found = _asked(endpoint, credentials, lambda stub, how: stub.Alarm(request, **how))
    return tuple(etcdrpc.AlarmType.Name(alarm.alarm) for alarm in found.alarms)


def _asked(endpoint: tuple[str, int], credentials: Credentials, ask: Callable[[Any, dict[str, Any]], Any]) -> Any:
    client = EtcdClient((endpoint,), credentials, deadline_seconds=DEADLINE_SECONDS)
    try:
        return client.maintenance(ask)
    except (Unanswered, Refused) as error:
        raise RegistryError(f"the member does not answer: {error}; nothing was changed") from error
    finally:
        client.close()
