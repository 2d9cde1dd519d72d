"""What a route is: the declaration from which the application serves it and the OpenAPI document describes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import msgspec

from cutpoint_coordinator.asked import NoQuery
from cutpoint_coordinator.bodies import BODY_BYTES_MAX
from cutpoint_coordinator.faults import Handler
from cutpoint_coordinator.http.codes import EVERYWHERE, LEADERS_ONLY, WITH_BODY, WITH_KEY

Method = Literal["GET", "POST", "PUT", "DELETE"]

Once = Literal["", "kept", "secret", "ledger"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path.

    ``operation``: what the client's method for it is called; empty: it has none. ``about``: what it does, one line
    for people. ``body``: what it takes, at most so long; None: nothing. ``query``: its parameters, a struct of
    strings, numbers and truth values; any other is refused. ``answers``: what it says when it has done what it was
    asked, by HTTP status; None: no JSON, but ``media``. ``faults``: the codes that it refuses with, besides those
    that every route has. ``leads``: only the coordinator that leads answers it. ``headers``: request headers that
    say something to it.

    ``once``: how an ``Idempotency-Key`` is kept. Empty: it takes none, because it changes nothing. ``kept``: with its
    answer. ``secret``: without, because the answer holds a secret. ``ledger``: the handler sees to it.
    """

    method: Method
    path: str
    operation: str
    handler: Handler
    about: str
    answers: Mapping[int, type[msgspec.Struct] | None]
    body: type[msgspec.Struct] | None = None
    body_bytes_max: int = BODY_BYTES_MAX
    query: type[msgspec.Struct] = NoQuery
    faults: tuple[str, ...] = ()
    leads: bool = True
    media: str = "application/json"
    headers: tuple[str, ...] = ()
    once: Once = ""

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code that it may refuse with."""
        codes = (*self.faults, *EVERYWHERE)
        codes += WITH_BODY if self.body is not None or self.once else ()
        codes += LEADERS_ONLY if self.leads else ()
        codes += WITH_KEY if self.once else ()
        return tuple(sorted(dict.fromkeys(codes)))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in its path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))
