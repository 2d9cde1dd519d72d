"""The channels of a published cut as the chronicle knows them: each end as it was at its own record."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from cutpoint.names import ProcessName, SessionName, channel_name
from cutpoint_simulations.chronicle import Chronicle, Line

Ends = dict[str, dict[str, Line]]
"""The lines of some processes: by process, then by what `Chronicle.same` calls the session."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Crossing:
    """One direction of one session. An end is None where its process had nothing of it when it recorded."""

    session: str
    """What `Chronicle.same` calls it."""
    name: str
    sender: str
    receiver: str
    sent: Line | None
    taken: Line | None

    @property
    def channel(self) -> str:
        """Its label, for people."""
        return channel_name(ProcessName(self.sender), ProcessName(self.receiver), SessionName(self.name))

    @property
    def broken(self) -> bool:
        """Whether an end had given the session up: what was under way then has nobody to go to."""
        return any(line is not None and line.broken for line in (self.sent, self.taken))


def crossings(ends: Ends) -> Iterator[Crossing]:
    """The channels between these processes, both ways, and those to others; ``ends`` are their lines by session.

    By sender, then by session, in the order of ``ends``.
    """
    for process, lines in ends.items():
        for session, line in lines.items():
            twin = ends.get(line.peer, {}).get(session)
            yield Crossing(
                session=session, name=line.session, sender=process, receiver=line.peer, sent=line, taken=twin
            )
            if twin is None:
                yield Crossing(
                    session=session, name=line.session, sender=line.peer, receiver=process, sent=None, taken=line
                )


def ends_at(chronicle: Chronicle, members: tuple[str, ...], cut: int) -> Ends:
    """The lines of every member as they were when it recorded ``cut``; one that did not has none."""
    return {name: chronicle.at_record(name, cut) or {} for name in sorted(members)}
