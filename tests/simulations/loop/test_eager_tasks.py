"""Eager tasks came with Python 3.12; before that there is nothing here to test."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from tests.simulations.loop.running import on_host

if sys.version_info >= (3, 12):

    async def program() -> list[object]:
        factory: Any = vars(asyncio)["eager_task_factory"]
        asyncio.get_running_loop().set_task_factory(factory)
        seen = list[object]()

        async def step(name: str) -> str:
            seen.append(name)
            await asyncio.sleep(0)
            seen.append(name.upper())
            return name

        task = asyncio.create_task(step("a"), name="eager")
        seen.append("b")
        return [*seen, await task, *seen[2:], task.get_name(), task in asyncio.all_tasks()]

    def test_eager_tasks_begin_at_once_as_outside() -> None:
        assert on_host(program) == asyncio.run(program()) == ["a", "b", "a", "A", "eager", False]

    def test_eager_tasks_have_numbers_for_hashes_too() -> None:
        async def hashes() -> list[int]:
            await program()
            return [hash(asyncio.create_task(asyncio.sleep(0))) for _ in range(3)]

        assert max(on_host(hashes)) < 20
