"""Each safeguard of a cut has an ablation: without it a named check fails within so many schedules, with it none.

The failure is shrunk to a history of so many actions, which is printed at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cutpoint_simulations.world import verdict
from cutpoint_simulations.world.history import replay
from cutpoint_simulations.world.telling import report
from tests.ablations import safeguards_out as out
from tests.ablations.ablation import Ablation, doubling, first_failed, shrunk, storm, unordered

PROCESS = (
    Ablation(
        name="no recording of what arrives after the record",
        ablate=out.no_recording_of_what_arrives_late,
        check="sound",
        complaint="lost: .* are in no part",
        seeds=20,
        actions=8,
    ),
    Ablation(
        name="no recording of what the marker overtook",
        ablate=out.no_recording_of_what_never_left,
        check="in-flight",
        complaint="sent and not received",
        seeds=40,
        actions=10,
    ),
    Ablation(
        name="record after delivery",
        ablate=out.record_after_delivery,
        check="sound",
        complaint="orphans: .* received inside the cut .* sent outside it",
        seeds=200,
        actions=12,
        schedule=unordered,
    ),
    Ablation(
        name="unstamped acknowledgement",
        ablate=out.unstamped_acknowledgement,
        check="sound",
        complaint="knows that .* received .*, which lies after the cut",
        seeds=20,
        actions=14,
    ),
    Ablation(
        name="unstamped Welcome",
        ablate=out.unstamped_welcome,
        check="progress",
        complaint="gathering",
        seeds=20,
        actions=8,
    ),
    Ablation(
        name="a Hello is answered before its cut is recorded",
        ablate=out.hello_answered_before_its_cut_is_recorded,
        check="progress",
        complaint="gathering",
        seeds=40,
        actions=11,
    ),
    Ablation(
        name="the record does not wait for a session's name",
        ablate=out.recording_does_not_wait_for_names,
        check="sound",
        complaint="the ends disagree",
        seeds=20,
        actions=4,
    ),
    Ablation(
        name="a cut waits for a session that is refused",
        ablate=out.a_refused_session_is_waited_for,
        check="progress",
        complaint="does not come to rest",
        seeds=100,
        actions=9,
    ),
    Ablation(
        name="the marker's count is ignored",
        ablate=out.marker_counts_ignored,
        check="sound",
        complaint="lost: .* are in no part",
        seeds=20,
        actions=9,
    ),
    Ablation(
        name="no dedup on resume",
        ablate=out.no_dedup_on_resume,
        check="money",
        complaint="in accounts and channels",
        seeds=20,
        actions=17,
        schedule=unordered,
    ),
    Ablation(
        name="a session ends before its marker has come",
        ablate=out.a_session_ends_before_the_marker,
        check="progress",
        complaint="gathering",
        seeds=200,
        actions=25,
    ),
    Ablation(
        name="a Welcome that was lost is not repeated",
        ablate=out.a_lost_welcome_is_never_repeated,
        check="progress",
        complaint="does not come to rest",
        seeds=250,
        actions=14,
        schedule=unordered,
    ),
    Ablation(
        name="an await in the record block",
        ablate=out.an_await_in_the_record_block,
        check="orphans",
        complaint="received and not sent",
        seeds=100,
        actions=18,
    ),
    Ablation(
        name="a Hello that comes twice confirms the Welcome",
        ablate=out.a_doubled_hello_confirms,
        check="progress",
        complaint="messages up to",
        seeds=4,
        actions=22,
        schedule=doubling,
    ),
)

COORDINATOR = (
    Ablation(
        name="a cut begins before its number is durable",
        ablate=out.begun_before_numbered,
        check="invariant",
        complaint="a cut was begun that has no number",
        seeds=2,
        actions=2,
    ),
    Ablation(
        name="any part counts",
        ablate=out.any_part_counts,
        check="sound",
        complaint="is of cut .*, not of cut",
        seeds=20,
        actions=20,
        schedule=storm,
    ),
    Ablation(
        name="nothing is proved",
        ablate=out.nothing_proved,
        check="certificate",
        complaint="",
        seeds=4,
        actions=5,
    ),
    Ablation(
        name="nothing is fenced",
        ablate=out.nothing_fenced,
        check="progress",
        complaint="running incarnation 1",
        seeds=4,
        actions=5,
    ),
    Ablation(
        name="stopped before the fence is durable",
        ablate=out.stopped_before_fenced,
        check="invariant",
        complaint="a recovery that fences nobody",
        seeds=4,
        actions=3,
    ),
    Ablation(
        name="started before the end of the recovery is durable",
        ablate=out.started_before_recorded,
        check="started",
        complaint="runs in incarnation 2 already",
        seeds=4,
        actions=9,
    ),
    Ablation(
        name="number reused after abandon",
        ablate=out.number_reused_after_abandon,
        check="progress",
        complaint="abandoned",
        seeds=20,
        actions=5,
    ),
    Ablation(
        name="published before durable",
        ablate=out.published_before_durable,
        check="told",
        complaint="takes it for a recovery point",
        seeds=20,
        actions=1,
    ),
    Ablation(
        name="parts are not read back",
        ablate=out.parts_not_read_back,
        check="durable",
        complaint="are not on the disk",
        seeds=20,
        actions=4,
    ),
    Ablation(
        name="the members are those who answered",
        ablate=out.members_are_those_who_answered,
        check="sound",
        complaint="is not a member of the cut",
        seeds=60,
        actions=5,
    ),
)


@pytest.mark.parametrize("ablation", [*PROCESS, *COORDINATOR], ids=lambda ablation: ablation.name)
def test_without_a_safeguard_a_named_check_fails_in_a_short_history(
    ablation: Ablation, record_count: Callable[[str, object], None]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        ablation.ablate(monkeypatch)
        failed = first_failed(ablation)
        assert failed is not None, f"nobody noticed in {ablation.seeds} schedules"
        found = shrunk(ablation, failed)
        record_count(f"without the safeguard, seed {failed.seed}: {ablation.name}", report(found))
        assert ablation.is_met(replay(found.history).verdict), "the shrunk history does not fail again"
    assert len(found.history.actions) <= ablation.actions, "it was shrunk further once"
    assert not replay(found.history).verdict.failed, "the shrunk history fails with the safeguard as well"
    assert not verdict.of(ablation.schedule(failed.seed).run).failed, "the schedule fails with the safeguard as well"


def test_parts_are_read_back_because_a_disk_may_lie() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.lying_disk(monkeypatch)
        assert [found for seed in range(10) if (found := verdict.of(unordered(seed).run)).failed] == []
