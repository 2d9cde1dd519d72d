from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutpoint.names import ProcessName
from cutpoint.policy import (
    DEFAULT,
    Access,
    Alerts,
    Cuts,
    Mistake,
    Policy,
    PolicyMistakes,
    Recovery,
    Retention,
    Retries,
    Service,
    read_document,
    read_policy,
    to_document,
    to_toml,
)

WHOLE = """\
[cuts]
interval = "5m"
minimum_pause = 30
after_messages = 100_000
after_bytes = "64MiB"
quiet_below = 50
quiet_deadline = "1m30s"
deadline = "20s"

[retries]
attempts = 5
first = "30s"
longest = "10m"

[alerts]
tolerated_failures = 0
stale_after = "2h"

[retention]
keep = "hourly 24, last 10, label release*"
collect_every = "10m"
collect_per_second = 50

[recovery]
automatic = false
missing_after = "20s"

[access]
trigger = ["ci", "scope:administer"]
restore = []

[services.orders]
consistency = "strict"
owner = "team orders"

[services."cache.1"]
"""


def mistakes(text: str | bytes) -> list[Mistake]:
    data = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
    with pytest.raises(PolicyMistakes) as caught:
        read_policy(data, name="policy.toml")
    assert all(str(mistake).isprintable() for mistake in caught.value.mistakes)
    assert str(caught.value) == "\n".join(map(str, caught.value.mistakes))
    return list(caught.value.mistakes)


def mistake(text: str | bytes) -> str:
    (only,) = mistakes(text)
    return str(only)


def test_every_field_is_read() -> None:
    assert read_policy(WHOLE.encode(), name="x") == Policy(
        cuts=Cuts(
            interval_seconds=300,
            minimum_pause_seconds=30,
            after_messages=100_000,
            after_bytes=64 << 20,
            quiet_below=50,
            quiet_deadline_seconds=90,
            deadline_seconds=20,
        ),
        retries=Retries(attempts=5, first_seconds=30, longest_seconds=600),
        alerts=Alerts(tolerated_failures=0, stale_after_seconds=7200),
        retention=Retention(
            keep="last 10, hourly 24, label release*", collect_every_seconds=600, collect_per_second=50
        ),
        recovery=Recovery(automatic=False, missing_after_seconds=20),
        access=Access(trigger=("ci", "scope:administer"), restore=()),
        services={
            ProcessName("cache.1"): Service(),
            ProcessName("orders"): Service(consistency="strict", owner="team orders"),
        },
    )


