from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutpoint.policy.quantities import bytes_of, duration_text, seconds_of, size_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2d", 172800), ("250ms", 0.25), ("1.5s", 1.5), ("0s", 0)],
)
def test_a_length_of_time_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "m", "5m5m", "1m1h", "-5s", "5min", "1e3s", "5s ", "٣s", "9" * 400 + "d"]
)
def test_what_is_no_length_of_time_is_none(text: str) -> None:
    assert seconds_of(text) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [("1KiB", 1024), ("1 KB", 1000), ("64MiB", 64 << 20), ("1.5KiB", 1536), ("7B", 7), ("2TiB", 2 << 40)],
)
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize("text", ["", "5", "5mb", "1.0001KiB", "-1B", "KiB", "9" * 400 + "TiB", "0.5B"])
def test_what_is_no_size_is_none(text: str) -> None:
    assert bytes_of(text) is None


@given(st.one_of(st.integers(0, 10**7).map(float), st.floats(0, 10**7, allow_subnormal=False)))
def test_every_length_of_time_is_written_so_that_it_is_read_back(seconds: float) -> None:
    assert seconds_of(duration_text(seconds)) == pytest.approx(seconds, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("seconds", "text"), [(300, "5m"), (90, "90s"), (0.25, "250ms"), (0, "0s"), (86400, "1d"), (0.1, "100ms")]
)
def test_a_length_of_time_is_written_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@given(st.integers(0, 2**50))
def test_every_size_is_written_so_that_it_is_read_back(size: int) -> None:
    assert bytes_of(size_text(size)) == size
