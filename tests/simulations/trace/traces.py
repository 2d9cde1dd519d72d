"""Traces for the tests of diagrams: small ones in a few words each, and a bank that runs for as long as it is told."""

from __future__ import annotations

import random

from msgspec import structs

from cutpoint_simulations.trace import Entry, Kind, Recorder, Trace, read_crossings


def trace_of(*lines: str, processes: tuple[str, ...] = ("a", "b"), verdict: str = "") -> Trace:
    """One entry a line, one step each: ``a send m b``, ``b receive m a``, ``a record 1``, ``a restore 1 2``, ``a end``.

    A message's number is the count of messages so named by its channel so far; names with ``!`` are control messages.
    """
    recorder = Recorder(title="small", seed=1, unit="steps", processes=processes)
    numbers: dict[str, int] = {}
    for step, line in enumerate(lines):
        process, kind, *rest = line.split()
        recorder.append(_entry(float(step), process, kind, rest, numbers))
    return recorder.trace(verdict=verdict)


def _entry(at: float, process: str, kind: str, rest: list[str], numbers: dict[str, int]) -> Entry:
    match kind:
        case "send" | "receive":
            name, peer = rest
            number = 0 if "!" in name else numbers.setdefault(name, len(numbers) + 1)
            channel = f"{process}>{peer}" if kind == "send" else f"{peer}>{process}"
            known: Kind = "send" if kind == "send" else "receive"
            return Entry(at=at, process=process, kind=known, message=name, peer=peer, channel=channel, number=number)
        case "record":
            return Entry(at=at, process=process, kind="record", cut=int(rest[0]), incarnation=int([*rest, "1"][1]))
        case "restore":
            return Entry(at=at, process=process, kind="restore", cut=int(rest[0]), incarnation=int(rest[1]))
        case "publish":
            return Entry(at=at, process=process, kind="publish", cut=int(rest[0]))
        case "abandon":
            return Entry(at=at, process=process, kind="abandon", cut=int(rest[0]), text=" ".join(rest[1:]))
        case "start":
            return Entry(at=at, process=process, kind="start", text=" ".join(rest))
        case "end":
            return Entry(at=at, process=process, kind="end", text=" ".join(rest))
        case "fault":
            return Entry(at=at, process=process, kind="fault", text=" ".join(rest))
        case _:
            assert kind == "note", kind
            return Entry(at=at, process=process, kind="note", text=" ".join(rest))


NAMES = ("orders", "payments", "stock", "shipping", "mail", "ledger", "fraud", "audit", "search", "billing", "tax")


