"""What processes wait for, as a recovery point tells it.

A service says ``async with agent.waiting(channel): ...``; what it waits for when its state is recorded is a part of
that record. A monitor may take waits from elsewhere, too: out of the tables of a service that remembers them there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cutpoint.state.built_in import WAITS_STATE

_FIELDS = (str, str, str, float, str, str)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wait:
    """One thing that a process does not do before a message has come, or before something happens inside of it.

    ``process``: who has to act, empty: somebody in the same process. ``channel``: where the message would come, empty:
    on any from ``process``. ``turn_of``: the channel whose message is being answered meanwhile. ``seconds``: for how
    long it has waited. ``why``: in its author's words; ``where``: the handler, and the line that waits.
    """

    process: str
    channel: str = ""
    turn_of: str = ""
    seconds: float = 0.0
    why: str = ""
    where: str = ""

    def __str__(self) -> str:
        for_whom = f"{self.process} on {self.channel}" if self.channel else (self.process or "its own tasks")
        why = f" for {self.why}" if self.why else ""
        return f"{for_whom}{why}{f' in {self.where}' if self.where else ''}"


def waits_of(states: Mapping[str, Any]) -> tuple[Wait, ...]:
    """What a process's agent has recorded of what it waits for. Raises `ValueError` if no agent can have."""
    return parse_waits(states.get(WAITS_STATE))


def parse_waits(content: Any) -> tuple[Wait, ...]:
    """The waits in what was recorded. Raises `ValueError`."""
    if content is None:
        return ()
    if type(content) is not list or any(
        type(entry) is not list or tuple(type(each) for each in entry) != _FIELDS for entry in content
    ):
        raise ValueError("what is recorded of waits is none")
    return tuple(
        Wait(process=process, channel=channel, turn_of=turn_of, seconds=seconds, why=why, where=where)
        for process, channel, turn_of, seconds, why, where in content
    )


def written_waits(waits: tuple[Wait, ...]) -> list[list[Any]] | None:
    """As a state records them; None if there are none."""
    return [list(dataclasses.astuple(wait)) for wait in waits] or None
