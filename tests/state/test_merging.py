"""Changes of a table put together, told in batches, and let go of little by little."""

from __future__ import annotations

import random

import pytest

from cutpoint.state import Batch, Changes


def apply(content: dict[int, int], batch: Batch) -> None:
    for key in batch.gone:
        content.pop(key, None)
    content.update(zip(batch.keys, batch.values, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_all_together_do_what_they_did_one_after_the_other(seed: int) -> None:
    chance = random.Random(seed)
    content = dict.fromkeys(range(10), 0)
    merged, changes = dict(content), Changes()
    for number in range(30):
        gone = [key for key in chance.sample(range(20), 3) if key in content]
        keys = chance.sample(range(20), 3)
        batch = Batch(gone, keys, [number] * 3)
        apply(content, batch)
        assert changes.add(batch) == len(gone) + 3
    for batch in changes.batches(4):
        assert len(batch.gone) + len(batch.keys) <= 4
        apply(merged, batch)
    assert list(merged.items()) == list(content.items())


def test_they_are_let_go_of_little_by_little() -> None:
    changes = Changes()
    changes.add(Batch(list(range(10)), list(range(5, 30)), [0] * 25))
    freed = []
    while some := changes.empty(4):
        freed.append(some)
    assert sum(freed) == 10 + 25
    assert max(freed) <= 4
    assert not list(changes.batches(4))
