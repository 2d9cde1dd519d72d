from __future__ import annotations

from cutpoint_simulations.chronicle import Line


def test_what_was_sent_before_anybody_watched_is_not_under_way_to_an_end_that_has_forgotten_the_session() -> None:
    line = Line(instance="till~vault:pay of cut 5", sent_before=21, sent=["22", "23"])
    assert line.under_way_to(None) == [22, 23]
    assert Line(instance="watched", sent=["1", "2"]).under_way_to(None) == [1, 2]


def test_what_was_sent_before_anybody_watched_is_under_way_to_an_end_that_has_not_taken_it() -> None:
    line = Line(instance="sender's", sent_before=3, sent=["4"])
    assert line.under_way_to(Line(instance="receiver's")) == [1, 2, 3, 4]
    assert line.under_way_to(Line(instance="receiver's", taken_before=((1, 2),))) == [3, 4]
    assert line.under_way_to(Line(instance="receiver's", taken_before=((1, 1), (3, 3)))) == [2, 4]
