"""An agent's figures for the Prometheus registry that its service already has.

``prometheus_client`` is the service's own choice: it is imported when `AgentMetrics.register` is called, and nowhere
else in this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cutpoint.errors import ConfigurationError
from cutpoint_agents.agent import Agent

_GAUGES = {
    "connected": "1 while the coordinator is connected.",
    "incarnation": "The incarnation that it runs in.",
    "cut": "The last cut that it has recorded or skipped.",
    "loop_stall_longest_seconds": "The longest time for which something held the event loop.",
}
_COUNTERS = {
    "faults": "Bugs of Cutpoint's own.",
    "tasks_failed": "How often a function under @agent.task has raised.",
    "timers_failed": "How often a timer's handler has raised.",
    "loop_stalls": "How often something held the event loop for too long.",
}


class AgentMetrics:
    """The collector of one agent: values are read when somebody looks."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def register(self, registry: Any = None) -> AgentMetrics:
        """Add it to ``registry``; None: the one that ``prometheus_client`` has for the process.

        Raises `ConfigurationError` where that package is not installed.
        """
        try:
            from prometheus_client import REGISTRY
        except ImportError as error:
            raise ConfigurationError(
                "agent_metrics needs prometheus_client, which is not installed; nothing was registered; "
                "pip install prometheus-client"
            ) from error
        (REGISTRY if registry is None else registry).register(self)
        return self

    def describe(self) -> Iterable[Any]:
        """Nothing is read before somebody looks."""
        return ()

    def collect(self) -> Iterator[Any]:
        """The figures of this moment, with the process as their label."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        found = self.values()
        for kinds, family in ((_GAUGES, GaugeMetricFamily), (_COUNTERS, CounterMetricFamily)):
            for name, about in kinds.items():
                metric = family(f"cutpoint_agent_{name}", about, labels=["process"])
                metric.add_metric([self._agent.name], found[name])
                yield metric

    def values(self) -> dict[str, float]:
        """The same figures by name, for who has no Prometheus."""
        seen = self._agent.statistics()
        return {
            "connected": float(seen.connected),
            "incarnation": float(seen.incarnation),
            "cut": float(seen.cut),
            "faults": float(seen.faults),
            "tasks_failed": float(seen.tasks_failed),
            "timers_failed": float(seen.timers_failed),
            "loop_stalls": float(seen.loop_stalls),
            "loop_stall_longest_seconds": seen.loop_stall_longest_seconds,
        }


def agent_metrics(agent: Agent) -> AgentMetrics:
    """The figures of ``agent``, to be registered."""
    return AgentMetrics(agent)
