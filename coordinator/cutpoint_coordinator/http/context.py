"""What every resource of the API stands on: the service that it speaks for, and the driver while that one leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutpoint_coordinator.driver import Driver
from cutpoint_coordinator.faults import Refused

if TYPE_CHECKING:
    from cutpoint_coordinator.service import Service


class Context:
    """The API of one ``service``."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def driver(self) -> Driver:
        """The driver. Raises `Refused`, with the leader's address, if another coordinator leads."""
        driver = self.service.leading()
        if isinstance(driver, str):
            leader = self.service.leader_address
            remedy = f"ask {leader}" if leader else "try again in a moment"
            raise Refused(503, "not_leading", f"{driver}; nothing was done", remedy, leader)
        return driver
