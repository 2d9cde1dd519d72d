"""What depends on how many processes there are: the registry's limit, parts read back early, texts that stay short."""

from __future__ import annotations

import pytest

from cutpoint.names import Life, ProcessName
from cutpoint.protocol import admission
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.cut import READ_BACK_AT_ONCE
from cutpoint.protocol.ledger import RECORDS_BYTES_MAX, process_bytes
from cutpoint.protocol.messages import Rejected
from cutpoint.protocol.phrases import first_few
from cutpoint.registry import TRANSACTION_BYTES_MAX
from tests.protocol.coordination_rig import of_type, running

MANY = tuple(f"p{number:03d}" for number in range(READ_BACK_AT_ONCE + 6))


def test_the_first_parts_are_read_back_while_the_last_are_still_being_written() -> None:
    rig = running(*MANY)
    rig.run(rig.request_cut())
    checks = []
    for name in MANY:
        checks += of_type(rig.step(rig.stored(name, 1)), ask.CheckParts)
    assert [len(check.parts) for check in checks] == [READ_BACK_AT_ONCE, len(MANY) - READ_BACK_AT_ONCE]
    read = sorted(part.process for check in checks for part in check.parts)
    assert read == sorted(MANY), "every part is read back once"
    sound = [was.PartsChecked(now=rig.now(), cut=check.cut, complaints=()) for check in checks]
    assert of_type(rig.step(sound[0]), ask.WriteManifest) == [], "the others were not read back yet"
    assert len(of_type(rig.step(sound[1]), ask.WriteManifest)) == 1


def test_a_part_that_is_found_torn_early_ends_the_cut_at_once() -> None:
    rig = running(*MANY)
    rig.run(rig.request_cut())
    checks = []
    for name in MANY[:READ_BACK_AT_ONCE]:
        checks += of_type(rig.step(rig.stored(name, 1)), ask.CheckParts)
    rig.run(was.PartsChecked(now=rig.now(), cut=checks[0].cut, complaints=("p000: torn",)))
    assert "a part is not what was written: p000: torn" in rig.core.ledger.abandoned[checks[0].cut].reason


@pytest.mark.parametrize("names", [MANY[:1], MANY[:7], MANY], ids=len)
def test_a_cut_takes_two_writes_to_the_registry_however_many_processes_there_are(names: tuple[str, ...]) -> None:
    rig = running(*names)
    for _ in range(3):
        before = len(rig.writes)
        rig.publish(*names)
        assert len(rig.writes) - before == 2


def test_what_many_say_in_one_turn_is_what_they_say_one_after_the_other() -> None:
    rig = running("a", "b")
    rig.run(rig.request_cut())
    rig.run(was.AgentsSaid(now=rig.now(), said=(rig.stored("a", 1), rig.stored("b", 1))))
    assert list(rig.core.ledger.points) == [1]


def test_a_process_too_many_is_turned_away_before_anything_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "RECORDS_BYTES_MAX", 2 * process_bytes(ProcessName("a"), Life("a-1")))
    rig = running("a", "b")
    rig.run(rig.arrives("c"))
    (refusal,) = rig.said_to("c", Rejected)
    assert not refusal.waiting_helps
    assert refusal.reason.startswith("c is one process too many: with the 2 that the registry knows")
    assert list(rig.core.ledger.members.members) == ["a", "b"]
    rig.publish("a", "b")


def test_the_records_of_a_cut_are_shorter_than_what_is_reckoned_for_its_processes() -> None:
    assert RECORDS_BYTES_MAX < TRANSACTION_BYTES_MAX
    rig = running(*MANY)
    rig.publish(*MANY)
    longest = max(sum(len(key) + len(value) for key, value in write.puts) for write in rig.writes)
    reckoned = sum(process_bytes(ProcessName(name), Life(f"{name}-1")) for name in MANY)
    assert longest < reckoned


def test_a_text_names_ten_and_counts_the_rest() -> None:
    assert first_few(["a", "b"]) == "a; b"
    assert first_few([str(n) for n in range(12)], joint=", ") == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, and 2 more"
    assert len(first_few(["x" * 1000] * 50)) < 4100