def test_an_empty_file_is_the_default() -> None:
    assert read_policy(b"# nothing\n", name="x") == DEFAULT


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[cut]\ninterval = 5\n", '1: there is no section called "cut"; did you mean cuts?'),
        ("[zzz]\n", '1: there is no section called "zzz"; there are cuts, retries, alerts, retention, recovery, '),
        ("\n[cuts]\nintervall = 5\n", '3: there is no key in [cuts] called "intervall"; did you mean interval?'),
        ("[cuts]\nminimum-pause = 5\n", '2: there is no key in [cuts] called "minimum-pause"; did you mean minimum_'),
        ("cuts = 5\n", "1: cuts is a section, and this is a number (5); write [cuts] on a line of its own"),
        ("[cuts]\ninterval = '5 min'\n", '2: interval: "5 min" is no length of time; write more than 0s up to 11d,'),
        ("[cuts]\ninterval = true\n", "2: interval: a length of time is needed, and this is true or false (true); w"),
        ("[cuts]\ninterval = 0\n", "2: interval: 0 is out of range; write more than 0s up to 11d"),
        ("[cuts]\ninterval = -5\n", "2: interval: -5 is out of range; write more than 0s"),
        ("[cuts]\ndeadline = nan\n", "2: deadline: nan is out of range"),
        ("[cuts]\ninterval = 1979-05-27\n", "2: interval: a length of time is needed, and this is a date or a time;"),
        ("[cuts]\ninterval = [\n5]\n", "2: interval: a length of time is needed, and this is a list; write"),
        ("[cuts]\nafter_messages = 1.5\n", "2: after_messages: a whole number is needed, and this is a number (1.5)"),
        ("[cuts]\nafter_messages = 0\n", "2: after_messages: 0 is out of range; write one from 1 to "),
        ("[cuts]\nafter_bytes = '64 megs'\n", '2: after_bytes: "64 megs" is no size; write a size such as "64MiB"'),
        ("[cuts]\nafter_bytes = 0.5\n", "2: after_bytes: a size is needed, and this is a number (0.5); write a size"),
        ("[cuts]\non_demand_only = 'yes'\n", '2: on_demand_only: true or false is needed, and this is a text ("yes"'),
        ("[retention]\nkeep = 'most 5'\n", "2: keep: this does not say what to keep: there is no rule 'most', there"),
        ("[retention]\nkeep = 5\n", "2: keep: a text is needed, and this is a number (5); write one line of text"),
        ("[retention]\ncollect_per_second = 0\n", "2: collect_per_second: 0 is out of range; write a number above 0"),
        ("[access]\ntrigger = 'ci'\n", '2: trigger: a list of names is needed, and this is a text ("ci"); write a l'),
        ("[access]\ntrigger = [\n'ci',\n'ci']\n", '4: trigger: "ci" is in the list twice; name it once'),
        ("[access]\ntrigger = ['scope:root']\n", '2: trigger: there is no scope "root"; write one of "scope:observe"'),
        ("[access]\ntrigger = ['', ]\n", '2: trigger: "" is no name; write a list of names'),
        ("[services.a]\nconsistency = 'loose'\n", '2: consistency: "loose" is not a word that it knows; wri'),
        ("[services.a]\nowners = 'x'\n", '2: there is no key of a service called "owners"; did you mean owner?'),
        ("[services]\na = 'strict'\n", '2: what is declared of a is a table, and this is a text ("strict"); write ['),
        ("[services.'a b']\n", '1: "a b" cannot name a process; take 1 to 100 letters'),
        ("[services.a]\nowner = 'x\\u0007'\n".replace("'", '"'), "2: owner: "),
        ("[cuts]\ninterval = 5m\n", "2: this is not TOML (Expected newline or end of document after a statement); w"),
        ("[cuts\ninterval = 5\n", "1: this is not TOML (Expected ']' at the end of a table declaration); write sect"),
        ("[cuts]\ninterval = 5\ninterval = 6\n", "3: this key is given twice; keep one of the two"),
        ("[cuts]\n[retries]\n[cuts]\n", "3: this section is given twice; put all its keys below one header"),
        ("[cuts]\nkeep = '''\nx\n", "3: this is not TOML (Expected "),
        (b"[cuts]\n\xff = 1\n", "2: this is not UTF-8 text; save the file as UTF-8"),
        ("[cuts]\ninterval = '10s'\nminimum_pause = '1m'\n", "3: minimum_pause (1m) is longer than interval (10s);"),
        ("[cuts]\nminimum_pause = '1m'\ninterval = '10s'\n", "3: minimum_pause (1m) is longer than interval (10s);"),
        ("[cuts]\non_demand_only = true\ninterval = 5\n", "3: on_demand_only contradicts interval: no cut begins by"),
        ("[cuts]\nminimum_pause = 5\n", "2: minimum_pause has no effect: no cut begins by itself; add interval"),
        ("[cuts]\ninterval = 5\nquiet_below = 9\n", "3: quiet_below without quiet_deadline could put cuts off for e"),
        ("[cuts]\ninterval = 5\nquiet_deadline = 9\n", "3: quiet_deadline has no effect without quiet_below; add be"),
        ("[retries]\nfirst = 9\nlongest = 5\n", "3: first (9s) is longer than longest (5s); make first 5s at most,"),
        (
            "[retries]\nfirst = 5\n[cuts]\ninterval = 60\nminimum_pause = 9\n",
            "5: first (5s) is shorter than cuts.minimum_pause (9s); make first 9s at least",
        ),
    ],
)  # fmt: skip
def test_each_kind_of_mistake_gets_its_line_and_its_remedy(text: str | bytes, told: str) -> None:
    found = mistake(text)
    assert found.startswith(f"policy.toml:{told}")
    assert "; " in found


