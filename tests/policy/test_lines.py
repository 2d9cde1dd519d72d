from __future__ import annotations

import textwrap
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutpoint.policy.lines import Path, lines_of


def paths_of(value: Any, path: Path = ()) -> set[Path]:
    """Every path in what tomllib has read."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {path} if path else set()
    for key, child in children:
        found |= paths_of(child, (*path, key))
    return found


def located(text: str) -> dict[Path, int]:
    text = textwrap.dedent(text)
    lines = dict(lines_of(text))
    assert set(lines) == paths_of(tomllib.loads(text))
    return lines


def test_keys_tables_and_items_are_located() -> None:
    text = """\
        # a comment = 1
        title = "x"  # [not.a.table]

        [cuts]
        interval = "5m"
        names = [
            "a",  # one
            "b", [1, 2],
        ]

        [services.orders]
        owner = 'team # 1'
        """
    assert located(text) == {
        ("title",): 2,
        ("cuts",): 4,
        ("cuts", "interval"): 5,
        ("cuts", "names"): 6,
        ("cuts", "names", 0): 7,
        ("cuts", "names", 1): 8,
        ("cuts", "names", 2): 8,
        ("cuts", "names", 2, 0): 8,
        ("cuts", "names", 2, 1): 8,
        ("services",): 11,
        ("services", "orders"): 11,
        ("services", "orders", "owner"): 12,
    }


@pytest.mark.parametrize(
    "text",
    [
        "a.b.c = 1\na.d = 2\n",
        '"a.b" = 1\n\'c d\' = 2\n"\\u0041" = 3\n',
        "[[a]]\nx = 1\n[[a]]\nx = 2\n[a.b]\ny = 3\n[[a.c]]\n[[a.c]]\nz = 1\n",
        "a = {b = 1, c = {d = [1, {e = 2}]}, f.g = 3}\n",
        'a = """\nb = 1\n[c]\n\\""" # """\nd = 1\n',
        "a = '''\nb = 1\n'''''\nd = 1\n",
        'a = """x"""""\nb = ["""y""", \'\'\'z\'\'\']\n',
        "a = 1979-05-27 07:32:00Z\nb = 1979-05-27\nc = [07:32:00, inf, -nan, 0xff, 1_000]\n",
        "[ a . \"b\" . 'c' ]\n d  .  e = [ ] # x\n",
        "a = []\nb = {}\nc = ''\nd = \"\"\n",
        "[a]\r\nb = 1\r\n\r\n[c]\r\nd = 2",
        "",
        "# only a comment",
        "[a.b]\n[a]\nc = 1\n",
    ],
)
def test_whatever_toml_allows_is_located(text: str) -> None:
    located(text)


KEYS = st.one_of(
    st.text("abcXYZ019-_", min_size=1, max_size=4),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\\\"'"), max_size=4).map(
        lambda text: f'"{text}"'
    ),
    st.sampled_from(["'a.b'", '"\\""', '"#"', '"[x]"', "'='", '"\\u00e9"']),
)
SCALARS = st.sampled_from(
    [
        "1",
        "-0.5",
        "true",
        "inf",
        '"a"',
        "'b'",
        '"#\\""',
        '"""x\ny = 1\n"""',
        "'''[z]\n'''",
        "1979-05-27 07:32:00",
        '"""\\""""',
    ]
)
BREAKS = st.sampled_from(["", " ", "\n", " # x = [\n", "\n\n# ]\n"])


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = st.lists(st.tuples(BREAKS, values, BREAKS).map("".join), max_size=3)
    return st.tuples(items, BREAKS).map(lambda pair: f"[{','.join(pair[0])}{pair[1]}]")


def inline(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(KEYS, values).map(lambda pair: f"{pair[0]} = {pair[1]}"), max_size=3)
    return pairs.map(lambda each: f"{{{', '.join(each)}}}")


VALUES = st.recursive(SCALARS, lambda values: arrays(values) | inline(values), max_leaves=6)
DOTTED = st.lists(KEYS, min_size=1, max_size=3).map(" . ".join)
STATEMENTS = st.one_of(
    st.tuples(DOTTED, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    DOTTED.map(lambda key: f"[{key}]"),
    DOTTED.map(lambda key: f"[[ {key} ]]"),
    st.sampled_from(["", "# a = 1", "   "]),
)


@settings(max_examples=500)
@given(st.lists(STATEMENTS, max_size=10))
def test_every_path_of_every_file_is_located_and_its_line_is_where_it_was_written(statements: list[str]) -> None:
    text, begun = "", {}
    for statement in statements:
        try:
            tomllib.loads(text + statement + "\n")
        except tomllib.TOMLDecodeError:
            continue  # it contradicts what was written before
        before = paths_of(tomllib.loads(text))
        first = text.count("\n") + 1
        text += statement + "\n"
        last = text.count("\n")
        begun.update(dict.fromkeys(paths_of(tomllib.loads(text)) - before, (first, last)))
    lines = lines_of(text)
    assert set(lines) == set(begun)
    for path, (first, last) in begun.items():
        assert first <= lines[path] <= last
