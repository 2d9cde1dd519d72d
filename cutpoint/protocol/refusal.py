"""Why a Hello is refused, by name, and whether it helps to try again. When one is answered is decided elsewhere."""

from __future__ import annotations

from cutpoint.protocol.identity import Identity
from cutpoint.protocol.messages import PROTOCOL_VERSION, Hello, Refused


def refusal(me: Identity, hello: Hello, *, known: bool) -> Refused | None:
    """What is wrong with this Hello at this moment; None if nothing is. ``known``: it is about a session of ours."""
    reason, helps = "", False
    if hello.version != PROTOCOL_VERSION:
        reason = f"{me.name} speaks protocol version {PROTOCOL_VERSION}, {hello.process} {hello.version}; upgrade one"
    elif hello.process == me.name:
        reason = f"{hello.process} opened a channel to itself; use an asyncio.Queue and a table instead"
    elif me.leaving and not known:
        reason = f"{me.name} is leaving the computation; talk to somebody else"
    elif me.running and hello.computation != me.computation:
        reason = (
            f"{me.name} belongs to the computation {me.computation!r}, {hello.process} to {hello.computation!r}; "
            "connect it to its own, or give both the same coordinator"
        )
    elif not me.running or is_of_another_life(me, hello):
        reason, helps = f"{me.name} is at incarnation {me.incarnation} ({me.phase}); wait for the recovery", True
    return Refused(incarnation=me.incarnation, cut=me.cut, reason=reason, waiting_helps=helps) if reason else None


def is_of_another_life(me: Identity, hello: Hello) -> bool:
    """The fence: a Hello from before a recovery, or from after one that this process has missed."""
    return hello.incarnation != me.incarnation
