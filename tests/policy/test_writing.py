from __future__ import annotations

import pytest

from cutpoint.names import ProcessName
from cutpoint.policy import (
    DEFAULT,
    Access,
    Cuts,
    Policy,
    Retention,
    Service,
    change_text,
    changes,
    may,
    to_document,
    to_toml,
    with_values,
)

ORDERS, CACHE = ProcessName("orders"), ProcessName("cache")


def test_a_policy_is_written_without_what_holds_by_default() -> None:
    assert to_toml(DEFAULT) == ""
    policy = Policy(
        cuts=Cuts(interval_seconds=90, after_bytes=1 << 20),
        access=Access(restore=()),
        services={CACHE: Service(), ORDERS: Service(owner='the "A" team')},
    )
    assert to_toml(policy) == (
        '[cuts]\ninterval = "90s"\nafter_bytes = "1MiB"\n\n[access]\nrestore = []\n\n'
        '[services.cache]\n\n[services.orders]\nowner = "the \\"A\\" team"\n'
    )
    assert to_document(policy)["services"] == {"cache": {}, "orders": {"owner": 'the "A" team'}}


def test_a_change_shows_what_goes_and_what_comes() -> None:
    before = Policy(cuts=Cuts(interval_seconds=60), services={ORDERS: Service(owner="us")})
    after = Policy(cuts=Cuts(interval_seconds=300), retention=Retention(keep="last 5"), services={CACHE: Service()})
    assert [change_text(change) for change in changes(before, after)] == [
        ('- cuts.interval = "1m"', '+ cuts.interval = "5m"'),
        ('- retention.keep = ""  (default)', '+ retention.keep = "last 5"'),
        ('- services.orders.owner = "us"', '+ services.orders.owner = ""  (default)'),
    ]
    assert changes(after, after) == ()
    (change,) = changes(DEFAULT, with_values(DEFAULT, {("cuts", "interval_seconds"): 5.0}))
    assert change_text(change)[0] == '- cuts.interval = "none"  (default)'


def test_a_policy_says_who_owns_a_process_and_how_strictly_it_is_meant() -> None:
    policy = Policy(services={ORDERS: Service(consistency="strict", owner="us"), CACHE: Service()})
    assert (policy.owner_of("orders"), policy.owner_of("cache"), policy.owner_of("else")) == ("us", "", "")
    assert (policy.consistency_of("orders"), policy.consistency_of("else")) == ("strict", "joined")
    assert policy.for_core().strict == (ORDERS,)


@pytest.mark.parametrize(
    ("listed", "name", "scopes", "allowed"),
    [
        (None, "ada", ("observe", "trigger"), True),
        (None, "ada", ("observe",), False),
        (("ci",), "ci", ("observe", "trigger"), True),
        (("ci",), "ada", ("observe", "trigger", "restore", "administer"), False),
        (("ci", "scope:administer"), "ada", ("observe", "trigger", "restore", "administer"), True),
        ((), "ada", ("observe", "trigger", "restore", "administer"), False),
    ],
)
def test_the_policy_says_who_may(
    listed: tuple[str, ...] | None, name: str, scopes: tuple[str, ...], allowed: bool
) -> None:
    why_not = may(Policy(access=Access(trigger=listed)), "trigger", name=name, scopes=scopes)
    assert (not why_not) is allowed
    if why_not:
        assert name in why_not
