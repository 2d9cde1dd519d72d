"""What a route is: the declaration from which the application serves it and the OpenAPI document describes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

import msgspec

from cutpoint_coordinator.faults import Handler

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path.

    ``operation``: what the client's method for it is called. ``about``: what it does, one line for people.
    ``body``: what it takes; None: nothing. ``query``: its parameters, a struct of strings, numbers and truth values.
    ``answers``: what it says when it has done what it was asked, by HTTP status. ``faults``: the codes that it refuses
    with, besides those that every route has. ``leads``: only the coordinator that leads answers it.
    """

    method: Method
    path: str
    operation: str
    handler: Handler
    about: str
    answers: Mapping[int, type[msgspec.Struct]]
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    faults: tuple[str, ...] = ()
    leads: bool = True
