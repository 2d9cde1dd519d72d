"""``/v1/monitors``: which monitors there are and what they found; bringing one, and taking it away.

What is brought is code that a process of the coordinator will run: that takes an administrator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from cutpoint.errors import ConfigurationError
from cutpoint.monitors.deployed import Deployed, check_deployed, check_python
from cutpoint.monitors.monitor import check_name
from cutpoint_coordinator.access.callers import caller_now
from cutpoint_coordinator.asked import body_of
from cutpoint_coordinator.faults import Refused, answer
from cutpoint_coordinator.http.context import Context
from cutpoint_coordinator.http.route import Route
from cutpoint_coordinator.monitoring.answers import MonitorAnswer, MonitorsAnswer
from cutpoint_coordinator.notices import now_utc
from cutpoint_coordinator.requests import NotLeading

if TYPE_CHECKING:
    from cutpoint_coordinator.monitoring.monitoring import Monitoring


class MonitorBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A monitor: ``code`` as `cutpoint.monitors.deployed` writes it, in base64, by this ``python``.

    ``period_seconds``: 0: every cut is looked at. ``seconds``, ``memory_bytes``: what one evaluation may use up.
    """

    code: bytes
    python: str
    description: str = ""
    period_seconds: float = 0.0
    seconds: float = 30.0
    memory_bytes: int = 1024 * 1024 * 1024
    pins: bool = True
    by: str = ""


class Monitors:
    """The routes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> tuple[Route, ...]:
        """What is served."""
        return (
            Route(
                method="GET",
                path="/v1/monitors",
                operation="monitors",
                handler=self._list,
                about="the monitors, and what they have found",
                answers={200: MonitorsAnswer},
            ),
            Route(
                method="GET",
                path="/v1/monitors/{name}",
                operation="monitor",
                handler=self._get,
                about="one monitor, and what it has found",
                answers={200: MonitorAnswer},
                faults=("bad_name", "unknown_monitor"),
            ),
            Route(
                method="PUT",
                path="/v1/monitors/{name}",
                operation="put_monitor",
                handler=self._put,
                about="bring a monitor, or replace one; it looks at the last recovery point first",
                body=MonitorBody,
                answers={200: MonitorAnswer},
                faults=("bad_name", "bad_monitor", "monitor_unfit", "too_many_monitors"),
                once="kept",
            ),
            Route(
                method="DELETE",
                path="/v1/monitors/{name}",
                operation="remove_monitor",
                handler=self._remove,
                about="take a monitor away, with what it has found; what it has pinned stays",
                answers={200: MonitorAnswer},
                faults=("bad_name", "unknown_monitor"),
                once="kept",
            ),
        )

    async def _list(self, _: web.Request) -> web.Response:
        return answer(self._monitoring().status())

    async def _get(self, request: web.Request) -> web.Response:
        return answer(self._monitoring().one(_name_in_path(request)))

    async def _put(self, request: web.Request) -> web.Response:
        name = _name_in_path(request)
        body = await body_of(request, MonitorBody)
        deployed = Deployed(
            name=name,
            code=body.code,
            python=body.python,
            description=body.description,
            period_seconds=body.period_seconds,
            seconds=body.seconds,
            memory_bytes=body.memory_bytes,
            pins=body.pins,
            by=caller_now().signed(body.by, ""),
            at=now_utc(),
        )
        try:
            check_deployed(deployed)
            check_python(deployed)
        except ConfigurationError as error:
            message, _, remedy = str(error).rpartition("; ")
            raise Refused(400, "bad_monitor", message, remedy) from error
        return answer(await self._monitoring().put(deployed))

    async def _remove(self, request: web.Request) -> web.Response:
        return answer(await self._monitoring().remove(_name_in_path(request)))

    def _monitoring(self) -> Monitoring:
        self._context.driver()
        monitoring = self._context.service.monitoring
        if monitoring is None:
            raise NotLeading("this coordinator does not lead any more")
        return monitoring


def _name_in_path(request: web.Request) -> str:
    name = request.match_info["name"]
    try:
        check_name(name)
    except ConfigurationError as error:
        message, _, remedy = str(error).rpartition("; ")
        raise Refused(400, "bad_name", message, remedy) from error
    return name
