from __future__ import annotations

from pathlib import Path

import msgspec

from cutpoint.state import CapturedState, States
from cutpoint.store import StoredState, open_backend, read_part, write_part

from .samples import part


def stored(captured: CapturedState) -> StoredState:
    return StoredState(**msgspec.structs.asdict(captured))


def test_the_states_of_one_program_survive_in_a_folder_and_fill_another_one(tmp_path: Path) -> None:
    before = States()
    table, position = before.table("departed"), before.value("position", 0)
    table[("EWR", "LAX")] = 3
    table["miles"] = {"N14228": 2**70}
    position.value = 26_398
    states = tuple(map(stored, before.capture()))
    digest, _ = write_part(open_backend(str(tmp_path)), msgspec.structs.replace(part(1), states=states))

    after = States()
    table, position = after.table("departed"), after.value("position", 0)
    after.check(read_part(open_backend(str(tmp_path)), digest).states).apply()
    assert table == {("EWR", "LAX"): 3, "miles": {"N14228": 2**70}}
    assert position.value == 26_398


def test_equal_states_make_equal_parts() -> None:
    digests = set()
    for order in ((1, 2, 3), (3, 2, 1)):
        states = States()
        states.value("seen", set(order))
        made = msgspec.structs.replace(part(1), states=tuple(map(stored, states.capture())))
        digests.add(write_part(open_backend("memory:equal"), made)[0])
    assert len(digests) == 1
