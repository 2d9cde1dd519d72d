"""Banks that pay each other over WebSockets: the small computation that the simulator's own tests are about.

Money is neither made nor lost: in every consistent cut, what is in the accounts and in flight adds up to what there was
at the beginning.
"""

from __future__ import annotations

from cutpoint_simulations.bank.book import Bookkeeping
from cutpoint_simulations.bank.computation import BANKS, Habits, declare, holdings, payment
from cutpoint_simulations.bank.service import OPENING, create_app

__all__ = ["BANKS", "OPENING", "Bookkeeping", "Habits", "create_app", "declare", "holdings", "payment"]
