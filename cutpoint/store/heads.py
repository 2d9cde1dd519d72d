"""The head of a part: what one process contributed to one cut, with references in place of the bytes.

A head is the last chunk of the last pack that a cut of a process writes. It names every pack that the part needs,
so a part is found, checked and counted from its head alone. Nothing here reads or writes a store.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import count

import msgspec

from cutpoint.errors import Damaged, UsageError
from cutpoint.names import CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import PackRef, PartSummary, SessionEvidence, SessionRecord, StateSummary
from cutpoint.store.chunks import CHUNK_RAW_MAX, ChunkRef, Run
from cutpoint.store.digests import digest_of
from cutpoint.store.in_flight import FRAME_BYTES, IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX, counted
from cutpoint.store.packs import HEAD_RAW_MAX, PACK_BYTES_MAX
from cutpoint.wire.checks import check_numbers, check_packs, check_process, check_session, check_texts, one_line

TABLE = "table"
"""The kind of state that may have runs of changes."""


class StoredState(msgspec.Struct, frozen=True, kw_only=True):
    """One state: its content is that of its runs, oldest first, in ``format`` and of schema ``version``.

    A table has a base run and any number of delta runs, everything else exactly one base run.
    """

    name: str
    kind: str
    version: int
    format: str
    runs: tuple[Run, ...]


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """One session without its in-flight messages; ``address`` as in `cutpoint.protocol.messages.SessionRecord`."""

    evidence: SessionEvidence
    address: str = ""


class PartHead(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one process recorded for one cut, by reference.

    ``base``: the recovery point on whose part this one builds, 0: none. ``packs``: every *other* pack that is needed;
    the first ``kept`` of them were needed by the base too, the rest is fresh, as is the pack that holds the head.
    ``messages``: the in-flight messages of all sessions. ``boundary``: open channels that lie outside the cut.
    """

    process: ProcessName
    life: Life
    incarnation: Incarnation
    cut: CutNumber
    computation: str
    base: CutNumber
    sessions: tuple[StoredSession, ...]
    messages: tuple[ChunkRef, ...]
    states: tuple[StoredState, ...]
    boundary: tuple[str, ...]
    packs: tuple[PackRef, ...]
    kept: int


class KnownPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part that is durable: its head, and the pack whose last chunk the head is."""

    head: PartHead
    pack: PackRef

    @property
    def packs(self) -> tuple[PackRef, ...]:
        """Every pack that the part needs; `ChunkRef.pack` counts them in this order."""
        return (*self.head.packs, self.pack)


def needed_bytes(part: KnownPart) -> list[int]:
    """For each of `KnownPart.packs`, how many of its bytes are chunks that the part's states need."""
    chunks = {chunk.id: chunk for state in part.head.states for run in state.runs for chunk in run.chunks}
    needed = [0] * len(part.packs)
    for chunk in chunks.values():
        needed[chunk.pack] += chunk.stored
    return needed


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[PartHead] = msgspec.msgpack.Decoder(PartHead)


def encode_head(head: PartHead) -> bytes:
    """Encode ``head``. Raises `UsageError` if it is not one that `decode_head` would accept."""
    where = f"the part of {one_line(head.process)}"
    try:
        data = _encoder.encode(head)
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError) as error:
        raise UsageError(f"{where} cannot be stored: {one_line(error)}; it was given up") from error
    if len(data) > HEAD_RAW_MAX:
        raise UsageError(
            f"{where} has a head of {len(data)} bytes, {HEAD_RAW_MAX} are allowed; it was given up; "
            "let the process have fewer channels, or spread its state over several processes"
        )
    if complaint := check_head(head):
        raise UsageError(f"{where} cannot be stored: {complaint}; it was given up")
    return data


def decode_head(data: bytes, *, where: str) -> PartHead:
    """Decode what `encode_head` made. Raises `Damaged` that begins with ``where`` for anything else."""
    try:
        head = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError, ValueError) as error:
        raise Damaged(
            f"{where} holds no head of a part: {one_line(error)}; recover to another recovery point"
        ) from error
    if complaint := check_head(head):
        raise Damaged(f"{where} holds no sound head of a part: {complaint}; recover to another recovery point")
    return head


def check_head(head: PartHead) -> str:
    """Complain of a head that no process can have written."""
    complaint = (
        check_process(head.process)
        or check_texts(head, ("life", "computation"))
        or check_numbers(head, ("incarnation", "cut", "base", "kept"))
        or check_packs(head.packs)
        or check_distinct("state", (state.name for state in head.states))
        or check_distinct("session", ((s.evidence.session, s.evidence.initiator) for s in head.sessions))
    )
    if not complaint and head.kept > len(head.packs):
        complaint = f"{head.kept} packs are said to be kept, {len(head.packs)} are named"
    if not complaint and head.kept and not 1 <= head.base < head.cut:
        complaint = f"packs are kept of cut {head.base}, which is not before it"
    for state in head.states:
        complaint = complaint or check_texts(state, ("name", "kind", "format")) or check_numbers(state, ("version",))
        complaint = complaint or _check_runs(state)
    for session in head.sessions:
        complaint = complaint or check_session(session.evidence)
    return complaint or _check_places(head) or _check_in_flight(head)


