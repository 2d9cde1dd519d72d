"""Who may do what, as far as the policy says; tokens and their scopes are checked elsewhere, before."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from cutpoint.policy.declared import Policy

Act = Literal["trigger", "restore", "delete"]

_SCOPES: dict[Act, str] = {"trigger": "trigger", "restore": "restore", "delete": "administer"}


def may(policy: Policy, act: Act, *, name: str, scopes: Collection[str]) -> str:
    """Why whoever has the token ``name``, good for ``scopes``, may not do this; empty if they may.

    ``scopes`` are all that the token is good for, those included that a higher one includes.
    Whoever may administer can change the policy itself, so nobody locks everybody out.
    """
    listed: tuple[str, ...] | None = getattr(policy.access, act)
    if listed is None:
        needed = _SCOPES[act]
        return "" if needed in scopes else f"to {act} needs the scope {needed}, which {name} does not have"
    if name in listed or any(f"scope:{scope}" in listed for scope in scopes):
        return ""
    allowed = ", ".join(listed) or "nobody"
    return f"the policy lets {allowed} {act}, and not {name}; nothing was done; change access.{act} in the policy"
