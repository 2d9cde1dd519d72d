"""What may be asked about webhooks, and what the answers hold. Values only; a secret is in the one that makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cutpoint_coordinator.webhooks.delivery import Delivery


class HookBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Send alerts to ``url``: those of ``kinds``, or all of them where there are none.

    ``secret``: what deliveries are signed with; empty: the one that it has, or where it has none, a new one that the
    answer tells. ``new_secret``: a new one in any case.
    """

    url: str
    kinds: tuple[str, ...] = ()
    secret: str = ""
    new_secret: bool = False

    def __repr__(self) -> str:
        return "<HookBody>"


class HookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, without its secret. ``to``: its URL's scheme, host and port; the rest may be a secret too.

    ``waiting``: how many alerts have not arrived yet; ``delivered`` and ``lost`` count alerts, ``failed`` attempts.
    ``last``: the last attempt's moment in ISO 8601, ``trouble``: why it failed, if it did.
    """

    name: str
    to: str
    kinds: tuple[str, ...] = ()
    by: str = ""
    at: str = ""
    waiting: int = 0
    delivered: int = 0
    failed: int = 0
    lost: int = 0
    last: str = ""
    trouble: str = ""


class HooksAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All webhooks by name. ``kinds``: every kind of alert that there is, with its severity.

    ``refused``: records that cannot be read, by name.
    """

    webhooks: tuple[HookAnswer, ...]
    kinds: dict[str, str] = {}
    refused: tuple[str, ...] = ()


class NewHookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is declared now. ``secret``: the one that was made, told this once; empty: none was made."""

    webhook: HookAnswer
    secret: str = ""


class TrialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one alert of the kind ``test``. ``trouble``: why it did not arrive."""

    delivered: bool
    trouble: str = ""


def hook_answer(delivery: Delivery) -> HookAnswer:
    """What to say of one webhook."""
    hook, tally = delivery.hook, delivery.tally
    return HookAnswer(
        name=hook.name,
        to=hook.to,
        kinds=hook.kinds,
        by=hook.by,
        at=hook.at,
        waiting=len(delivery.waiting),
        delivered=tally.delivered,
        failed=tally.failed,
        lost=tally.lost,
        last=tally.at,
        trouble=tally.trouble,
    )
