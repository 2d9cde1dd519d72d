"""Plays a conversation on a stage, and writes down what happened: the lines that begin with ``> `` and their answers.

A transcript that was written on one driver is a test for all. It is read like this:

    > begin                                     a command, see `Play`
    b holds the cut up: its turn is open        what follows from it, for people

Numbers of cuts, what is in flight and who recorded it, what is delivered and in which order: all of it is compared,
down to the letter.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable

from cutpoint.protocol.certificate import ChannelCertificate
from cutpoint.protocol.messages import Close, InFlight, Payload
from tests.scenarios.stage import CutReading, Stage, session_of

Lines = list[str]


async def play(text: str, stage: Stage) -> str:
    """What the transcript ``text`` reads like if its commands are played on ``stage``."""
    played: Lines = []
    commands = Play(stage).commands
    for line in text.splitlines():
        if line.startswith("> "):
            name, *arguments = shlex.split(line[2:])
            try:
                answer = await commands[name](*arguments)
            except Exception as error:
                error.add_note(f"at {line!r}, after:\n" + "\n".join(played))
                raise
            played += [line, *answer]
        elif not line or line.startswith("#"):
            played.append(line)
    return "\n".join(played) + "\n"


class Play:
    """The commands of a transcript."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.commands: dict[str, Callable[..., Awaitable[Lines]]] = {
            "start": self._start,
            "kill": self._kill,
            "open": self._open,
            "send": self._send,
            "receive": self._receive,
            "hold": self._hold,
            "end": self._end,
            "close": self._close,
            "break": self._break,
            "mend": self._mend,
            "begin": self._begin,
            "look": self._look,
            "deadline": self._deadline,
            "publish": self._publish,
            "cut": self._cut,
            "recover": self._recover,
            "state": self._state,
            "who": self._who,
        }

    async def _start(self, *processes: str) -> Lines:
        """``start A B``: says who runs."""
        for process in processes:
            await self._stage.start(process)
        return await self._who()

    async def _kill(self, process: str) -> Lines:
        """``kill A``."""
        await self._stage.kill(process)
        await self._stage.settle()
        return []

    async def _open(self, opener: str, acceptor: str, label: str) -> Lines:
        """``open A B /label``: says the session's name."""
        before = self._names(opener)
        await self._stage.open(opener, acceptor, label)
        await self._stage.settle()
        return [f"{name} is open" for name in self._names(opener) if name not in before]

    def _names(self, process: str) -> Lines:
        sessions = self._stage.cores()[process].handshakes.sessions.values()
        return [session.name for session in sessions if session.name and session.phase == "open"]

    async def _send(self, process: str, channel: str, *texts: str) -> Lines:
        """``send A CHANNEL one two``."""
        for text in texts:
            await self._stage.send(process, channel, text)
        await self._stage.settle()
        core = self._stage.cores()[process]
        session = session_of(core, channel)
        assert session is not None
        held = session.outgoing.in_flight()
        return [f"{process} still has {_texts(held)}"] if held else []

    async def _receive(self, process: str, channel: str, count: str = "1") -> Lines:
        """``receive B CHANNEL 2``, or ``all``: says what, or that there is nothing to be had."""
        lines: Lines = []
        while len(lines) < int(count) if count != "all" else self._available(process, channel):
            if not self._available(process, channel):
                return [*lines, f"{process} gets nothing"]
            lines.append(f"{process} gets {_text(await self._stage.take(process, channel, hold=False))}")
            await self._stage.settle()
        return lines

    def _available(self, process: str, channel: str) -> bool:
        core = self._stage.cores()[process]
        session = session_of(core, channel)
        return session is not None and session.incoming.available and not core.holding

    async def _hold(self, process: str, channel: str) -> Lines:
        """``hold B CHANNEL``: receive one, and do not end the turn."""
        assert self._available(process, channel), f"there is nothing for {process}"
        taken = _text(await self._stage.take(process, channel, hold=True))
        await self._stage.settle()
        return [f"{process} gets {taken}, and its turn is open"]

    async def _end(self, process: str) -> Lines:
        """``end B``: the turn that it holds."""
        await self._stage.end_turn(process)
        await self._stage.settle()
        return []

    async def _close(self, process: str, channel: str) -> Lines:
        """``close A CHANNEL``."""
        await self._stage.close(process, channel)
        await self._stage.settle()
        return []

    async def _break(self, channel: str) -> Lines:
        """``break CHANNEL``: its connection is lost."""
        await self._stage.break_connection(channel)
        await self._stage.settle()
        return []

    async def _mend(self, channel: str) -> Lines:
        """``mend CHANNEL``: it gets another connection."""
        await self._stage.mend(channel)
        await self._stage.settle()
        return []

    async def _begin(self) -> Lines:
        """``begin``: a cut is begun; says what it waits for."""
        await self._stage.begin()
        return await self._look()

    async def _look(self) -> Lines:
        """``look``: says what the open cut waits for."""
        await self._stage.settle()
        lines: Lines = []
        for name, core in self._stage.cores().items():
            recording = core.recorder.recording
            if recording is not None and recording.waiting:
                lines.append(f"{name} has not recorded cut {recording.cut}: its turn is open")
            elif recording is not None and recording.phase == "recorded":
                channels = ", ".join(recording.open_channels())
                lines.append(f"{name} has recorded cut {recording.cut} and waits for {channels}")
        return lines

    async def _deadline(self) -> Lines:
        """``deadline``: the open cut has taken too long."""
        await self._stage.deadline()
        return await self._publish()

    async def _publish(self) -> Lines:
        """``publish``: wait for the end of the open cut, and read it."""
        end = await self._stage.end_of_cut()
        await self._stage.settle()
        if end.abandoned:
            reason = re.sub(r" of \d+ s passed", " passed", end.abandoned.split(";")[0])
            return [f"cut {end.cut} is abandoned: {reason}"]
        return reading(await self._stage.read(end.cut))

    async def _cut(self) -> Lines:
        """``cut``: a whole one."""
        await self._stage.begin()
        return await self._publish()

    async def _recover(self, cut: str) -> Lines:
        """``recover 1``."""
        await self._stage.recover(int(cut))
        return await self._who()

    async def _who(self) -> Lines:
        """``who``: says who runs."""
        await self._stage.settle()
        running = {name: core for name, core in self._stage.cores().items() if core.phase == "running"}
        waiting = [f"{name} has to wait" for name in self._stage.cores() if name not in running]
        incarnations = sorted({str(core.incarnation) for core in running.values()})
        return [f"incarnation {' and '.join(incarnations)}: {' '.join(running)} run", *waiting]

    async def _state(self, process: str) -> Lines:
        """``state B``: what its application has received, by the alphabet."""
        return [f"{process} has {' '.join(self._stage.received(process)) or 'nothing'}"]


