from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint_simulations import bank
from tests.simulations.replay import services
from tests.simulations.replay.recordings import record


@pytest.fixture(scope="session")
def race_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The race with the planted bug, cut twice before it is over."""
    return record(services.race, tmp_path_factory.mktemp("race"), seconds=1.3)


@pytest.fixture(scope="session")
def fair_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The race without it, cut twice before it is over."""
    return record(services.fair_race, tmp_path_factory.mktemp("fair"), seconds=1.3)


@pytest.fixture(scope="session")
def bank_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three banks, cut a few times."""
    return record(bank.declare, tmp_path_factory.mktemp("bank"), seconds=3.2)
