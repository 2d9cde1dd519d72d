"""A part that holds a bit of everything in the format of packs, and ways to write and read parts whole."""

from __future__ import annotations

from cutpoint.names import BEGINNING, CutNumber, Incarnation, Life, ProcessName
from cutpoint.protocol.messages import Close, PartSummary, SessionRecord
from cutpoint.store.backend import Backend
from cutpoint.store.chunks import Sealing
from cutpoint.store.heads import KnownPart
from cutpoint.store.reader import PartReader
from cutpoint.store.writer import PartWriter

from .samples import ORDERS, PAYMENTS, messages, session

STALL_SECONDS = 0.001
SESSION = session(ORDERS, PAYMENTS, messages(6, "six", b"seven", Close(code=1001, reason="é")), messages(4, "four"))
TABLE_BASE = (b"\x00\x00\x00\x05" + b"base " * 20) * 3
TABLE_DELTA = b"\x00\x00\x00\x05delta"
CONTENT = b"one value " * 30


def writer(
    backend: Backend,
    cut: int = 1,
    *,
    process: ProcessName = ORDERS,
    base: KnownPart | None = None,
    sealing: Sealing | None = None,
) -> PartWriter:
    return PartWriter(
        backend,
        process=process,
        life=Life("a1"),
        incarnation=Incarnation(1),
        cut=CutNumber(cut),
        computation="shop",
        era=CutNumber(cut - 1),
        base=base,
        sealing=sealing,
    )


def put_table(one: PartWriter, name: str, *runs: tuple[bytes, ...], keep: KnownPart | None = None) -> None:
    """A table of these runs, the first a base unless runs of ``keep`` come before; a chunk counts as one entry."""
    one.begin_state(name, "table", 1, "msgpack")
    if keep is not None:
        one.keep_runs(next(state.runs for state in keep.head.states if state.name == name))
    for number, chunks in enumerate(runs):
        one.begin_run("delta" if number or keep is not None else "base")
        for chunk in chunks:
            one.add(chunk, 1)
        one.end_run()
    one.end_state()


def put_value(one: PartWriter, name: str, content: bytes) -> None:
    one.begin_state(name, "value", 1, "msgpack")
    one.add_content(content)
    one.end_state()


def finish(one: PartWriter, *sessions: SessionRecord) -> PartSummary:
    return one.finish(sessions, ("browser",), STALL_SECONDS)


def small_part(
    backend: Backend, cut: int = 1, process: ProcessName = ORDERS, sealing: Sealing | None = None
) -> KnownPart:
    """A table with a base and a delta run, a value, an empty one, and a session with messages in flight."""
    one = writer(backend, cut, process=process, sealing=sealing)
    put_table(one, "balances", (TABLE_BASE,), (TABLE_DELTA,))
    put_value(one, "rates", CONTENT)
    put_value(one, "nothing", b"")
    peer = PAYMENTS if process == ORDERS else ORDERS
    finish(one, session(process, peer, SESSION.outgoing_in_flight, SESSION.incoming_in_flight))
    return one.written


def contents(reader: PartReader) -> dict[str, list[bytes]]:
    """Every state's runs as bytes."""
    return {state.name: [b"".join(reader.chunks(run)) for run in state.runs] for state in reader.head.states}


BEFORE_ALL = BEGINNING
