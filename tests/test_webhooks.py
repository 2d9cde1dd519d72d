"""A receiver believes a delivery only if it was signed with its secret, over these bytes, and just now."""

from __future__ import annotations

import hashlib
import hmac
import time

import msgspec
import pytest

from cutpoint.errors import ConfigurationError, NotGenuine
from cutpoint.webhooks import ALERT_BYTES_MAX, SIGNATURE, Alert, read_alert, signature_of

SECRET = "a-secret-of-32-characters-exactly"
NOW = 1_763_956_800
ALERT = Alert(
    id="one-7-1",
    kind="cuts fail",
    severity="critical",
    at="2025-11-24T04:00:00.000+00:00",
    computation="default",
    what="3 cuts in a row were abandoned",
    next="see who held it up",
    cut=7,
    fields={"failed": 3},
)
BODY = msgspec.json.encode(ALERT)


def signed(body: bytes = BODY, secret: str = SECRET, moment: int = NOW) -> dict[str, str]:
    return {"Content-Type": "application/json", SIGNATURE: signature_of(body, secret, moment)}


def test_a_delivery_is_read_back_as_it_was_sent() -> None:
    assert read_alert(BODY, signed(), SECRET, now=NOW) == ALERT
    assert read_alert(BODY, signed(moment=int(time.time())), SECRET) == ALERT


def test_the_signature_is_what_the_documentation_says() -> None:
    expected = hmac.new(SECRET.encode(), f"{NOW}.".encode() + BODY, hashlib.sha256).hexdigest()
    assert signed()[SIGNATURE] == f"t={NOW},v1={expected}"


@pytest.mark.parametrize(
    ("headers", "body", "complaint"),
    [
        (signed(secret="another-secret-of-some-length"), BODY, "its signature is not made with this secret"),
        (signed(), BODY.replace(b"critical", b"info"), "its signature is not made with this secret"),
        (signed(moment=NOW - 301), BODY, "it was signed 301 seconds away"),
        (signed(moment=NOW + 301), BODY, "it was signed 301 seconds away"),
        ({SIGNATURE: signed()[SIGNATURE].replace(f"t={NOW}", f"t={NOW + 1}")}, BODY, "not made with this secret"),
        ({}, BODY, "it has 0 headers"),
        ({SIGNATURE: ""}, BODY, "does not say when"),
        ({SIGNATURE: "t=x,v1=00"}, BODY, "does not say when"),
        ({SIGNATURE: "t=\u0664,v1=00"}, BODY, "does not say when"),
        ({SIGNATURE: f"t={NOW},t={NOW},v1=00"}, BODY, "does not say when"),
        ({SIGNATURE: f"t={NOW}"}, BODY, "not made with this secret"),
        ({SIGNATURE: f"t={NOW},v1=\u00e4"}, BODY, "not made with this secret"),
        (signed(b"{}"), b"{}", "its body is no alert"),
        (signed(b"[" * 60_000), b"[" * 60_000, "its body is no alert"),
        (signed(b" " * (ALERT_BYTES_MAX + 1)), b" " * (ALERT_BYTES_MAX + 1), "its body is longer"),
    ],
)
def test_what_is_not_genuine_is_refused_and_the_secret_is_not_told(
    headers: dict[str, str], body: bytes, complaint: str
) -> None:
    with pytest.raises(NotGenuine) as raised:
        read_alert(body, headers, SECRET, now=NOW)
    assert complaint in str(raised.value)
    assert SECRET not in str(raised.value)


def test_while_a_secret_is_changed_the_old_one_and_the_new_one_count() -> None:
    both = ("the-new-secret-of-some-length", SECRET)
    for secret in both:
        assert read_alert(BODY, signed(secret=secret), both, now=NOW) == ALERT
    with pytest.raises(NotGenuine):
        read_alert(BODY, signed(secret="neither-of-the-two-secrets"), both, now=NOW)


def test_names_of_headers_may_be_written_in_any_case_and_later_versions_may_say_more() -> None:
    body = msgspec.json.encode({**msgspec.to_builtins(ALERT), "more": 1})
    headers = {SIGNATURE.lower(): f"{signature_of(body, SECRET, NOW)},v2=later"}
    assert read_alert(body, headers, SECRET, now=NOW) == ALERT


@pytest.mark.parametrize("secret", ["", "short", "x" * 201, "with a space in the middle", "ümlaut-ümlaut-ümlaut"])
def test_what_cannot_be_a_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_alert(BODY, signed(), secret, now=NOW)
    assert not secret or secret not in str(raised.value)
    with pytest.raises(ConfigurationError, match="no secret was given"):
        read_alert(BODY, signed(), (), now=NOW)