def check_distinct(kind: str, names: Iterable[Hashable]) -> str:
    """Complain of a name that is there twice."""
    seen: set[Hashable] = set()
    for name in names:
        if name in seen:
            return f"{kind} {one_line(repr(name))} is in it twice"
        seen.add(name)
    return ""


def _check_runs(state: StoredState) -> str:
    where = f"state {one_line(repr(state.name))}"
    if not state.runs or state.runs[0].kind != "base":
        return f"{where} does not begin with a base run"
    if any(run.kind != "delta" for run in state.runs[1:]) or (state.kind != TABLE and len(state.runs) > 1):
        return f"{where} has more than one base run, or changes and is no table"
    for run in state.runs:
        if run.raw_bytes != sum([chunk.raw for chunk in run.chunks]):
            return f"{where} has a run of which the length is not that of its chunks"
    return ""


def _check_places(head: PartHead) -> str:
    """Complain of chunks outside their packs, and of packs of which nothing is needed."""
    lengths = [pack.bytes for pack in head.packs]
    lengths.append(PACK_BYTES_MAX)
    used = bytearray(len(lengths))
    for chunks in (head.messages, *(run.chunks for state in head.states for run in state.runs)):
        for chunk in chunks:
            if chunk.pack >= len(lengths) or chunk.offset + chunk.stored > lengths[chunk.pack]:
                return f"a chunk lies at byte {chunk.offset} of pack {chunk.pack}, where none is"
            if chunk.raw > CHUNK_RAW_MAX or not chunk.stored:
                return f"a chunk has {chunk.raw} bytes, {chunk.stored} stored"
            used[chunk.pack] = 1
    if 0 in used[:-1]:
        return f"pack {used.index(0)} is named and nothing in it is needed"
    return ""


def _check_in_flight(head: PartHead) -> str:
    wanted = sum(sum(counted(session.evidence)) for session in head.sessions)
    if wanted > IN_FLIGHT_MAX:
        return f"{wanted} messages are said to be in flight, {IN_FLIGHT_MAX} are allowed"
    found = sum(chunk.raw for chunk in head.messages)
    if found > IN_FLIGHT_BYTES_MAX:
        return f"{found} bytes of messages are said to be in flight, {IN_FLIGHT_BYTES_MAX} are allowed"
    return ""


def check_record(record: SessionRecord) -> str:
    """Complain where the recorded messages are not those that the session's evidence counts."""
    where = f"session {one_line(repr(record.evidence.session))}"
    outgoing, incoming = record.evidence.outgoing, record.evidence.incoming
    numbers = [message.number for message in record.outgoing_in_flight]
    if len(numbers) != outgoing.sent + 1 - outgoing.in_flight_from or any(
        number != wanted for number, wanted in zip(numbers, count(outgoing.in_flight_from), strict=False)
    ):
        return f"{where}: the messages recorded by the sender are not {outgoing.in_flight_from} to {outgoing.sent}"
    numbers = sorted(message.number for message in record.incoming_in_flight)
    if len(numbers) != counted(record.evidence)[1] or any(
        number != wanted
        for number, wanted in zip(numbers, (n for a, b in incoming.in_flight for n in range(a, b + 1)), strict=False)
    ):
        return f"{where}: the messages recorded by the receiver are not those of its evidence"
    return ""


def summarise(part: KnownPart, stall_seconds: float) -> PartSummary:
    """What the coordinator is told of ``part``; all of it but ``stall_seconds`` is what the stored bytes say."""
    head = part.head
    return PartSummary(
        process=head.process,
        life=head.life,
        incarnation=head.incarnation,
        cut=head.cut,
        sessions=tuple(session.evidence for session in head.sessions),
        states=tuple(map(_summarise_state, head.states)),
        object=part.pack.digest,
        bytes=sum(pack.bytes for pack in part.packs),
        in_flight_messages=sum(sum(counted(session.evidence)) for session in head.sessions),
        stall_seconds=stall_seconds,
        boundary=head.boundary,
        packs=part.packs,
        fresh_bytes=sum(pack.bytes for pack in part.packs[head.kept :]),
        base=head.base,
    )


def in_flight_bytes(head: PartHead) -> int:
    """How long the in-flight messages are that a part holds, without what tells one from the next."""
    messages = sum(sum(counted(session.evidence)) for session in head.sessions)
    return sum(chunk.raw for chunk in head.messages) - messages * FRAME_BYTES


def _summarise_state(state: StoredState) -> StateSummary:
    ids = b"".join([chunk.id for run in state.runs for chunk in run.chunks])
    return StateSummary(
        name=state.name,
        kind=state.kind,
        version=state.version,
        format=state.format,
        bytes=sum(run.raw_bytes for run in state.runs),
        digest=digest_of(ids),
    )