class Bank:
    """Services that send each other money on FIFO channels; a cut every ``cut_every`` transfers, a kill now and then.

    Processes record when the coordinator's word or a message from after the cut reaches them, so no cut has an orphan,
    except that with ``deaf`` a service does not look at messages, and so takes what it should have recorded before.
    """

    def __init__(self, *, seed: int, services: int, cut_every: int = 18, deaf: bool = False) -> None:
        self._chance = random.Random(seed)
        self._names = NAMES[:services]
        self._cut_every = cut_every
        self._deaf = deaf
        self.recorder = Recorder(
            title=f"a bank of {services} services", seed=seed, unit="s", processes=("coordinator", *self._names)
        )
        self._now = 0.0
        self._cut = self._published = 0
        self._incarnation = 1
        self._waiting: list[str] = []
        self._recorded: dict[str, int] = {}
        self._sent: dict[tuple[str, str], int] = {}
        self._travelling: list[tuple[float, Entry, int]] = []
        self._dead = ""

    def run(self, transfers: int, verdict: str = "") -> Trace:
        """Make that many transfers, and give the trace."""
        for process in ("coordinator", *self._names):
            self._add(process, "start")
        for transfer in range(1, transfers + 1):
            self._now += self._chance.expovariate(250) * (30 if self._chance.random() < 0.03 else 1)
            self._arrive()
            self._send()
            if transfer % self._cut_every == 0 and not self._dead and not self._waiting:
                self._begin()
            elif self._waiting and self._chance.random() < 0.6:
                self._record(self._waiting[0], "begin")
            if transfer % (4 * self._cut_every) == 2 * self._cut_every - 3 and self._published and not self._waiting:
                self._kill()
            elif self._dead and transfer % (4 * self._cut_every) == 2 * self._cut_every + 2:
                self._recover()
        return self.recorder.trace(verdict=verdict)

    def _add(self, process: str, kind: Kind, *, cut: int = 0, incarnation: int = 0, text: str = "") -> None:
        entry = Entry(at=self._now, process=process, kind=kind, cut=cut, incarnation=incarnation, text=text)
        self.recorder.append(entry)

    def _send(self) -> None:
        sender, receiver = self._chance.sample(self._names, 2)
        if sender == self._dead:
            return
        number = self._sent[sender, receiver] = self._sent.get((sender, receiver), 0) + 1
        channel = f"{sender}>{receiver}"
        entry = Entry(
            at=self._now,
            process=sender,
            kind="send",
            message=f"{channel} {number} in {self._incarnation}",
            peer=receiver,
            channel=channel,
            number=number,
            text=f"transfer {self._chance.randint(1, 90)}",
        )
        self.recorder.append(entry)
        before = max((at for at, other, _ in self._travelling if other.channel == channel), default=0.0)
        arrives = max(before, self._now + self._chance.expovariate(90))
        self._travelling.append((arrives, entry, self._recorded.get(sender, 0)))
        self._travelling.sort(key=lambda each: each[0])

    def _arrive(self) -> None:
        while self._travelling and self._travelling[0][0] <= self._now:
            _, sent, stamp = self._travelling.pop(0)
            receiver = sent.peer
            if receiver == self._dead:
                continue
            if stamp > self._recorded.get(receiver, 0) and receiver in self._waiting and not self._deaf:
                self._record(receiver, "")
            self._receive(sent)

    def _receive(self, sent: Entry) -> None:
        entry = structs.replace(sent, at=self._now, process=sent.peer, kind="receive", peer=sent.process)
        self.recorder.append(entry)

    def _begin(self) -> None:
        self._cut += 1
        self._waiting = self._chance.sample(self._names, len(self._names))
        for process in self._waiting:
            self._control("send", "coordinator", process)

    def _control(self, kind: Kind, process: str, peer: str) -> None:
        named = peer if kind == "send" else process
        message = f"begin {self._cut} {named}"
        text = f"begin {self._cut}"
        self.recorder.append(
            Entry(at=self._now, process=process, kind=kind, message=message, peer=peer, channel="control", text=text)
        )

    def _record(self, process: str, word: str) -> None:
        if word:
            self._control("receive", process, "coordinator")
        self._add(process, "record", cut=self._cut, incarnation=self._incarnation)
        self._recorded[process] = self._cut
        self._waiting.remove(process)
        if not self._waiting and self._cut % 3 == 2:
            self._add("coordinator", "abandon", cut=self._cut, text=f"{process} did not answer before the deadline")
        elif not self._waiting:
            self._add("coordinator", "publish", cut=self._cut)
            self._published = self._cut

    def _kill(self) -> None:
        self._dead = self._chance.choice(self._names)
        self._add(self._dead, "fault", text="kill -9")
        self._add(self._dead, "end", text="killed")

    def _recover(self) -> None:
        self._add(self._dead, "start")
        self._dead = ""
        self._incarnation += 1
        self._travelling.clear()
        for process in self._names:
            self._add(process, "restore", cut=self._published, incarnation=self._incarnation)
        self._deliver_again()

    def _deliver_again(self) -> None:
        """What was in flight in the cut is delivered first, in order, exactly once."""
        trace = self.recorder.trace()
        crossings = read_crossings(trace)
        for message in crossings.messages:
            if message.sent is not None and self._published in [crossings.cuts[each].cut for each in message.in_flight]:
                self._receive(trace.entries[message.sent])
