"""Watching real agents on simulated hosts: all is seen, nothing is changed."""

from __future__ import annotations

import itertools

from cutpoint.names import Life, ProcessName
from cutpoint.protocol.events import AcceptRequested, OpenRequested
from cutpoint.protocol.messages import Close
from cutpoint.protocol.process import Process
from cutpoint.protocol.session import Session
from cutpoint_simulations.chronicle import Chronicle, Observation, Watch
from cutpoint_simulations.chronicle.observations import Admitted, Began, Named, Over, Recorded, Sent, Taken
from tests.simulations.chronicle.running import banks, pair

SESSION = "till~vault:pay"


def seen(seed: int = 3) -> list[Observation]:
    """What is seen of the till and the vault."""
    observations: list[Observation] = []
    pair(seed, observations.append)
    return observations


def texts(observations: list[Observation], kind: type[Sent] | type[Taken], process: str) -> list[str]:
    """The payloads that were sent or taken."""
    found = [o for o in observations if isinstance(o, kind) and o.process == process]
    assert [o.number for o in found] == list(range(1, len(found) + 1))
    return ["(close)" if isinstance(o.payload, Close) else str(o.payload) for o in found]


def test_every_message_that_an_application_sends_and_takes_is_seen() -> None:
    observations = seen()
    payments = ["pay 1", "pay 2", "pay 3", "(close)"]
    receipts = ["got pay 1", "got pay 2", "got pay 3", "(close)"]
    assert texts(observations, Sent, "till") == texts(observations, Taken, "vault") == payments
    assert texts(observations, Sent, "vault") == texts(observations, Taken, "till") == receipts


def test_a_life_its_admission_the_name_of_a_session_and_its_end_are_seen() -> None:
    observations = seen()
    for process, peer in (("till", "vault"), ("vault", "till")):
        mine = [o for o in observations if o.process == process]
        assert isinstance(mine[0], Began)
        assert [o.incarnation for o in mine if isinstance(o, Admitted)] == [1]
        assert [(o.session, o.peer, o.fifo) for o in mine if isinstance(o, Named)] == [(SESSION, peer, True)]
        assert [o.reason for o in mine if isinstance(o, Over)] == [""]
    assert all(before.at <= after.at for before, after in itertools.pairwise(observations))


def test_both_ends_of_a_session_are_one_channel() -> None:
    chronicle = Chronicle(seen())
    ((mine, own),) = chronicle.standing("till").items()
    ((theirs, other),) = chronicle.standing("vault").items()
    assert mine == theirs
    assert (own.sent_count, other.took(), own.under_way_to(other)) == (4, 4, [])


def test_a_watch_changes_nothing() -> None:
    assert pair(3) == pair(3, lambda _: None)


def test_the_methods_are_what_they_were_when_it_is_over() -> None:
    before = (Process.step, Process.send, Process.take, Session.adopt)
    with Watch(), Watch():
        assert Process.step is not before[0]
    assert (Process.step, Process.send, Process.take, Session.adopt) == before


def test_outside_of_simulated_hosts_nothing_is_told() -> None:
    told: list[Observation] = []
    with Watch(told.append) as watch:
        core = Process(name=ProcessName("till"), life=Life("x"))
        core.step(OpenRequested(connection=1, key="k", label="pay"))
        core.step(AcceptRequested(connection=2))
        core.send("k", "unseen")
    assert told == []
    assert watch.phases() == {}


def test_records_and_restores_of_a_recovery_are_seen_and_phases_told() -> None:
    with banks(5) as run:
        run.run(2.2)
        run.cluster.services["prague"].kill()
        assert run.watch.phases() == {"prague": "dead", "trieste": "running", "vienna": "running"}
        run.run(4.5)
        assert set(run.watch.phases().values()) == {"running"}
        ledger = run.cluster.registry.ledger()
        (recovery,) = ledger.recoveries.values()
        assert [(r.cut, r.incarnation) for r in run.chronicle.restores] == 3 * [(recovery.cut, recovery.incarnation)]
        assert all(restored.sessions for restored in run.chronicle.restores)
        assert {cut for process, cut in run.chronicle.records if process == "vienna"} >= set(ledger.points)
        assert run.chronicle.strays == []


def test_a_dead_life_tells_nothing_while_it_is_cleared_away() -> None:
    with banks(5) as run:
        run.run(1.0)
        told: list[Observation] = []
        with Watch(told.append):
            run.run(1.2)
            seen_alive = len(told)
            run.cluster.services["prague"].restart_seconds = None
            run.cluster.services["prague"].kill()
            run.simulation._discard()
    assert seen_alive > 0
    assert [o for o in told[seen_alive:] if isinstance(o, Sent | Taken | Recorded)] == []
