"""What can be a webhook: its name, its URL, its kinds; and what of it may be told."""

from __future__ import annotations

import pytest

from cutpoint.errors import ConfigurationError
from cutpoint_coordinator.webhooks.kept import Hook, check_kinds, check_name, check_url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:7450/alerts",
        "https://example.org",
        "https://[::1]:8443/a?b=c",
        "https://hooks.example.org/T0/B0/x",
    ],
)
def test_a_usable_url_is_taken_and_only_its_beginning_is_told(url: str) -> None:
    check_url(url)
    hook = Hook(name="pager", url=url, secret="a-secret-of-some-length")
    assert url.startswith(hook.to.removesuffix(":443").removesuffix(":80"))
    assert hook.to.count("/") == 2
    assert repr(hook) == f"<Hook pager to {hook.to}>"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/secret-path",
        "ftp://example.org/secret-path",
        "file:///secret-path",
        "http:///secret-path",
        "http://user@example.org/secret-path",
        "http://user:word@example.org/secret-path",
        "http://@example.org/secret-path",
        "http://example.org:0/secret-path",
        "http://example.org:99999/secret-path",
        "http://example.org/secret-path#there",
        "http://example.org/secret path",
        "http://example.org/secret-path\r\nHost: other",
        "http://exämple.org/secret-path",
        "http://[::1/secret-path",
        "http://example.org/secret-path/" + "x" * 2000,
    ],
)
def test_any_other_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        check_url(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["", "a/b", "../up", "x" * 65, "two words", 7])
def test_what_cannot_name_a_webhook_is_refused(name: object) -> None:
    with pytest.raises(ConfigurationError, match="cannot name a webhook; nothing was done"):
        check_name(name)


def test_kinds_that_there_are_not_are_refused_with_those_that_there_are() -> None:
    check_kinds(("cuts fail", "leading"))
    with pytest.raises(
        ConfigurationError, match="'test' is no kind of alert; nothing was done; take any of: cuts fail"
    ):
        check_kinds(("cuts fail", "test"))
