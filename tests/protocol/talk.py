"""What the tests of the process core say to it: frames and events with everything usual filled in.

``ours`` is the core under test, of process ``me``; its peer is ``you`` unless a test says otherwise.
"""

from __future__ import annotations

from cutpoint.names import CutNumber, Digest, Incarnation, Life, ProcessName, Sequence, SessionName
from cutpoint.protocol import effects as ask
from cutpoint.protocol import events as was
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.messages import (
    PROTOCOL_VERSION,
    Abandon,
    Acknowledge,
    Admit,
    AnyFrame,
    Begin,
    Close,
    Credit,
    Data,
    Ended,
    Hello,
    InFlight,
    Marker,
    PartSummary,
    Payload,
    Prepare,
    Published,
    Start,
    ToAgent,
    ToCoordinator,
    Welcome,
)
from cutpoint.protocol.process import Process

COMPUTATION = "tests"
DEADLINE = 10.0


def ours(*, cut: int = 0, base: int = 0, window: int = 4, window_bytes: int = 1 << 20, name: str = "me") -> Process:
    """A process that has been admitted and runs."""
    process = Process(name=ProcessName(name), life=Life(f"{name}.1"), window_messages=window, window_bytes=window_bytes)
    said(
        process,
        Admit(computation=COMPUTATION, incarnation=Incarnation(1), cut=CutNumber(cut), base=CutNumber(base), store=""),
    )
    return process


def said(process: Process, message: ToAgent) -> tuple[Effect, ...]:
    return process.step(was.CoordinatorSaid(message=message))


def came(process: Process, frame: AnyFrame, connection: int = 1) -> tuple[Effect, ...]:
    effects = process.step(was.FrameArrived(connection=connection, frame=frame))
    process.check()
    return effects


def begin(cut: int, *members: str, base: int = 0, released: tuple[str, ...] = (), incarnation: int = 1) -> Begin:
    return Begin(
        incarnation=Incarnation(incarnation),
        cut=CutNumber(cut),
        base=CutNumber(base),
        members=tuple(map(ProcessName, members or ("me", "you"))),
        released=tuple(map(ProcessName, released)),
        deadline_seconds=DEADLINE,
    )


def abandon(cut: int, incarnation: int = 1) -> Abandon:
    return Abandon(incarnation=Incarnation(incarnation), cut=CutNumber(cut), reason="a test")


def published(cut: int, incarnation: int = 1) -> Published:
    return Published(incarnation=Incarnation(incarnation), cut=CutNumber(cut))


def prepare(incarnation: int, *, cut: int = 0, last_cut: int = 0, part: str = "") -> Prepare:
    return Prepare(
        computation=COMPUTATION,
        incarnation=Incarnation(incarnation),
        cut=CutNumber(cut),
        last_cut=CutNumber(last_cut),
        object=part,
        store="",
    )


def start(incarnation: int) -> Start:
    return Start(incarnation=Incarnation(incarnation))


# ------------------------------------------------------------------------------------------------------------ frames


def hello(
    nonce: str = "k",
    *,
    cut: int = 0,
    session: str = "",
    arrived: int = 0,
    limit: int = 4,
    fifo: bool = True,
    life: str = "you.1",
    process: str = "you",
    incarnation: int = 1,
    version: int = PROTOCOL_VERSION,
    label: str = "/talk",
    closed: tuple[str, ...] = (),
    reopens: bool = False,
) -> Hello:
    return Hello(
        incarnation=Incarnation(incarnation),
        cut=CutNumber(cut),
        version=version,
        process=ProcessName(process),
        life=Life(life),
        label=label,
        nonce=nonce,
        session=SessionName(session),
        fifo=fifo,
        arrived=Sequence(arrived),
        limit=Sequence(limit),
        closed=tuple(map(SessionName, closed)),
        reopens=reopens,
        computation=COMPUTATION,
    )


def welcome(
    session: str = "me~you:/talk",
    *,
    cut: int = 0,
    opened: int | None = None,
    arrived: int = 0,
    limit: int = 4,
    life: str = "you.1",
    process: str = "you",
    incarnation: int = 1,
    version: int = PROTOCOL_VERSION,
) -> Welcome:
    return Welcome(
        incarnation=Incarnation(incarnation),
        cut=CutNumber(cut),
        version=version,
        process=ProcessName(process),
        life=Life(life),
        session=SessionName(session),
        opened=CutNumber(cut if opened is None else opened),
        arrived=Sequence(arrived),
        limit=Sequence(limit),
        computation=COMPUTATION,
    )


def data(first: int, *payloads: Payload, cut: int = 0, incarnation: int = 1) -> Data:
    return Data(incarnation=Incarnation(incarnation), cut=CutNumber(cut), first=Sequence(first), payloads=payloads)


