"""The guide about policies: its file is a policy that uses every key, and its table is the one of the code."""

from __future__ import annotations

from cutpoint.policy import FIELDS, SERVICE_FIELDS, read_policy
from tests.docs.documented import ROOT, fenced

PAGE = (ROOT / "docs" / "guides" / "policies.md").read_text(encoding="utf-8")


def test_the_annotated_policy_is_sound_and_says_something_of_every_key_but_one() -> None:
    (text,) = (body for _, language, body in fenced(PAGE) if language.startswith("toml"))
    policy = read_policy(text.encode(), name="policy.toml")
    written = {line.split(" = ")[0] for line in text.splitlines() if " = " in line}
    assert {field.key for field in (*FIELDS, *SERVICE_FIELDS)} - written == {"on_demand_only"}
    assert policy.owner_of("mail") == "ada"


def test_every_key_is_in_the_table_with_what_it_means() -> None:
    paths = [field.path for field in FIELDS] + [f"services.NAME.{field.key}" for field in SERVICE_FIELDS]
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and line.count("|") == 4]
    meanings = {row.split(" | ")[0].strip("| `"): row.split(" | ")[2].removesuffix(" |") for row in rows}
    assert [path for path in paths if path not in meanings] == []
    for field in FIELDS:
        assert meanings[field.path] == field.meaning
