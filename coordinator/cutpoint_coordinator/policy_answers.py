"""What the HTTP API takes and says of policies; see `answers` for the rules."""

from __future__ import annotations

from typing import Any

import msgspec

from cutpoint.policy import Change


class PolicyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Declare a policy: ``toml``, the text of a file called ``source``, or ``policy``, the same as a JSON object.

    ``version``: only if this is the one in force (as is ``If-Match``); None: whatever is. ``dry_run``: only say what
    would change. ``by``: who declares it.
    """

    toml: str | None = None
    policy: dict[str, Any] | None = None
    version: int | None = None
    dry_run: bool = False
    by: str = ""
    source: str = ""


class PolicyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The policy in force: as a JSON object and as a file. What has its default is in neither.

    ``version`` 0: nobody has declared one, and the flags of the coordinator that leads hold. ``changes``: what was
    changed, or would be.
    """

    version: int
    by: str
    at: str
    source: str
    policy: dict[str, Any]
    toml: str
    changes: tuple[Change, ...] = ()
