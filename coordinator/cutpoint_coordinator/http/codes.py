"""Every code that the API refuses with, its HTTP status, and what it means. Codes stay; messages are for people."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """The HTTP ``status`` that a code comes with, and what it means, one line for people."""

    status: int
    about: str


CODES: dict[str, Code] = {
    "bad_body": Code(400, "the body is no JSON object of the kind that the route takes"),
    "bad_key": Code(400, "the Idempotency-Key is empty, too long or not printable"),
    "bad_monitor": Code(400, "what was brought as a monitor can be none; the message says why"),
    "bad_name": Code(400, "no process, or whatever is named, can have this name"),
    "bad_number": Code(400, "no cut can have this number"),
    "bad_policy": Code(400, "the policy cannot be meant as it is written; the message lists every mistake"),
    "bad_query": Code(400, "a query parameter is unknown, given twice, or of another kind"),
    "bad_webhook": Code(400, "what was given can be no webhook; the message says why, and does not repeat it"),
    "bad_request": Code(400, "the request was not understood; the message says which part"),
    "unauthorized": Code(401, "no token was given, or one that is unknown or counts no more"),
    "forbidden": Code(403, "the token's scope does not reach; WWW-Authenticate says which scope does"),
    "unknown_host": Code(403, "it was asked under a name that is not its own, and asks for no token"),
    "cross_origin": Code(403, "a page of another site asked"),
    "unknown_cut": Code(404, "there is no cut of this number yet"),
    "unknown_monitor": Code(404, "there is no monitor of this name"),
    "unknown_point": Code(404, "there is no recovery point of this number, or none any more"),
    "unknown_token": Code(404, "there is no token of this name, or it was revoked"),
    "unknown_webhook": Code(404, "there is no webhook of this name"),
    "unknown_recovery": Code(404, "no recovery has started this incarnation"),
    "unknown_route": Code(404, "there is no such path"),
    "missing": Code(404, "the store does not have what was asked for"),
    "unknown_method": Code(405, "the path does not take this method; Allow says which it takes"),
    "too_slow": Code(408, "the body has not come in time"),
    "no_point": Code(409, "there is no recovery point yet"),
    "no_point_left": Code(409, "every recovery point that could be gone back to is damaged"),
    "no_policy": Code(409, "the coordinator was not told what to keep"),
    "token_exists": Code(409, "there is a token of this name already"),
    "too_many_tokens": Code(409, "there are as many tokens as there may be"),
    "last_administrator": Code(409, "the token is the last one that may administer"),
    "not_kept": Code(409, "it was done for this Idempotency-Key, and its answer was not kept"),
    "refused": Code(409, "it cannot be done as things stand; the message says why"),
    "too_many_monitors": Code(409, "there are as many monitors as a computation may have"),
    "too_many_webhooks": Code(409, "there are as many webhooks as a computation may have"),
    "no_webhooks": Code(409, "the coordinators were told to send no alerts"),
    "policy_changed": Code(412, "somebody has declared another policy meanwhile"),
    "too_large": Code(413, "the body is too long"),
    "key_reused": Code(422, "the Idempotency-Key was given before with another request"),
    "monitor_unfit": Code(422, "the monitor cannot be loaded where the coordinators run; the message says why"),
    "too_many_requests": Code(
        429, "more requests in a short time than one caller may make; Retry-After says when to go on"
    ),
    "too_many_failures": Code(
        429, "more wrong tokens in a short time than are answered; Retry-After says when they are"
    ),
    "too_many_readers": Code(429, "as many read events as the coordinator serves at once"),
    "internal": Code(500, "the coordinator failed on this request"),
    "damaged": Code(500, "what is stored is damaged; the message names it"),
    "not_leading": Code(503, "another coordinator leads, its address in `leader`; or none does yet"),
    "registry_unreachable": Code(503, "the registry does not answer"),
    "store_unreachable": Code(503, "the store does not answer"),
    "not_ready": Code(503, "this coordinator is still loading what it needs"),
}

EVERYWHERE = (
    "bad_query",
    "unauthorized",
    "forbidden",
    "unknown_host",
    "cross_origin",
    "too_many_requests",
    "too_many_failures",
    "internal",
    "not_ready",
)
"""What every route may refuse with."""

WITH_BODY = ("bad_body", "too_large", "too_slow")
"""What a route that takes a body may refuse with besides."""

LEADERS_ONLY = ("not_leading", "registry_unreachable")
"""What a route that only the leader answers may refuse with besides."""

WITH_KEY = ("bad_key", "key_reused", "not_kept")
"""What a route that takes an Idempotency-Key may refuse with besides."""
