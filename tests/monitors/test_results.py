"""What a monitor's evaluations come to: episodes, its own faults, what is told and what is pinned."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cutpoint.monitors import Complaint
from cutpoint.monitors.evaluation import COMPLAINT_CHARACTERS_MAX, Evaluation, Verdict, evaluate
from cutpoint.monitors.recorded import Recorded
from cutpoint.monitors.results import BACKLOG_MAX, EPISODES_MAX, Judged, Results, judge, skip

POINT = Recorded(cut=7, states={}, in_flight=())


def after(*verdicts: Verdict, results: Results | None = None) -> list[Judged]:
    """What each of these evaluations, of cuts 1, 2, 3, ..., changes."""
    found: list[Judged] = []
    results = results or Results()
    for verdict in verdicts:
        evaluation = Evaluation(cut=results.last + 1, verdict=verdict, complaint="" if verdict == "well" else "odd")
        found.append(judge("money", results, evaluation, at="now"))
        results = found[-1].results
    return found


def kinds(judged: list[Judged]) -> list[list[str]]:
    return [[news.kind for news in each.news] for each in judged]


def test_only_the_first_cut_of_an_episode_is_told_and_pinned() -> None:
    judged = after("well", "violated", "violated", "well", "violated")
    assert [each.pin for each in judged] == [False, True, False, False, True]
    assert kinds(judged) == [[], ["monitor violated"], [], ["monitor content"], ["monitor violated"]]
    episodes = [(each.first, each.last, each.over) for each in judged[-1].results.episodes]
    assert episodes == [(2, 3, True), (5, 5, False)]


def test_a_fault_of_the_monitor_is_no_violation_and_ends_none() -> None:
    judged = after("violated", "failed", "unreadable", "violated", "well")
    assert [each.pin for each in judged] == [True, False, False, False, False]
    assert kinds(judged) == [["monitor violated"], ["monitor failed"], [], ["monitor works again"], ["monitor content"]]
    assert [(each.first, each.last) for each in judged[-1].results.episodes] == [(1, 4)]
    assert judged[2].results.fault == "odd"
    assert judged[-1].results.fault == ""


def test_who_does_not_keep_up_is_told_once_until_it_has_caught_up() -> None:
    first = skip("slow", Results(), (1, 2))
    second = skip("slow", first.results, (3,))
    caught_up = skip("slow", second.results, ())
    again = skip("slow", caught_up.results, (9,))
    assert kinds([first, second, caught_up, again]) == [["monitor skips cuts"], [], [], ["monitor skips cuts"]]
    assert (second.results.skipped, second.results.last, second.results.checked) == (3, 3, 0)
    assert BACKLOG_MAX > 1


def test_what_is_kept_of_a_monitor_stays_small_however_often_it_complains() -> None:
    results = Results()
    for cut in range(1, 200):
        verdict: Verdict = "violated" if cut % 2 else "well"
        complaint = "ü" * COMPLAINT_CHARACTERS_MAX if cut % 2 else ""
        evaluation = Evaluation(cut=cut, verdict=verdict, complaint=complaint, details={"much": "x" * 8000})
        results = judge("money", results, evaluation, at="2026-11-23T12:00:00.000+00:00").results
    assert len(results.episodes) == EPISODES_MAX
    assert len(msgspec.json.encode(results)) < 32 * 1024
    assert results.episodes[-1].complaint == "ü" * COMPLAINT_CHARACTERS_MAX


@pytest.mark.parametrize("details", [{"set": {1}}, {"long": "x" * 9000}, {"object": object()}, {"loop": lambda: 0}])
def test_details_that_cannot_be_kept_are_left_out_with_a_word_and_the_complaint_stays(details: dict[str, Any]) -> None:
    evaluation = evaluate(lambda _: Complaint("odd", **details), 7, lambda: POINT)
    assert (evaluation.verdict, evaluation.complaint) == ("violated", "odd")
    assert evaluation.details == {"set": [1]} or list(evaluation.details) == ["left out"]


def test_a_complaint_is_one_line_without_what_a_terminal_would_act_on() -> None:
    evaluation = evaluate(lambda _: "first\nsecond \x1b[31mred", 7, lambda: POINT)
    assert evaluation.complaint == "first second [31mred"


def test_an_exception_is_told_with_the_line_that_raised_it() -> None:
    def odd(_: Recorded) -> str | None:
        raise KeyError("accounts")

    evaluation = evaluate(odd, 7, lambda: POINT)
    assert evaluation.verdict == "failed"
    assert evaluation.complaint.startswith("it raised KeyError: 'accounts', at ")
    assert "test_results.py:" in evaluation.complaint
