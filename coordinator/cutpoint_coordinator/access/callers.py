"""Who asks: the holder of a token, or anybody at a coordinator that asks for none; what is known of the request."""

from __future__ import annotations

import contextvars
import dataclasses

from cutpoint.access.handshake import CoordinatorSide
from cutpoint_coordinator.access.scopes import Scope, includes
from cutpoint_coordinator.faults import Refused


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """``name`` is a token's; empty: nobody has to say who they are. ``key`` is the token's public id.

    ``until``: when it expires, in seconds of the epoch.
    """

    name: str
    scope: Scope
    key: str = ""
    until: float | None = None

    @property
    def title(self) -> str:
        """For the audit log."""
        return self.name or "anybody"

    def may(self, scope: Scope) -> bool:
        """Whether what asks for ``scope`` is allowed. Where no token is asked for, everything is."""
        return not self.key or includes(self.scope, scope)

    def signed(self, by: str, otherwise: str) -> str:
        """Who does something that is kept: who they say they are, and whose token it was."""
        if not self.name:
            return by or otherwise
        return f"{by} ({self.name})" if by else self.name


ANYBODY = Caller(name="", scope="administer")
"""Whoever asks a coordinator that asks for no token."""


@dataclasses.dataclass(kw_only=True, slots=True)
class Asking:
    """One request as the gate has let it through. ``outcome``: what the audit log says of its end, if not "done".

    ``exchange``: the proof that an agent has begun with it.
    """

    caller: Caller
    exchange: CoordinatorSide | None = None
    outcome: str = ""


ASKING: contextvars.ContextVar[Asking] = contextvars.ContextVar("cutpoint asking")
"""The request that this task answers."""


def caller_now() -> Caller:
    """Who has sent the request that this task answers."""
    return ASKING.get().caller


def require(scope: Scope, what: str) -> None:
    """Raise `Refused` unless the caller may do ``what``, which asks for more than its route does."""
    caller = caller_now()
    if not caller.may(scope):
        raise forbidden(caller, scope, what)


def forbidden(caller: Caller, scope: Scope, what: str) -> Refused:
    """The answer to somebody whose scope does not reach."""
    return Refused(
        403,
        "forbidden",
        f"token {caller.name} may {caller.scope}, and to {what} takes {scope}; nothing was done",
        f"use a token of scope {scope}",
        headers={"WWW-Authenticate": f'Bearer realm="cutpoint", error="insufficient_scope", scope="{scope}"'},
    )
