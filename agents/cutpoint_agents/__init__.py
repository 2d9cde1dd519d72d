"""The agent: the asyncio driver of the protocol's process side, beside a service and around its channels.

Importing it loads aiohttp and msgspec, and nothing of the coordinator.
"""

from __future__ import annotations

from cutpoint_agents.agent import Agent, Statistics
from cutpoint_agents.clock import Clock
from cutpoint_agents.settings import Settings
from cutpoint_agents.timers import Timer

__all__ = ["Agent", "Clock", "Settings", "Statistics", "Timer"]
