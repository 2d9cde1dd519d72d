from __future__ import annotations

import copy
import datetime
import decimal
import threading
import uuid
from typing import Any

import pytest

from cutpoint.state.copies import NotCopied, isolated


class Account:
    """A program's own class."""

    def __init__(self) -> None:
        self.entries = [1]


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 1.5, 1j, "x", b"x", (1, "x"), decimal.Decimal(1), uuid.UUID(int=1), datetime.date(2020, 1, 1)],
)
def test_what_cannot_change_is_not_copied(value: Any) -> None:
    assert isolated(value) is value


@pytest.mark.parametrize("value", [[1], {"a": 1}, {"a": [1]}, [[1]], ([1],), {1}, bytearray(b"x"), {"a": {"b": []}}])
def test_what_can_change_is_copied_however_deep(value: Any) -> None:
    made = isolated(value)
    assert made == value
    assert type(made) is type(value)
    assert made is not value


def test_no_change_of_the_original_reaches_the_copy() -> None:
    account = Account()
    made = isolated({"accounts": [account]})
    account.entries.append(2)
    assert made["accounts"][0].entries == [1]


def test_a_subclass_is_copied_as_what_it_is() -> None:
    class Words(dict[str, int]):
        """Not a plain dict."""

    made = isolated(Words(a=1))
    assert type(made) is Words
    assert made == {"a": 1}


def test_what_cannot_be_copied_is_told_and_not_raised() -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError):
        copy.deepcopy(lock)
    assert "cannot pickle" in isolated([lock]).reason
    assert type(isolated([lock])) is NotCopied
