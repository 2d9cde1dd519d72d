"""Who is let in: tokens and certificates that end soon, or have ended."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence

from cutpoint.access import tls_complaint
from cutpoint.errors import CutpointError
from cutpoint_coordinator.access.answers import TokenAnswer
from cutpoint_coordinator.client import CoordinatorClient, Declined
from cutpoint_coordinator.doctor.finding import Finding, bad, ok, warn
from cutpoint_coordinator.doctor.reach import Reach
from cutpoint_coordinator.history.figures import seconds_of

DAY_SECONDS = 86_400.0
SOON_SECONDS = 14 * DAY_SECONDS
"""From how long before its end on a token or a certificate is told of."""

URGENT_SECONDS = DAY_SECONDS

NAMES_MAX = 10


async def examine_tokens(client: CoordinatorClient) -> list[Finding]:
    """Those that end soon. Takes an administrator's token where tokens are asked for at all."""
    try:
        tokens = (await client.tokens()).tokens
    except Declined as error:
        if error.code not in ("forbidden", "unauthorized"):
            raise
        means = "a token that ends unseen locks out whoever shows it"
        return [warn("tokens", "this token may not list them", means, "show an administrator's: --token-file")]
    return [tokens_found(tokens, now=time.time())]


def tokens_found(tokens: Sequence[TokenAnswer], *, now: float) -> Finding:
    """What is to be said of these ``tokens``; ``now`` is in seconds since 1970."""
    ending = [(seconds_of(each.expires) - now, each) for each in tokens if each.expires and each.state == "active"]
    soon = sorted((left, each.name, each.scope) for left, each in ending if left < SOON_SECONDS)
    if not soon:
        active = sum(each.state == "active" for each in tokens)
        return ok("tokens", f"{active} count, none ends within {SOON_SECONDS / DAY_SECONDS:.0f} days")
    told = "; ".join(f"{name} ({scope}) {_ends(left)}" for left, name, scope in soon[:NAMES_MAX])
    told += f"; {len(soon) - NAMES_MAX} more" if len(soon) > NAMES_MAX else ""
    means = "whoever shows one of them is refused from then on"
    remedy = "`cutpoint tokens rotate NAME`, and give the new secret to who shows it"
    return (bad if soon[0][0] < URGENT_SECONDS else warn)("tokens", told, means, remedy)


async def examine_certificate(reach: Reach) -> list[Finding]:
    """That of the coordinator, as it shows it now."""
    try:
        ends = await reach.certificate_ends()
    except ssl.SSLError as error:
        return [certificate_refused(error)]
    except (OSError, TimeoutError, CutpointError):
        return []  # `examine_coordinator` says that nobody answers
    return [] if ends is None else [certificate_found(ends - time.time())]


def certificate_found(left: float) -> Finding:
    """What is to be said of a certificate that ends in ``left`` seconds."""
    if left >= SOON_SECONDS:
        return ok("certificate", f"the coordinator's {_ends(left)}")
    means = "from then on no agent and no operator connects any more; those that are connected stay"
    remedy = "write the new one over its file, which is read again within seconds, without a restart"
    return (bad if left < URGENT_SECONDS else warn)("certificate", f"the coordinator's {_ends(left)}", means, remedy)


def certificate_refused(error: BaseException) -> Finding:
    """The coordinator's certificate is not believed, or it has refused ours."""
    means = "agents and operators that are told to believe the same do not connect"
    remedy = "name whom to believe with --tls-ca FILE, what to show with --tls-cert FILE, or renew what has ended"
    return bad("certificate", tls_complaint(error), means, remedy)


def _ends(left: float) -> str:
    if left <= 0:
        return "has ended"
    if left < 2 * DAY_SECONDS:
        return f"ends in {left / 3600:.0f} hours"
    return f"ends in {left / DAY_SECONDS:.0f} days"
