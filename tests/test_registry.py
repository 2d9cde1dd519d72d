from __future__ import annotations

import pytest

from cutpoint.errors import UsageError
from cutpoint.registry import CHANGES_MAX, TRANSACTION_BYTES_MAX, Transaction


def test_a_transaction_within_the_limits_is_accepted() -> None:
    Transaction(request="r", puts=(("é", b"x" * (TRANSACTION_BYTES_MAX - 2)),), deletes=("other",) * 0)
    Transaction(
        request="r", puts=tuple((f"k{n}", b"") for n in range(CHANGES_MAX)), expected=(("k0", 0), ("elsewhere", 3))
    )


@pytest.mark.parametrize(
    ("complaint", "wrong"),
    [
        ("request id", {"request": ""}),
        ("request id", {"request": "a\nb"}),
        ("cannot be a registry key", {"puts": (("", b""),)}),
        ("cannot be a registry key", {"puts": (("a\x00", b""),)}),
        ("cannot be a registry key", {"deletes": ("\udc80",)}),
        ("cannot be a registry key", {"expected": (("x" * 501, 0),)}),
        ("only once", {"puts": (("a", b""), ("a", b""))}),
        ("only once", {"puts": (("a", b""),), "deletes": ("a",)}),
        ("at most 100 keys", {"deletes": tuple(f"k{n}" for n in range(101))}),
        ("at most 100 keys", {"expected": tuple((f"k{n}", 0) for n in range(101))}),
        ("over the limit", {"puts": (("a", b"x" * TRANSACTION_BYTES_MAX),)}),
    ],
)
def test_a_transaction_that_no_registry_can_take_is_refused_when_it_is_built(
    complaint: str, wrong: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match=complaint):
        Transaction(**{"request": "r", **wrong})  # type: ignore[arg-type]
