from __future__ import annotations

from pathlib import Path

import pytest

SCENARIOS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_says_first_what_it_is_about(path: Path) -> None:
    assert path.read_text().startswith("# ")
