"""Whole seeded runs of a computation: faults, healing, progress, and a judgement of everything that happened."""

from __future__ import annotations

from cutpoint_simulations.runs.outcome import Counts, Outcome
from cutpoint_simulations.runs.run import run
from cutpoint_simulations.runs.scenario import BANK, Scenario
from cutpoint_simulations.runs.trial import Trial

__all__ = ["BANK", "Counts", "Outcome", "Scenario", "Trial", "run"]
