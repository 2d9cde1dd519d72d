"""What the code and the documentation are held to beyond ruff, mypy and import-linter."""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
from pathlib import Path

import pytest

from tests.docs.documented import ROOT

PACKAGES = (
    "cutpoint",
    "agents/cutpoint_agents",
    "coordinator/cutpoint_coordinator",
    "simulations/cutpoint_simulations",
)
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

MODULE_LINES_MAX = 400
TEST_MODULE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60

NOT_OURS = re.compile(r"(?:nodes?|workers?|masters?|snapshots?|barriers?|savepoints?|blobs?|sidecars?)", re.IGNORECASE)
"""Words for which the glossary has another. Those with an honest second sense (queue, token, client) are left out."""

BORROWED = {
    "simulations/cutpoint_simulations/kit/looking.py": {"print_blob"},
    "simulations/cutpoint_simulations/pytest_plugin.py": {"node"},
}
"""Names that belong to somebody else's interface: a setting of Hypothesis; to pytest a test is a node."""

TITLES = re.compile(r"Distributed Snapshots", re.IGNORECASE)
"""The paper is called what it is called."""


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=shown)
def test_a_module_is_one_concept_and_a_function_fits_on_a_screen(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= (MODULE_LINES_MAX if path in SOURCES else TEST_MODULE_LINES_MAX)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f"{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES_MAX} == {}


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_identifiers_use_the_words_of_the_glossary(path: Path) -> None:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME and not keyword.iskeyword(token.string)}
    names -= BORROWED.get(shown(path), set())
    words = {name: re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name) for name in names}
    assert sorted(name for name, parts in words.items() if any(NOT_OURS.fullmatch(part) for part in parts)) == []


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_pages_use_the_words_of_the_glossary(path: Path) -> None:
    if path == ROOT / "docs" / "glossary.md":
        text = "\n".join(line.rsplit("|", 2)[0] for line in path.read_text(encoding="utf-8").splitlines())
    else:
        text = path.read_text(encoding="utf-8")
    assert re.findall(rf"\b{NOT_OURS.pattern}\b", TITLES.sub("", text), re.IGNORECASE) == []


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_nobody_reads_the_environment(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    reads = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")]
    assert [f"{shown(path)}:{node.lineno}" for node in reads] == []


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = [
        target.split("#")[0]
        for target in re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)
        for target in target
    ]
    files = [target for target in targets if target and "://" not in target and not target.startswith("mailto:")]
    assert [target for target in files if not (path.parent / target).exists()] == []
