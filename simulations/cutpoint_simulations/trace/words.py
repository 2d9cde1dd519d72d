"""Every entry of a trace in words, for terminals, test reports, and whoever cannot see the diagram.

One line an entry. Nothing here decides anything: what crossed a cut comes from `cutpoint_simulations.trace.cuts`.
"""

from __future__ import annotations

from collections import defaultdict

from cutpoint_simulations.trace.cuts import Crossings, Cut, Message, read_crossings
from cutpoint_simulations.trace.model import Entry, Trace

CUTS_MAX = 4
"""Of the cuts that a message crossed so many are named."""


def describe(trace: Trace, crossings: Crossings) -> tuple[str, ...]:
    """What each entry says, without the time and the process."""
    notes: dict[int, list[str]] = defaultdict(list)
    for message in crossings.messages:
        for index in _ends(message):
            notes[index].extend(remarks(message, crossings.cuts))
        if message.sent is not None and not message.received:
            notes[message.sent].append("never received")
    return tuple(", ".join([_said(entry), *notes[index]]) for index, entry in enumerate(trace.entries))


def remarks(message: Message, cuts: tuple[Cut, ...]) -> list[str]:
    """Which cuts it crossed, and how."""
    orphan, in_flight = ([cuts[index].cut for index in crossed] for crossed in (message.orphan, message.in_flight))
    return [f"{what} {_numbers(of)}" for what, of in (("ORPHAN of", orphan), ("in flight in", in_flight)) if of]


def _numbers(cuts: list[int]) -> str:
    """``cut 1``, ``cuts 1, 2, 3``; of many the first ones."""
    if len(cuts) == 1:
        return f"cut {cuts[0]}"
    rest = f" and {len(cuts) - CUTS_MAX} more" if len(cuts) > CUTS_MAX else ""
    return f"cuts {', '.join(map(str, cuts[:CUTS_MAX]))}{rest}"


def tell(trace: Trace, last: int | None = None) -> str:
    """The whole trace, or its ``last`` entries, as text: a heading, then one line an entry in aligned columns."""
    words = describe(trace, read_crossings(trace))
    skipped = 0 if last is None else max(0, len(words) - last)
    times = [clock(entry.at, trace.unit) for entry in trace.entries]
    number_width = len(str(len(words)))
    time_width = max(map(len, times), default=0)
    process_width = max(map(len, trace.processes), default=0)
    lines = [heading(trace), verdict(trace)]
    if skipped:
        lines.append(f"({skipped:,} earlier entries are left out)")
    for index in range(skipped, len(words)):
        process = trace.entries[index].process
        lines.append(
            f"{index + 1:{number_width}}  {times[index]:>{time_width}}  {process:{process_width}}  {words[index]}"
        )
    return "\n".join(lines) + "\n"


def heading(trace: Trace) -> str:
    """What ran, and the seed that runs it again."""
    return f"{trace.title}, seed {trace.seed}"


def verdict(trace: Trace) -> str:
    """The complaint, or that there is none."""
    return one_line(trace.verdict) or "no complaint"


def clock(at: float, unit: str) -> str:
    """``step 12``, ``0.250 s``: milliseconds are enough for people, and the entries' order tells the rest."""
    return f"step {at:g}" if unit == "steps" else f"{at:.3f} s"


def one_line(text: str) -> str:
    """Line breaks and runs of spaces become one space."""
    return " ".join(text.split())


def _ends(message: Message) -> tuple[int, ...]:
    return (() if message.sent is None else (message.sent,)) + message.received


def _said(entry: Entry) -> str:
    text = one_line(entry.text)
    match entry.kind:
        case "start":
            return _with("starts", text)
        case "end":
            return _with("ends", text)
        case "send":
            return f"sends to {entry.peer}: {text or entry.message}{_place(entry)}"
        case "receive":
            return f"receives from {entry.peer}: {text or entry.message}{_place(entry)}"
        case "record":
            return _with(f"records its state for cut {entry.cut} in incarnation {entry.incarnation}", text)
        case "publish":
            return _with(f"publishes cut {entry.cut}", text)
        case "abandon":
            return _with(f"abandons cut {entry.cut}", text)
        case "restore":
            return _with(f"goes back to cut {entry.cut}, and lives in incarnation {entry.incarnation}", text)
        case "fault":
            return _with("fault", text)
        case "note":
            return text


def _with(what: str, text: str) -> str:
    return f"{what}: {text}" if text else what


def _place(entry: Entry) -> str:
    """Where in its channel a message is; nothing for what is not numbered and on no channel."""
    number = f"#{entry.number}" if entry.number else ""
    place = f"{entry.channel} {number}".strip()
    return f" ({place})" if place else ""
