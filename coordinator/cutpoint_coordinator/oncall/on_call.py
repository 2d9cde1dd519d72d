"""Everything for the person on call, attached to one service and, while it leads, to its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutpoint.registry import Registry
from cutpoint.store import Backend
from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.oncall.gauges import Gauges
from cutpoint_coordinator.oncall.measured import MeasuredBackend, MeasuredRegistry
from cutpoint_coordinator.oncall.metrics import CONTENT_TYPE, Metrics
from cutpoint_coordinator.oncall.traces import Traces

if TYPE_CHECKING:
    from cutpoint_coordinator.service import Service


class OnCall:
    """That of one ``service``."""

    content_type = CONTENT_TYPE

    def __init__(self, service: Service) -> None:
        self._service = service
        self.metrics = Metrics()
        self.metrics.registry.register(Gauges(service))
        self.traces = Traces(service.settings.computation) if service.settings.spans else None
        service.notices.subscribe(self.metrics.noticed)
        if self.traces is not None:
            service.notices.subscribe(self.traces.noticed)

    def registry(self, inner: Registry) -> Registry:
        """``inner``, measured."""
        return MeasuredRegistry(inner, self.metrics.registry_called)

    def store(self, inner: Backend) -> Backend:
        """``inner``, measured: for what a cut waits for."""
        return MeasuredBackend(inner, self.metrics.store_called)

    def leads(self, driver: Driver) -> None:
        """The service leads with ``driver``."""
        driver.history.listeners.append(self.metrics.cut_ended)
        if self.traces is not None:
            driver.history.listeners.append(self.traces.cut_ended)
