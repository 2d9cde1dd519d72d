"""Each safeguard of a cut has an ablation: without it a named check fails within so many schedules, with it none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.ablations import safeguards_out as out
from tests.ablations.ablation import Ablation, finding, first_finding, unordered

PROCESS = (
    Ablation(
        name="no recording of what arrives after the record",
        ablate=out.no_recording_of_what_arrives_late,
        check="sound",
        complaint="lost: .* are in no part",
        seeds=20,
    ),
    Ablation(
        name="no recording of what the marker overtook",
        ablate=out.no_recording_of_what_never_left,
        check="in-flight",
        complaint="sent and not received",
        seeds=40,
    ),
    Ablation(
        name="record after delivery",
        ablate=out.record_after_delivery,
        check="sound",
        complaint="orphans: .* received inside the cut .* sent outside it",
        seeds=200,
        schedule=unordered,
    ),
    Ablation(
        name="unstamped acknowledgement",
        ablate=out.unstamped_acknowledgement,
        check="sound",
        complaint="knows that .* received .*, which lies after the cut",
        seeds=20,
    ),
    Ablation(
        name="unstamped Welcome",
        ablate=out.unstamped_welcome,
        check="progress",
        complaint="gathering",
        seeds=20,
    ),
    Ablation(
        name="a Hello is answered before its cut is recorded",
        ablate=out.hello_answered_before_its_cut_is_recorded,
        check="progress",
        complaint="gathering",
        seeds=40,
    ),
    Ablation(
        name="the record does not wait for a session's name",
        ablate=out.recording_does_not_wait_for_names,
        check="sound",
        complaint="the ends disagree",
        seeds=20,
    ),
    Ablation(
        name="a cut waits for a session that is refused",
        ablate=out.a_refused_session_is_waited_for,
        check="progress",
        complaint="does not come to rest",
        seeds=100,
    ),
    Ablation(
        name="the marker's count is ignored",
        ablate=out.marker_counts_ignored,
        check="sound",
        complaint="lost: .* are in no part",
        seeds=20,
    ),
    Ablation(
        name="no dedup on resume",
        ablate=out.no_dedup_on_resume,
        check="money",
        complaint="in accounts and channels",
        seeds=20,
        schedule=unordered,
    ),
    Ablation(
        name="a session ends before its marker has come",
        ablate=out.a_session_ends_before_the_marker,
        check="progress",
        complaint="gathering",
        seeds=200,
    ),
    Ablation(
        name="a Welcome that was lost is not repeated",
        ablate=out.a_lost_welcome_is_never_repeated,
        check="progress",
        complaint="does not come to rest",
        seeds=250,
        schedule=unordered,
    ),
    Ablation(
        name="an await in the record block",
        ablate=out.an_await_in_the_record_block,
        check="orphans",
        complaint="received and not sent",
        seeds=100,
    ),
)

COORDINATOR = (
    Ablation(
        name="number reused after abandon",
        ablate=out.number_reused_after_abandon,
        check="progress",
        complaint="abandoned",
        seeds=20,
    ),
    Ablation(
        name="published before durable",
        ablate=out.published_before_durable,
        check="told",
        complaint="takes it for a recovery point",
        seeds=20,
    ),
    Ablation(
        name="parts are not read back",
        ablate=out.parts_not_read_back,
        check="durable",
        complaint="are not on the disk",
        seeds=20,
    ),
    Ablation(
        name="the members are those who answered",
        ablate=out.members_are_those_who_answered,
        check="sound",
        complaint="is not a member of the cut",
        seeds=60,
    ),
)


@pytest.mark.parametrize("ablation", [*PROCESS, *COORDINATOR], ids=lambda ablation: ablation.name)
def test_without_a_safeguard_a_named_check_fails(
    ablation: Ablation, record_count: Callable[[str, object], None]
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        ablation.ablate(monkeypatch)
        found = first_finding(ablation)
    record_count(f"without the safeguard: {ablation.name}", found)
    assert found is not None, f"nobody noticed in {ablation.seeds} schedules"
    assert finding(ablation.schedule(found.seed)) is None, "it fails with the safeguard as well"


def test_parts_are_read_back_because_a_disk_may_lie() -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        out.lying_disk(monkeypatch)
        assert [found.check for seed in range(10) if (found := finding(unordered(seed))) is not None] == []
