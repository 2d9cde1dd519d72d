"""Whether an alert would arrive: what became of those that were sent, and if that is asked for, of one sent now."""

from __future__ import annotations

from cutpoint_coordinator.client import CoordinatorClient, Declined
from cutpoint_coordinator.doctor.finding import Finding, bad, ok, warn


async def examine_alarms(client: CoordinatorClient, *, test: bool) -> list[Finding]:
    """Look at every webhook; with ``test``, send each an alert of the kind ``test``."""
    try:
        hooks = (await client.webhooks()).webhooks
    except Declined as error:
        if error.code not in ("forbidden", "unauthorized", "no_webhooks"):
            raise
        if not test:
            return []
        means = "whether alerts arrive is not known"
        return [warn("webhooks", str(error), means, "show an administrator's token: --token-file")]
    if not hooks and test:
        means, remedy = "nobody is told of anything but by metrics", "declare one: `cutpoint webhooks put`"
        return [warn("webhooks", "none is declared, so none was tested", means, remedy)]
    findings = []
    for hook in hooks:
        trouble = hook.trouble
        if test:
            tried = await client.test_webhook(hook.name)
            trouble = "" if tried.delivered else tried.trouble or "it did not arrive"
        findings.append(_found(f"webhook {hook.name}", trouble, waiting=hook.waiting, tested=test))
    return findings


def _found(subject: str, trouble: str, *, waiting: int, tested: bool) -> Finding:
    if trouble:
        means = f"nobody is told by it; {waiting} alerts wait, and are tried again"
        return bad(subject, trouble, means, "correct its URL, or what is behind it; then `cutpoint webhooks test`")
    return ok(subject, "an alert of the kind test arrived" if tested else "its last alert arrived, or there was none")
