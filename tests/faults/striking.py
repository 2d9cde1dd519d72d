"""``cutpoint``, which kills or stops itself at one stage of a cut when it is told to.

``python striking.py FOLDER coordinator ...``: when the file ``order`` is in FOLDER, with a stage and a signal in it,
and a cut that this process leads comes to that stage, the file is renamed to ``struck`` and the signal is sent. Of
several coordinators only the one that leads comes to any stage.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cutpoint.command import main
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordination import Coordination
from cutpoint.protocol.messages import PartStored
from cutpoint.registry import Leadership, Transaction
from cutpoint_coordinator.registry.etcd import EtcdRegistry

SAID_SECONDS = 0.005
"""After so long what was said has left the process."""


def strike(folder: Path, stage: str) -> None:
    """Carry the order out, if it is for this stage."""
    order, struck = folder / "order", folder / "struck"
    try:
        wanted, name = order.read_text(encoding="utf-8").split()
        if wanted != stage:
            return
        order.rename(struck)
    except (OSError, ValueError):
        return
    os.utime(struck)
    os.kill(os.getpid(), signal.Signals[name])


def watch_core(at: Callable[[str], None]) -> None:
    """The stages that the core sees."""
    step = Coordination.step

    def stepped(self: Coordination, event: was.Event) -> tuple[ask.Effect, ...]:
        if isinstance(event, was.ManifestWritten):
            at("written")
        effects = step(self, event)
        said = event.said if isinstance(event, was.AgentsSaid) else (event,)
        stored = any(isinstance(each, was.AgentSaid) and isinstance(each.message, PartStored) for each in said)
        if any(isinstance(effect, ask.CheckParts) for effect in effects):
            at("all-parts")
        elif stored:
            at("some-parts")
        if any(isinstance(effect, ask.SetDeadline) for effect in effects):
            asyncio.get_running_loop().call_later(SAID_SECONDS, at, "begun")
        return effects

    Coordination.step = stepped  # type: ignore[method-assign]


def watch_registry(at: Callable[[str], None]) -> None:
    """The stages that the registry sees."""
    commit = EtcdRegistry.commit

    async def committed(self: EtcdRegistry, leadership: Leadership, transaction: Transaction) -> Any:
        puts = dict(transaction.puts)
        publishes = any(key.startswith("points/") for key in puts)
        if "computation" in puts and msgspec.json.decode(puts["computation"]).get("open_cut"):
            at("requested")
        if publishes:
            at("before")
        answer = await commit(self, leadership, transaction)
        if publishes:
            at("after")
        return answer

    EtcdRegistry.commit = committed  # type: ignore[method-assign]


if __name__ == "__main__":
    watch_core(lambda stage: strike(Path(sys.argv[1]), stage))
    watch_registry(lambda stage: strike(Path(sys.argv[1]), stage))
    sys.exit(main(sys.argv[2:]))
