from __future__ import annotations

import collections
import json
from typing import Any

import pytest
from hypothesis import given

from cutpoint.catalog.shown import from_json, key_candidates, shown, to_json
from cutpoint.errors import Damaged, UsageError
from tests.state.test_plain import plain, same


@given(plain)
def test_what_is_shown_of_plain_data_stands_for_exactly_that_value(value: Any) -> None:
    assert same(from_json(json.loads(shown(value))), value)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"name": "Ada", "tags": [1, 2.5, None, True]}, '{"name": "Ada", "tags": [1, 2.5, null, true]}'),
        ((1, b"\0"), '{"$tuple": [1, {"$bytes": "AA=="}]}'),
        ({2, 1}, '{"$set": [1, 2]}'),
        ({1: "a"}, '{"$dict": [[1, "a"]]}'),
        ({"$tuple": []}, '{"$dict": [["$tuple", []]]}'),
        (float("-inf"), '{"$float": "-inf"}'),
        ("\u00fc", '"\u00fc"'),
    ],
)
def test_json_shows_itself_and_the_rest_under_a_sign(value: Any, line: str) -> None:
    assert shown(value) == line


def test_what_is_not_plain_data_is_not_shown() -> None:
    with pytest.raises(Damaged, match="Counter"):
        to_json([collections.Counter()])


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("alice", ("alice",)),
        ("17", (17, "17")),
        ('"17"', ("17", '"17"')),
        ("1.5", (1.5, "1.5")),
        ("null", (None, "null")),
        ("NaN", ("NaN",)),
        ('{"$tuple": ["a", 1]}', (("a", 1), '{"$tuple": ["a", 1]}')),
        ('{"a', ('{"a',)),
        ("", ("",)),
        ("[" * 100_000, ("[" * 100_000,)),
    ],
)
def test_a_key_is_read_as_json_first_and_as_the_text_itself_then(text: str, keys: tuple[Any, ...]) -> None:
    assert key_candidates(text) == keys


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        '{"a": 1}',
        '{"$tuple": 1}',
        '{"$tuple": [], "b": 1}',
        '{"$set": [[]]}',
        '{"$nothing": 1}',
        '{"$date": "yesterday"}',
        '{"$bytes": "?"}',
        '{"$decimal": "x"}',
        '{"$dict": [[[], 1]]}',
        '{"$integer": []}',
        "[" * 600 + "]" * 600,
    ],
)
def test_json_that_stands_for_no_key_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(UsageError, match="nothing was read; write"):
        key_candidates(text)
