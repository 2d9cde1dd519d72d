from __future__ import annotations

import asyncio
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, RegistryError
from cutpoint.registry import Committed, Leader, Record, Transaction
from cutpoint.testing.registry_suite import lead
from cutpoint_coordinator.registry.embedded import EmbeddedRegistry
from tests.coordinator.registry.subjects import CandidateProcess


async def test_another_candidate_leads_at_once_after_the_leader_was_killed_and_finds_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    candidate = CandidateProcess(str(tmp_path), 60)
    last = int(candidate.expect("committed"))
    registry = await EmbeddedRegistry.open(tmp_path)
    assert await registry.leader() == Leader("candidate", "-")
    unread = candidate.kill()
    started = time.monotonic()
    leadership = await lead(registry)
    assert time.monotonic() - started < 2
    assert leadership.fence > candidate.fence
    acknowledged = max([last, *(int(line[1]) for line in unread)])
    log = await registry.scan("log/")
    assert [int(record.value) for record in log] == list(range(1, len(log) + 1))
    assert len(log) in (acknowledged, acknowledged + 1)
    await registry.close()


async def test_a_leader_that_hangs_is_passed_over_and_fenced_when_it_wakes(tmp_path: Path) -> None:
    candidate = CandidateProcess(str(tmp_path), 1)
    registry = await EmbeddedRegistry.open(tmp_path)
    candidate.expect("committed")
    candidate.process.send_signal(signal.SIGSTOP)
    leadership = await lead(registry)
    before = await registry.scan("")
    candidate.process.send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(candidate.expect, "fenced") == ""
    assert await registry.scan("") == before
    assert isinstance(await registry.commit(leadership, Transaction(request="r", puts=(("x", b""),))), Committed)
    candidate.kill()
    await registry.close()


async def test_closing_lets_the_next_candidate_lead_at_once(tmp_path: Path) -> None:
    ours, theirs = await EmbeddedRegistry.open(tmp_path), await EmbeddedRegistry.open(tmp_path)
    held = await ours.campaign("ours", ttl_seconds=60, address="-")
    await ours.close()
    await ours.close()
    assert (await lead(theirs)).fence > held.fence
    with pytest.raises(RegistryError, match="was closed"):
        await ours.read("x")
    await theirs.close()


async def test_the_registry_reads_what_it_wrote_in_an_earlier_life(tmp_path: Path) -> None:
    first = await EmbeddedRegistry.open(tmp_path / "deep" / "er")
    held = await lead(first)
    outcome = await first.commit(held, Transaction(request="r", puts=(("x", b"1"),)))
    await first.close()
    again = await EmbeddedRegistry.open(tmp_path / "deep" / "er")
    assert isinstance(outcome, Committed)
    assert await again.read("x") == Record(key="x", value=b"1", revision=outcome.revision)
    assert await again.leader() is None
    await again.close()


async def test_only_the_latest_requests_of_a_leadership_are_kept(tmp_path: Path) -> None:
    registry = await EmbeddedRegistry.open(tmp_path)
    held = await lead(registry)
    for number in range(1010):
        await registry.commit(held, Transaction(request=f"r{number}", puts=(("x", b""),)))
    with sqlite3.connect(tmp_path / "registry.sqlite") as looking:
        (count, oldest) = looking.execute("SELECT count(*), min(revision) FROM requests").fetchone()
    looking.close()
    assert (count, oldest) == (1000, held.fence + 11)
    await registry.close()


async def test_a_path_that_is_no_directory_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/cutpoint")):
        with pytest.raises(ConfigurationError, match=r"cannot be used .* name a directory on a local disk"):
            await EmbeddedRegistry.open(path)


async def test_a_file_that_is_no_registry_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite").write_bytes(b"something else entirely " * 100)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        await EmbeddedRegistry.open(tmp_path)
    assert (tmp_path / "registry.sqlite").read_bytes() == b"something else entirely " * 100


async def test_the_registry_of_another_computation_or_format_is_refused(tmp_path: Path) -> None:
    await (await EmbeddedRegistry.open(tmp_path, prefix="/cutpoint/mine/")).close()
    with pytest.raises(ConfigurationError, match="belongs to /cutpoint/mine/, not to /cutpoint/yours/"):
        await EmbeddedRegistry.open(tmp_path, prefix="/cutpoint/yours/")
    with sqlite3.connect(tmp_path / "registry.sqlite") as newer:
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    with pytest.raises(ConfigurationError, match="has format 2 and this Cutpoint reads 1"):
        await EmbeddedRegistry.open(tmp_path, prefix="/cutpoint/mine/")


async def test_a_directory_that_somebody_else_holds_on_to_fails_with_nothing_written(tmp_path: Path) -> None:
    registry = await EmbeddedRegistry.open(tmp_path, patience_seconds=0.2)
    held = await lead(registry)
    other = sqlite3.connect(tmp_path / "registry.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    transaction = Transaction(request="r", puts=(("x", b"1"),))
    with pytest.raises(RegistryError, match="nothing was written"):
        await registry.commit(held, transaction)
    other.execute("ROLLBACK")
    other.close()
    assert isinstance(await registry.commit(held, transaction), Committed)
    await registry.close()