# ------------------------------------------------------------------------------------------------------------ words


def reading(cut: CutReading) -> Lines:
    """A recovery point as the transcripts write it: the states, then each channel with what it holds and where."""
    certificate = cut.certificate
    lines = [f"cut {certificate.cut} is a recovery point, {certificate.in_flight} in flight"]
    lines += [f"  {name} has {' '.join(cut.parts[name].received) or 'nothing'}" for name in certificate.members]
    names = [channel.channel for channel in certificate.channels]
    for channel in certificate.channels:
        alias = f" of {channel.session}" if names.count(channel.channel) > 1 else ""
        lines.append(f"  {channel.channel}{alias}: {_channel(channel, cut)}")
    return lines


def _channel(channel: ChannelCertificate, cut: CutReading) -> str:
    said = f"{channel.sent} sent, {channel.received} received"
    for process in (channel.receiver, channel.sender):
        messages = [m for record in _records(channel, process, cut) for m in record]
        assert len(messages) == (
            channel.in_flight_by_receiver if process == channel.receiver else channel.in_flight_by_sender
        )
        if messages:
            said += f", in flight at {process}: {_texts(messages)}"
    return said + (", closed" if channel.closed else "")


def _records(channel: ChannelCertificate, process: str, cut: CutReading) -> list[tuple[InFlight, ...]]:
    sessions = [s for s in cut.parts[process].sessions if s.evidence.session == channel.session]
    return [s.outgoing_in_flight if process == channel.sender else s.incoming_in_flight for s in sessions]


def _texts(messages: list[InFlight] | tuple[InFlight, ...]) -> str:
    return " ".join(_text(message.payload) for message in messages)


def _text(payload: Payload) -> str:
    return f"the end ({payload.code})" if isinstance(payload, Close) else str(payload)
