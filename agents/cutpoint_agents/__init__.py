"""The agent: the asyncio driver of the protocol's process side, beside a service and around its channels.

Importing it loads aiohttp and msgspec, and nothing of the coordinator.
"""

from __future__ import annotations

from cutpoint_agents.agent import Agent, Statistics
from cutpoint_agents.settings import Settings

__all__ = ["Agent", "Settings", "Statistics"]
