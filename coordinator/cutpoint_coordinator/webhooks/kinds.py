"""Which of all that happens is an alert, how bad it is, and what to do next: one table of words and sentences.

The kind of an alert is the kind of the notice that it is made of. What does not stand here is no alert, above all what
happens to the webhooks themselves.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from cutpoint.access import redacted
from cutpoint.monitors.evaluation import shortened
from cutpoint.webhooks import Alert, Severity
from cutpoint_coordinator.answers import NoticeAnswer

TEXT_CHARACTERS_MAX = 2000
FIELDS_BYTES_MAX = 4096
"""An alert whose fields are longer goes without them; what happened is in its text."""

STALE = "recovery points stale"
FRESH = "recovery points fresh"
TEST = "test"


class Kind(NamedTuple):
    """How bad it is, and what to do next; ``{cut}`` stands for the number of the cut."""

    severity: Severity
    next: str


KINDS: dict[str, Kind] = {
    "cuts fail": Kind(
        "critical",
        "Services run on, and a recovery would go further back: see who held it up, `cutpoint history {cut}`.",
    ),
    "cuts succeed": Kind("info", "Nothing; `cutpoint history` tells what it was."),
    STALE: Kind(
        "critical", "See why there is no newer one: `cutpoint topology`, `cutpoint history`, `cutpoint doctor`."
    ),
    FRESH: Kind("info", "Nothing."),
    "monitor violated": Kind(
        "critical",
        "Look into recovery point {cut}, `cutpoint show {cut}`; mend the service before you go back to one before it.",
    ),
    "monitor content": Kind("info", "Nothing; the evidence stays, `cutpoint monitors list` tells where."),
    "monitor failed": Kind("warning", "Correct the monitor, try it with `cutpoint monitors run`, and add it again."),
    "monitor works again": Kind("info", "Nothing."),
    "monitor skips cuts": Kind("warning", "Give the monitor a period, or make it faster."),
    "monitor refused": Kind("warning", "Add the monitor again with a key that the coordinators trust, or remove it."),
    "evidence not pinned": Kind("warning", "Pin it before retention drops it: `cutpoint pin {cut}`."),
    "recovery started": Kind("warning", "Nothing yet; `cutpoint topology` tells whom it waits for."),
    "recovery done": Kind("info", "Nothing; what happened after the recovery point is undone."),
    "recovery failed": Kind("critical", "See what the processes say, mend it, and go back again: `cutpoint recover`."),
    "recovery waits": Kind(
        "critical", "Start the process that is missing, or go on without it: `cutpoint release NAME`."
    ),
    "process waiting": Kind("critical", "Somebody has to decide: the text says between what."),
    "process does not fit": Kind("critical", "Run a version of the program that can read the recovery point."),
    "recovery point damaged": Kind("critical", "See what else is, `cutpoint verify`, and copy it back from a replica."),
    "manifest damaged": Kind("critical", "See what else is, `cutpoint verify`, and copy it back from a replica."),
    "leading": Kind("warning", "Find out why the coordinator before it leads no more, unless you have stopped it."),
    "replica behind": Kind("warning", "See whether the second location answers: `cutpoint topology`."),
    "collection failed": Kind("warning", "See what hinders it, `cutpoint doctor`; nothing that is needed was deleted."),
    "certificate unusable": Kind("critical", "Put a certificate and its key in place that fit each other."),
    "audit log broken": Kind("critical", "Find out who has written to the registry: it was no coordinator."),
}
"""Every kind of alert, besides ``test``."""


def alert_of(notice: NoticeAnswer, *, computation: str, number: str) -> Alert | None:
    """The alert that ``notice`` is, with ``number`` as its id; None: it is none."""
    kind = KINDS.get(notice.kind)
    if kind is None:
        return None
    found = notice.fields.get("cut")
    cut = found if isinstance(found, int) and found > 0 else None
    return Alert(
        id=number,
        kind=notice.kind,
        severity=kind.severity,
        at=notice.at,
        computation=computation,
        what=shortened(redacted(notice.text), TEXT_CHARACTERS_MAX),
        next=kind.next.replace("{cut}", "N" if cut is None else str(cut)),
        cut=cut,
        fields=_fields(notice),
    )


def _fields(notice: NoticeAnswer) -> dict[str, object]:
    try:
        data = msgspec.json.encode(notice.fields)
    except (TypeError, ValueError, RecursionError):
        return {}
    text = data.decode()
    return dict(notice.fields) if len(data) <= FIELDS_BYTES_MAX and redacted(text) == text else {}
