"""For the person on call: metrics, alerts and traces of one coordinator. Nothing is decided from any of it."""

from cutpoint_coordinator.oncall.on_call import OnCall

__all__ = ["OnCall"]
