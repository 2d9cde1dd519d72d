"""A token: recognisable, checkable for slips, never shown by accident, and kept as what nobody can log in with."""

from __future__ import annotations

import msgspec
import pytest

from cutpoint.access import Token, Verifier, redacted
from cutpoint.errors import ConfigurationError


def test_a_token_is_read_as_it_was_revealed() -> None:
    token = Token.generate()
    text = token.reveal()
    assert Token.parse(text) == token
    assert text.startswith(f"cutp_{token.id}_")
    assert len(token.secret) == 32
    assert Token.generate() != token


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda text: text[:-1], "no token of Cutpoint"),
        (lambda text: text + "0", "no token of Cutpoint"),
        (lambda text: text[:20] + ("A" if text[20] != "A" else "B") + text[21:], "cut short or mistyped"),
        (lambda text: text.replace("cutp_", "cut_"), "no token of Cutpoint"),
        (lambda text: f" {text}", "no token of Cutpoint"),
        (lambda text: "", "no token of Cutpoint"),
        (lambda text: text.replace("_", "\N{LOW LINE}\N{COMBINING LOW LINE}"), "no token of Cutpoint"),
        (lambda text: "x" * 10_000, "no token of Cutpoint"),
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(harm: object, complaint: str) -> None:
    token = Token.generate()
    text = harm(token.reveal())  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=complaint) as failure:
        Token.parse(text)
    assert token.reveal()[16:40] not in str(failure.value)


def test_neither_a_token_nor_its_verifier_shows_a_secret_by_accident() -> None:
    token = Token.generate()
    verifier = token.verifier()
    shown = f"{token} {token!r} {verifier} {verifier!r} {[token]} {(verifier,)}"
    for secret in (token.reveal(), repr(token.secret), repr(verifier.stored_key), repr(verifier.server_key)):
        assert secret not in shown


def test_a_verifier_recognises_its_token_and_no_other() -> None:
    token = Token.generate()
    assert token.verifier().recognises(token.client_key)
    assert not token.verifier().recognises(Token.generate().client_key)
    assert not token.verifier().recognises(b"")


def test_what_is_kept_of_a_token_is_not_enough_to_log_in() -> None:
    token = Token.generate()
    verifier = token.verifier()
    for kept in (verifier.stored_key, verifier.server_key):
        assert not verifier.recognises(kept)
        assert not Token(token.id, kept).verifier().recognises(token.client_key)
    stored = msgspec.json.encode(verifier)
    assert msgspec.json.decode(stored, type=Verifier) == verifier
    assert token.secret not in stored
    assert token.reveal()[16:59].encode() not in stored


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /v1/cutp_abc_def?x=1", "GET /v1/cutp_...?x=1"),
        ("etcd://root:hunter2@etcd1:2379,etcd2:2379", "etcd://...@etcd1:2379,etcd2:2379"),
        ("s3://bucket/prefix?secret_access_key=abc&region=eu", "s3://bucket/prefix?secret_access_key=...&region=eu"),
        ("https://hooks.example/a?token=abc", "https://hooks.example/a?token=..."),
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer ..."),
        ("nothing to hide: http://host:7420/v1", "nothing to hide: http://host:7420/v1"),
    ],
)
def test_secrets_are_taken_out_of_what_people_read(text: str, shown: str) -> None:
    assert redacted(text) == shown
