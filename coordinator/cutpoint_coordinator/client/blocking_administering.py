"""What an administrator asks, for scripts and notebooks: answered before the call returns."""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from cutpoint_coordinator.access.answers import (
    GRACE_SECONDS,
    AuditAnswer,
    NewTokenAnswer,
    TokenAnswer,
    TokensAnswer,
)
from cutpoint_coordinator.access.scopes import Scope
from cutpoint_coordinator.answers import HistoryAnswer
from cutpoint_coordinator.client.coordinator_client import CoordinatorClient
from cutpoint_coordinator.monitoring.answers import MonitorAnswer, MonitorsAnswer
from cutpoint_coordinator.policy_answers import PolicyAnswer
from cutpoint_coordinator.webhooks.answers import HookAnswer, HooksAnswer, NewHookAnswer, TrialAnswer

if TYPE_CHECKING:
    from cutpoint.monitors.deployed import Deployed

T = TypeVar("T")


class BlockingAdministering(abc.ABC):
    """The part of a blocking client that keeps a coordinator in order; `Administering` says more of each question."""

    @abc.abstractmethod
    def ask(self, question: Callable[[CoordinatorClient], Awaitable[T]]) -> T:
        """Ask anything that a `CoordinatorClient` can be asked."""

    def history(self, *, limit: int = 50, after: int | None = None) -> HistoryAnswer:
        """Figures, hours, and the newest cuts; ``next`` of the answer, as ``after``, asks for older ones."""
        return self.ask(lambda client: client.history(limit=limit, after=after))

    def monitors(self) -> MonitorsAnswer:
        """The monitors, and what they have found."""
        return self.ask(lambda client: client.monitors())

    def monitor(self, name: str) -> MonitorAnswer:
        """One monitor, and what it has found."""
        return self.ask(lambda client: client.monitor(name))

    def put_monitor(self, deployed: Deployed) -> MonitorAnswer:
        """Bring a monitor, or replace the one of its name."""
        return self.ask(lambda client: client.put_monitor(deployed))

    def remove_monitor(self, name: str) -> MonitorAnswer:
        """Take a monitor away, with what it has found."""
        return self.ask(lambda client: client.remove_monitor(name))

    def webhooks(self) -> HooksAnswer:
        """The webhooks, and what became of their alerts."""
        return self.ask(lambda client: client.webhooks())

    def webhook(self, name: str) -> HookAnswer:
        """One webhook, and what became of its alerts."""
        return self.ask(lambda client: client.webhook(name))

    def put_webhook(
        self, name: str, url: str, *, kinds: Sequence[str] = (), secret: str = "", new_secret: bool = False
    ) -> NewHookAnswer:
        """Send alerts of ``kinds`` (none: all) to ``url``; a secret that is made is told this once."""
        return self.ask(lambda client: client.put_webhook(name, url, kinds=kinds, secret=secret, new_secret=new_secret))

    def remove_webhook(self, name: str) -> HookAnswer:
        """Send no alerts there any more."""
        return self.ask(lambda client: client.remove_webhook(name))

    def test_webhook(self, name: str) -> TrialAnswer:
        """Send one alert of the kind ``test`` there, and say what became of it."""
        return self.ask(lambda client: client.test_webhook(name))

    def policy(self) -> PolicyAnswer:
        """The policy in force."""
        return self.ask(lambda client: client.policy())

    def declare_policy(
        self, toml: str, *, version: int | None = None, dry_run: bool = False, by: str = "", source: str = ""
    ) -> PolicyAnswer:
        """Declare the policy in a TOML text, or only say what it would change."""
        return self.ask(
            lambda client: client.declare_policy(toml, version=version, dry_run=dry_run, by=by, source=source)
        )

    def tokens(self) -> TokensAnswer:
        """All tokens, without their secrets."""
        return self.ask(lambda client: client.tokens())

    def create_token(self, name: str, scope: Scope, *, expires_seconds: float | None = None) -> NewTokenAnswer:
        """Make a token; its secret is told this once."""
        return self.ask(lambda client: client.create_token(name, scope, expires_seconds=expires_seconds))

    def rotate_token(
        self, name: str, *, grace_seconds: float = GRACE_SECONDS, expires_seconds: float | None = None
    ) -> NewTokenAnswer:
        """Give a token a new secret; the old one counts for ``grace_seconds`` beside it."""
        return self.ask(
            lambda client: client.rotate_token(name, grace_seconds=grace_seconds, expires_seconds=expires_seconds)
        )

    def revoke_token(self, name: str) -> TokenAnswer:
        """Let a token count no more."""
        return self.ask(lambda client: client.revoke_token(name))

    def audit(self, *, limit: int = 100, after: int | None = None) -> AuditAnswer:
        """Who did what, the newest first; ``next`` of the answer, as ``after``, asks for the next page."""
        return self.ask(lambda client: client.audit(limit=limit, after=after))