def in_flight(first: int, *payloads: Payload) -> tuple[InFlight, ...]:
    return tuple(InFlight(Sequence(first + i), payload) for i, payload in enumerate(payloads))


def marker(cut: int, sent: int, *, recorded_from: int | None = None, base: int = 0, incarnation: int = 1) -> Marker:
    return Marker(
        incarnation=Incarnation(incarnation),
        cut=CutNumber(cut),
        base=CutNumber(base),
        sent=Sequence(sent),
        recorded_from=Sequence(sent + 1 if recorded_from is None else recorded_from),
    )


def acknowledge(received: int, *, cut: int = 0, incarnation: int = 1) -> Acknowledge:
    return Acknowledge(incarnation=Incarnation(incarnation), cut=CutNumber(cut), received=Sequence(received))


def credit(limit: int = 4, *, cut: int = 0, suspended: bool = False) -> Credit:
    return Credit(incarnation=Incarnation(1), cut=CutNumber(cut), limit=Sequence(limit), suspended=suspended)


def ended(*, cut: int = 0, incarnation: int = 1) -> Ended:
    return Ended(incarnation=Incarnation(incarnation), cut=CutNumber(cut))


# ---------------------------------------------------------------------------------------------------------- sessions


def opened(process: Process, key: str = "k", *, connection: int = 1, fifo: bool = True, name: str = "") -> None:
    """A session that ``process`` has opened and you have welcomed."""
    process.step(was.OpenRequested(connection=connection, key=key, label="/talk", fifo=fifo, address="there"))
    process.transmit(connection)
    came(process, welcome(name or "me~you:/talk", cut=process.cut), connection)
    drained(process, connection)


def accepted(process: Process, key: str = "k", *, connection: int = 1, fifo: bool = True, peer: str = "you") -> None:
    """A session that you have opened, and whose Welcome you have had."""
    process.step(was.AcceptRequested(connection=connection))
    came(process, hello(key, cut=process.cut, fifo=fifo, process=peer, life=f"{peer}.1"), connection)
    drained(process, connection)
    came(process, credit(cut=process.cut), connection)
    drained(process, connection)


def drained(process: Process, connection: int = 1) -> tuple[AnyFrame, ...]:
    """Everything that is to be put on the connection now."""
    frames: list[AnyFrame] = []
    while more := process.transmit(connection):
        frames += more
    process.check()
    return tuple(frames)


def send(process: Process, *payloads: Payload, key: str = "k") -> None:
    for payload in payloads:
        process.step(was.MessageSent(key=key, payload=payload))


def take(process: Process, turn: int = 1, *, key: str = "k", ends: bool = True) -> Payload | None:
    """Hand the next message to the application, which is done with it at once unless ``ends`` is False."""
    message = process.take(key, turn)
    if message is not None and ends:
        process.step(was.TurnEnded(turn=turn))
    if message is not None and isinstance(message.payload, Close):
        process.step(was.MessageWanted(key=key, turn=turn))
    return None if message is None else message.payload


def stored(process: Process, cut: int) -> tuple[Effect, ...]:
    """The part is durable."""
    return process.step(was.PartPersisted(cut=CutNumber(cut), summary=summary(cut)))


def summary(cut: int, *, process: str = "me") -> PartSummary:
    return PartSummary(
        process=ProcessName(process),
        life=Life(f"{process}.1"),
        incarnation=Incarnation(1),
        cut=CutNumber(cut),
        sessions=(),
        states=(),
        object=Digest("sha256:" + 64 * "0"),
        bytes=1,
        in_flight_messages=0,
        stall_seconds=0.0,
    )


# -------------------------------------------------------------------------------------------------------- recoveries


def part_of(effects: tuple[Effect, ...]) -> ask.PersistPart:
    """The part that one of these effects writes."""
    (part,) = (effect for effect in effects if isinstance(effect, ask.PersistPart))
    return part


def restored(part: ask.PersistPart) -> tuple[Process, tuple[Effect, ...]]:
    """A process that has gone back to this part as incarnation 2, and what its start led to."""
    process, incarnation = ours(), Incarnation(2)
    said(process, prepare(2, cut=part.cut, last_cut=part.cut, part="sha256:0"))
    process.step(was.ActivityStopped(incarnation=incarnation))
    process.step(was.PartLoaded(incarnation=incarnation, sessions=part.sessions))
    effects = said(process, start(2))
    process.check()
    return process, effects


def told(effects: tuple[Effect, ...]) -> tuple[ToCoordinator, ...]:
    """What the coordinator is told by these effects."""
    return tuple(effect.message for effect in effects if isinstance(effect, ask.SendToCoordinator))
