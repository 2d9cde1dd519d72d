"""What an administrator asks: the policy, monitors, webhooks, tokens, the audit log, and how cuts went."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from cutpoint_coordinator.access.answers import (
    GRACE_SECONDS,
    AuditAnswer,
    NewTokenAnswer,
    TokenAnswer,
    TokensAnswer,
)
from cutpoint_coordinator.access.scopes import Scope
from cutpoint_coordinator.answers import HistoryAnswer
from cutpoint_coordinator.client.asking import Asking
from cutpoint_coordinator.monitoring.answers import MonitorAnswer, MonitorsAnswer
from cutpoint_coordinator.policy_answers import PolicyAnswer
from cutpoint_coordinator.webhooks.answers import HookAnswer, HooksAnswer, NewHookAnswer, TrialAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cutpoint.monitors.deployed import Deployed

_LOADING_SECONDS = 90.0
"""How long a coordinator may take to try whether a monitor can be loaded."""

_OF_MONITORS = ("code", "python", "description", "period_seconds", "seconds", "memory_bytes", "pins", "by")


class Administering(Asking):
    """The part of a client that keeps a coordinator in order."""

    async def history(self, *, limit: int = 50, after: int | None = None) -> HistoryAnswer:
        """Figures, hours, and the newest cuts; ``next`` of the answer, as ``after``, asks for older ones."""
        query = f"?limit={limit}" if after is None else f"?limit={limit}&after={after}"
        return await self._ask("GET", f"/v1/history{query}", HistoryAnswer)

    async def monitors(self) -> MonitorsAnswer:
        """The monitors, and what they have found."""
        return await self._ask("GET", "/v1/monitors", MonitorsAnswer)

    async def monitor(self, name: str) -> MonitorAnswer:
        """One monitor, and what it has found."""
        return await self._ask("GET", f"/v1/monitors/{name}", MonitorAnswer)

    async def put_monitor(self, deployed: Deployed) -> MonitorAnswer:
        """Bring a monitor, or replace the one of its name; its code was written by `deploy` of this Python."""
        body = {name: getattr(deployed, name) for name in _OF_MONITORS}
        path = f"/v1/monitors/{deployed.name}"
        return await self._ask("PUT", path, MonitorAnswer, body, answer_seconds=_LOADING_SECONDS)

    async def remove_monitor(self, name: str) -> MonitorAnswer:
        """Take a monitor away, with what it has found."""
        return await self._ask("DELETE", f"/v1/monitors/{name}", MonitorAnswer)

    async def webhooks(self) -> HooksAnswer:
        """The webhooks, and what became of their alerts."""
        return await self._ask("GET", "/v1/webhooks", HooksAnswer)

    async def webhook(self, name: str) -> HookAnswer:
        """One webhook, and what became of its alerts."""
        return await self._ask("GET", f"/v1/webhooks/{quote(name, safe='')}", HookAnswer)

    async def put_webhook(
        self, name: str, url: str, *, kinds: Sequence[str] = (), secret: str = "", new_secret: bool = False
    ) -> NewHookAnswer:
        """Send alerts of ``kinds`` (none: all) to ``url``, in the place of the webhook of this name.

        Without a ``secret`` it keeps the one that it has; where it has none, or with ``new_secret``, one is made and
        told this once.
        """
        body = {"url": url, "kinds": list(kinds), "secret": secret, "new_secret": new_secret}
        return await self._ask("PUT", f"/v1/webhooks/{quote(name, safe='')}", NewHookAnswer, body)

    async def remove_webhook(self, name: str) -> HookAnswer:
        """Send no alerts there any more."""
        return await self._ask("DELETE", f"/v1/webhooks/{quote(name, safe='')}", HookAnswer)

    async def test_webhook(self, name: str) -> TrialAnswer:
        """Send one alert of the kind ``test`` there, and say what became of it."""
        return await self._ask("POST", f"/v1/webhooks/{quote(name, safe='')}/test", TrialAnswer)

    async def policy(self) -> PolicyAnswer:
        """The policy in force."""
        return await self._ask("GET", "/v1/policy", PolicyAnswer)

    async def declare_policy(
        self,
        toml: str,
        *,
        version: int | None = None,
        dry_run: bool = False,
        by: str = "",
        source: str = "",
    ) -> PolicyAnswer:
        """Declare the policy in a TOML text called ``source``, or only say what it would change.

        ``version``: only if this one is in force; raises `Declined` (``policy_changed``) if another one is.
        """
        body = {"toml": toml, "version": version, "dry_run": dry_run, "by": by, "source": source}
        return await self._ask("PUT", "/v1/policy", PolicyAnswer, body)

    async def tokens(self) -> TokensAnswer:
        """All tokens, without their secrets."""
        return await self._ask("GET", "/v1/tokens", TokensAnswer)

    async def create_token(self, name: str, scope: Scope, *, expires_seconds: float | None = None) -> NewTokenAnswer:
        """Make a token; its secret is told this once."""
        body = {"name": name, "scope": scope, "expires_seconds": expires_seconds}
        return await self._ask("POST", "/v1/tokens", NewTokenAnswer, body)

    async def rotate_token(
        self, name: str, *, grace_seconds: float = GRACE_SECONDS, expires_seconds: float | None = None
    ) -> NewTokenAnswer:
        """Give a token a new secret; the old one counts for ``grace_seconds`` beside it."""
        body = {"grace_seconds": grace_seconds, "expires_seconds": expires_seconds}
        return await self._ask("POST", f"/v1/tokens/{quote(name, safe='')}/rotate", NewTokenAnswer, body)

    async def revoke_token(self, name: str) -> TokenAnswer:
        """Let a token count no more."""
        return await self._ask("DELETE", f"/v1/tokens/{quote(name, safe='')}", TokenAnswer)

    async def audit(self, *, limit: int = 100, after: int | None = None) -> AuditAnswer:
        """Who did what, the newest first; ``next`` of the answer, as ``after``, asks for the next page."""
        query = f"?limit={limit}" if after is None else f"?limit={limit}&after={after}"
        return await self._ask("GET", f"/v1/audit{query}", AuditAnswer)
