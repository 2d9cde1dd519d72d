"""What the applications said to each other in a future: what was sent by channel, what was taken by process, in order.

Only what still counts at the end is kept: a restore throws away what the process had said and heard before.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict

from cutpoint.names import ProcessName, SessionName, channel_name
from cutpoint.protocol.messages import Payload
from cutpoint_simulations.chronicle.observations import (
    Adopted,
    Began,
    Named,
    Observation,
    Restored,
    Sent,
    Taken,
    shortly,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Passage:
    """A message as it was sent or taken, at a virtual time. ``number``: its sequence number in its channel."""

    at: float
    sender: str
    channel: str
    number: int
    payload: Payload

    @property
    def title(self) -> str:
        """The message in words."""
        return f"message {self.number} of {self.channel}, {self.short}"

    @property
    def short(self) -> str:
        """What it says, in short."""
        return shortly(self.payload)

    @property
    def what(self) -> tuple[str, int, Payload]:
        """Which message it is, whenever it passed."""
        return self.channel, self.number, self.payload


@dataclasses.dataclass(slots=True)
class _Session:
    name: str = ""
    peer: str = ""


@dataclasses.dataclass(slots=True)
class _Entry:
    at: float
    sent: bool
    session: _Session
    number: int
    payload: Payload


class Messages:
    """Give `hear` to a `Watch`. Messages of a session that never got a name are not told."""

    def __init__(self) -> None:
        self._entries: dict[str, list[_Entry]] = defaultdict(list)
        self._sessions: dict[str, dict[str, _Session]] = defaultdict(dict)

    def hear(self, observation: Observation) -> None:
        """Take the next observation."""
        kind, process = type(observation), observation.process
        if kind is Sent or kind is Taken:
            assert isinstance(observation, Sent | Taken)
            session = self._session(process, observation.key)
            entry = _Entry(observation.at, kind is Sent, session, observation.number, observation.payload)
            self._entries[process].append(entry)
        elif isinstance(observation, Named):
            session = self._session(process, observation.key)
            session.name, session.peer = observation.session, observation.peer
        elif isinstance(observation, Adopted):
            self._renumber(self._session(process, observation.key), process, observation.sent)
        elif isinstance(observation, Began | Restored):
            self._entries[process].clear()
            self._sessions[process].clear()
            for restored in observation.sessions if isinstance(observation, Restored) else ():
                evidence = restored.record.evidence
                self._sessions[process][restored.key] = _Session(str(evidence.session), str(evidence.peer))

    def _session(self, process: str, key: str) -> _Session:
        return self._sessions[process].setdefault(key, _Session())

    def _renumber(self, session: _Session, process: str, sent: int) -> None:
        """What was sent before the session had its name comes after what the restored one had sent."""
        if not session.name:
            for entry in self._entries[process]:
                if entry.session is session and entry.sent:
                    entry.number += sent

    # ------------------------------------------------------------------------------------------------- what it tells

    @property
    def processes(self) -> tuple[str, ...]:
        """Everybody who has said or heard anything, ascending."""
        return tuple(sorted(name for name, entries in self._entries.items() if entries))

    def sent(self) -> dict[str, list[Passage]]:
        """What was sent, by channel, in order."""
        channels: dict[str, list[Passage]] = {}
        for process in self.processes:
            for passage in self._passages(process, sent=True):
                channels.setdefault(passage.channel, []).append(passage)
        return channels

    def taken(self, process: str) -> list[Passage]:
        """What ``process`` took over all channels, in order."""
        return self._passages(process, sent=False)

    def _passages(self, process: str, *, sent: bool) -> list[Passage]:
        found: list[Passage] = []
        for entry in self._entries[process]:
            session = entry.session
            if entry.sent is sent and session.name:
                ends = (process, session.peer) if sent else (session.peer, process)
                sender, receiver = ProcessName(ends[0]), ProcessName(ends[1])
                channel = channel_name(sender, receiver, SessionName(session.name))
                found.append(Passage(entry.at, str(sender), str(channel), entry.number, entry.payload))
        return found
