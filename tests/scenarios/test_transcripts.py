"""Whole conversations, played through each driver: they must read the same, and read as they were written down.

A new conversation is a new ``*.txt`` beside this module: write the commands and look at what the failing test prints.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.loopback_stage import LoopbackStage
from tests.scenarios.transcript import play
from tests.scenarios.world_stage import WorldStage

SCENARIOS = sorted(Path(__file__).parent.glob("*.txt"))

scenarios = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)


@scenarios
async def test_a_conversation_reads_the_same_in_the_pure_cores(scenario: Path) -> None:
    text = scenario.read_text(encoding="utf-8")
    assert await play(text, WorldStage()) == text


@scenarios
async def test_a_conversation_reads_the_same_over_real_sockets(scenario: Path, tmp_path: Path) -> None:
    text = scenario.read_text(encoding="utf-8")
    async with LoopbackStage.set_up(tmp_path / "store") as stage:
        assert await play(text, stage) == text


def test_there_are_conversations() -> None:
    assert len(SCENARIOS) >= 8
