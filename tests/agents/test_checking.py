"""A table that checks itself: a value that was changed in place without a word is named after the next cut."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from cutpoint_agents import Agent
from tests.agents.rig import IMPATIENT, Coordinator, until


async def test_a_value_that_was_changed_in_place_without_a_word_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="cutpoint.agent")
    async with Coordinator(str(tmp_path)).serving() as coordinator:
        agent = Agent("basket", coordinator=coordinator.url, settings=IMPATIENT)
        baskets = agent.table("baskets", check=True)
        async with agent:
            baskets["ada"], baskets["bob"] = ["tea"], ["rum"]
            await coordinator.take_cut("basket")
            with baskets.edit("bob") as basket:
                basket.append("told")
            baskets["ada"].append("not told")
            await coordinator.take_cut("basket")
            await until(lambda: "'ada'" in caplog.text)
            assert "'bob'" not in caplog.text
