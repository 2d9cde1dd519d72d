"""Which notices are alerts: the table names what there is, the guide tells all of it, and no secret gets through."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from cutpoint_coordinator.answers import NoticeAnswer
from cutpoint_coordinator.webhooks.kinds import FIELDS_BYTES_MAX, KINDS, TEXT_CHARACTERS_MAX, alert_of
from tests.docs.documented import ROOT


def notice(kind: str = "cuts fail", text: str = "3 cuts in a row were abandoned", **fields: Any) -> NoticeAnswer:
    return NoticeAnswer(number=1, at="2026-11-24T04:00:00.000+00:00", kind=kind, text=text, fields=fields)


def strings() -> frozenset[str]:
    """Every string in the code that raises notices."""
    paths = [path for part in ("cutpoint", "coordinator") for path in sorted((ROOT / part).rglob("*.py"))]
    return frozenset(
        node.value
        for path in paths
        if path.name != "kinds.py" or path.parent.name != "webhooks"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_every_kind_is_one_that_somebody_raises() -> None:
    raised = strings() | {"recovery points stale", "recovery points fresh"}
    assert [kind for kind in KINDS if kind not in raised] == []


def test_the_guide_tells_every_kind() -> None:
    page = (ROOT / "docs" / "guides" / "alerts.md").read_text(encoding="utf-8")
    rows = [row.split(" | ") for row in page.splitlines() if row.startswith("| `") and row.count(" | ") == 2]
    told = {kind.strip("`| "): severities for kinds, severities, _ in rows for kind in kinds.split(", ")}
    assert sorted(told) == sorted(KINDS)
    assert [kind for kind, each in KINDS.items() if each.severity not in told[kind]] == []


def test_an_alert_says_what_happened_what_to_do_and_of_which_cut() -> None:
    alert = alert_of(notice(cut=7, failed=3), computation="shop", number="one-1")
    assert alert is not None
    assert (alert.id, alert.kind, alert.severity, alert.computation) == ("one-1", "cuts fail", "critical", "shop")
    assert (alert.cut, alert.fields) == (7, {"cut": 7, "failed": 3})
    assert alert.what == "3 cuts in a row were abandoned"
    assert "`cutpoint history 7`" in alert.next
    without = alert_of(notice(), computation="shop", number="one-2")
    assert without is not None
    assert (without.cut, "`cutpoint history N`" in without.next) == (None, True)


def test_what_does_not_stand_in_the_table_is_no_alert() -> None:
    for kind in ("cut published", "webhook failing", "alerts lost", "webhook declared"):
        assert alert_of(notice(kind), computation="shop", number="one-1") is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("the store s3://key:hunter2@host does not answer", {}),
        ("a token: cutp_hunter2", {"url": "https://me:hunter2@host"}),
        ("text", {"details": {"why": "Bearer hunter2-hunter2"}}),
    ],
)
def test_a_secret_that_a_notice_should_not_have_held_is_not_sent_on(text: str, fields: dict[str, Any]) -> None:
    alert = alert_of(notice(text=text, **fields), computation="shop", number="one-1")
    assert "hunter2" not in repr(alert)


def test_no_alert_is_longer_than_receivers_take() -> None:
    alert = alert_of(notice(text="x" * 10**6, details="y" * FIELDS_BYTES_MAX), computation="shop", number="one-1")
    assert alert is not None
    assert (len(alert.what), alert.fields) == (TEXT_CHARACTERS_MAX, {})
    odd = alert_of(notice(details=object()), computation="shop", number="one-1")
    assert odd is not None
    assert odd.fields == {}