def test_several_mistakes_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = """\
        [services.orders]
        consistency = "best"

        [cuts]
        interval = "soon"
        minimum_pause = "1m"
        deadlin = "1m"

        [retries]
        longest = "70s"
        first = "71s"
        """
    assert [(each.line, each.what.split()[0]) for each in mistakes(text)] == [
        (2, "consistency:"),
        (5, "interval:"),
        (6, "minimum_pause"),
        (7, "there"),
        (11, "first"),
    ]


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 3000, b"#" * (1 << 20) + b"#"])
def test_what_nobody_would_write_is_refused_too(text: str | bytes) -> None:
    assert len(mistake(text)) < 300


def test_a_document_is_read_like_a_file_and_its_mistakes_name_the_key() -> None:
    document = {"cuts": {"interval": "5m"}, "services": {"orders": {"owner": "us"}}}
    assert read_document(document) == read_policy(b"[cuts]\ninterval='5m'\n[services.orders]\nowner='us'\n", name="x")
    with pytest.raises(PolicyMistakes) as caught:
        read_document({"cuts": {"interval": None, "deadline": "soon"}, "access": {"delete": ["a", 5]}})
    assert [mistake.where for mistake in caught.value.mistakes] == [
        "policy: cuts.interval",
        "policy: cuts.deadline",
        "policy: access.delete.1",
    ]


@pytest.mark.parametrize("wrong", [[], "x", 5, None, {"cuts": []}])
def test_a_document_of_another_shape_is_refused(wrong: object) -> None:
    with pytest.raises(PolicyMistakes):
        read_document(wrong)


NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}", fullmatch=True)
LISTS = st.none() | st.lists(NAMES | st.just("scope:trigger"), max_size=3, unique=True).map(tuple)
LINE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=20).filter(
    str.isprintable
)
TIMES = st.integers(1, 10**6).map(float) | st.floats(0.001, 10**6)
POLICIES = st.builds(
    Policy,
    cuts=st.builds(Cuts, deadline_seconds=TIMES, on_demand_only=st.just(True))
    | st.builds(
        Cuts,
        interval_seconds=TIMES,
        after_messages=st.integers(0, 10**12),
        after_bytes=st.integers(0, 10**15),
        quiet_below=st.floats(0.001, 10**6),
        quiet_deadline_seconds=TIMES,
        deadline_seconds=TIMES,
    ),
    retries=st.builds(Retries, attempts=st.integers(0, 1000)),
    alerts=st.builds(Alerts, tolerated_failures=st.integers(0, 100), stale_after_seconds=TIMES),
    retention=st.builds(
        Retention,
        keep=st.sampled_from(["", "last 5", "last 2, daily 7, label x*"]),
        collect_per_second=st.floats(0.01, 10**6),
    ),
    recovery=st.builds(Recovery, automatic=st.booleans(), missing_after_seconds=TIMES),
    access=st.builds(Access, trigger=LISTS, restore=LISTS, delete=LISTS),
    services=st.dictionaries(
        NAMES.map(ProcessName), st.builds(Service, consistency=st.sampled_from(["strict", "joined"]), owner=LINE)
    ).map(lambda services: dict(sorted(services.items()))),
)


@settings(max_examples=200)
@given(POLICIES)
def test_every_policy_is_written_so_that_it_is_read_back(policy: Policy) -> None:
    policy.for_core()
    assert read_policy(to_toml(policy).encode(), name="x") == policy
    assert read_document(to_document(policy)) == policy


@settings(max_examples=300)
@given(st.lists(st.sampled_from(WHOLE.splitlines()) | st.text(max_size=12), max_size=12))
def test_any_text_is_a_policy_or_a_list_of_mistakes(lines: list[str]) -> None:
    try:
        read_policy("\n".join(lines).encode(errors="surrogatepass"), name="x")
    except PolicyMistakes as error:
        found = [mistake.line for mistake in error.mistakes]
    else:
        found = [0]
    assert found == sorted(found) != []


def test_a_file_that_an_editor_has_marked_as_utf_8_is_read() -> None:
    assert read_policy(b"\xef\xbb\xbf[cuts]\r\ninterval = 60\r\n", name="policy.toml") == Policy(
        cuts=Cuts(interval_seconds=60)
    )
    with pytest.raises(PolicyMistakes, match=r"policy\.toml:2: interval"):
        read_policy(b"\xef\xbb\xbf[cuts]\r\ninterval = 0\r\n", name="policy.toml")
