"""One substitution for all simulations of a module: it is what costs time, and each simulation is its own anyway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cutpoint_simulations.loop.substitution import SUBSTITUTED


@pytest.fixture(autouse=True, scope="module")
def substituted() -> Iterator[None]:
    """Put the simulated functions in place; outside of every host they call the real ones."""
    with SUBSTITUTED:
        yield
