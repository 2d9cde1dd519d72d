"""The exhaustive search of a world: every state and every order of small configurations.

`explore` a `Configuration`, one of `CONFIGURATIONS` for example; the `Coverage` prints what was covered, and the
shortest way to a violation if there is one.
"""

from __future__ import annotations

from cutpoint_simulations.world.search.configuration import CONFIGURATIONS, Configuration, Payments
from cutpoint_simulations.world.search.exploration import Coverage, Finding, explore

__all__ = ["CONFIGURATIONS", "Configuration", "Coverage", "Finding", "Payments", "explore"]
