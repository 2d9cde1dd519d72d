"""The safeguards of the process core and of the coordinator's, each taken out by one function.

What is patched is the smallest thing that the safeguard is: a condition, a call, a line.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from cutpoint.names import CutNumber, Digest, ProcessName, Sequence
from cutpoint.protocol import effects as ask
from cutpoint.protocol.certificate import Certificate, Violation
from cutpoint.protocol.channel import Incoming, Outgoing
from cutpoint.protocol.conversation import Conversation
from cutpoint.protocol.cut import Cut
from cutpoint.protocol.effects import Effect
from cutpoint.protocol.events import Connection
from cutpoint.protocol.handshake import Handshakes
from cutpoint.protocol.ledger import Ledger
from cutpoint.protocol.messages import Acknowledge, AnyFrame, Data, Hello, InFlight, PartSummary, Refused, Welcome
from cutpoint.protocol.recording import _OpenChannel
from cutpoint.protocol.safeguards import Safeguards
from cutpoint.protocol.session import Session
from cutpoint_simulations.world.participant import Disk, Participant, StoredPart
from tests.protocol.histories import recounted


def no_recording_of_what_arrives_late(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(self: Conversation, session: Session, messages: tuple[InFlight, ...]) -> None:
        return

    monkeypatch.setattr(Conversation, "_keep_in_flight", keep)


def no_recording_of_what_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outgoing, "in_flight", lambda self: ())


def record_after_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conversation, "_may_act_on", _at_once(Data))


def unstamped_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conversation, "_may_act_on", _at_once(Acknowledge))


def _at_once(kind: type[AnyFrame]) -> object:
    """`Conversation._may_act_on`, but that frames of this kind never wait for the record."""
    before = Conversation._may_act_on

    def may_act_on(self: Conversation, session: Session, frame: AnyFrame) -> bool:
        if isinstance(frame, kind) and not (session.initiator and session.opening):
            return True
        return before(self, session, frame)

    return may_act_on


def unstamped_welcome(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Conversation._may_act_on

    def may_act_on(self: Conversation, session: Session, frame: AnyFrame) -> bool:
        return isinstance(frame, Welcome) or before(self, session, frame)

    monkeypatch.setattr(Conversation, "_may_act_on", may_act_on)


def hello_answered_before_its_cut_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Handshakes.admit_waiting

    def admit_waiting(self: Handshakes) -> list[Effect]:
        for connection, hello in self._hellos.items():
            seen = min(hello.cut, self._identity.cut)
            self._hellos[connection] = msgspec.structs.replace(hello, cut=seen)
        return before(self)

    monkeypatch.setattr(Handshakes, "admit_waiting", admit_waiting)


def recording_does_not_wait_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handshakes, "nameless", lambda self: ())


def a_refused_session_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Conversation, session: Session, frame: Refused) -> list[Effect]:
        return self._handshakes.refused(session, frame)

    monkeypatch.setattr(Conversation, "_refused", refused)


def marker_counts_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_OpenChannel, "complete", lambda self: self.marker is not None)


def no_dedup_on_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    def everything(self: Incoming, frame: Data) -> tuple[InFlight, ...]:
        return tuple(InFlight(Sequence(frame.first + i), payload) for i, payload in enumerate(frame.payloads))

    monkeypatch.setattr(Incoming, "_without_duplicates", everything)
    monkeypatch.setattr(Incoming, "check", lambda self: None)  # the invariant would notice before anybody else


def a_session_ends_before_the_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    def end_if_finished(self: Conversation, session: Session) -> list[Effect]:
        if session.initiator or not session.finished or session.phase not in ("open", "interrupted"):
            return []
        return self._handshakes.end(session)

    monkeypatch.setattr(Conversation, "end_if_finished", end_if_finished)


def a_lost_welcome_is_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Handshakes._resume

    def resume(self: Handshakes, connection: Connection, session: Session, hello: Hello) -> list[Effect]:
        known = msgspec.structs.replace(hello, session=session.name)
        return before(self, connection, session, known)

    monkeypatch.setattr(Handshakes, "_resume", resume)


def an_await_in_the_record_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver captures the state when the part is written, not when the core says RecordState."""
    run, persist = Participant.run, Participant.persist

    def run_all_but_the_record(self: Participant, effect: Effect) -> None:
        if not isinstance(effect, ask.RecordState):
            run(self, effect)

    def capture_and_persist(self: Participant) -> None:
        effect = self.to_persist[0]
        run(self, ask.RecordState(cut=effect.cut, base=effect.cut))
        persist(self)

    monkeypatch.setattr(Participant, "run", run_all_but_the_record)
    monkeypatch.setattr(Participant, "persist", capture_and_persist)


def a_doubled_hello_confirms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any frame of the initiator says that it has had the Welcome."""
    monkeypatch.setattr(Conversation, "_has_come_twice", lambda self, session, frame: False)


# ------------------------------------------------------------------------------------------------- the coordinator


def number_reused_after_abandon(monkeypatch: pytest.MonkeyPatch) -> None:
    def number(self: Safeguards, ledger: Ledger) -> CutNumber:
        last = ledger.computation.last_cut
        return last if last in ledger.abandoned else CutNumber(last + 1)

    monkeypatch.setattr(Safeguards, "number_for_next_cut", number)


def begun_before_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Safeguards, "may_begin", lambda self, ledger, cut: True)


def any_part_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Safeguards, "accepts_part", lambda self, part, join, cut, incarnation: True)


def nothing_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificate is made out for parts of which nobody has looked at a single channel."""
    before = Safeguards.prove

    def prove(
        self: Safeguards,
        ledger: Ledger,
        cut: CutNumber,
        members: tuple[ProcessName, ...],
        released: tuple[ProcessName, ...],
        parts: Mapping[ProcessName, PartSummary],
    ) -> Certificate | tuple[Violation, ...]:
        return before(self, ledger, cut, members, released, {name: recounted(part) for name, part in parts.items()})

    monkeypatch.setattr(Safeguards, "prove", prove)


def nothing_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Safeguards, "next_incarnation", lambda self, ledger: ledger.computation.incarnation)


def stopped_before_fenced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Safeguards, "may_prepare", lambda self, ledger, incarnation: True)


def started_before_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Safeguards, "may_start", lambda self, ledger, incarnation: True)


def published_before_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Safeguards, "may_publish", lambda self, ledger, cut: True)


def parts_not_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that now and then says yes and writes nothing, and nobody who looks."""
    lying_disk(monkeypatch)
    monkeypatch.setattr(Safeguards, "may_write_manifest", lambda self, complaints: True)


def lying_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No safeguard: the fault against which parts are read back."""
    before = Participant._store

    def store(self: Participant, cut: CutNumber, part: StoredPart) -> Digest:
        digest = before(self, cut, part)
        disk: Disk = self._disk
        if len(disk.history) % 11 == 0:
            del disk[digest]
        return digest

    monkeypatch.setattr(Participant, "_store", store)


def members_are_those_who_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: Cut, name: ProcessName) -> None:
        if name not in self.parts and len(self.members) > 1:
            self.members = tuple(member for member in self.members if member != name)

    monkeypatch.setattr(Cut, "lost", lost)


def no_incarnation_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cutpoint.protocol.refusal.is_of_another_life", lambda me, hello: False)
