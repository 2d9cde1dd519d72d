"""One cut as the coordinator sees it: number it, gather the parts, prove it, publish or abandon it.

The order is the safety (table CUT): the number is durable before anybody hears it; all parts are stored, proved
consistent and read back before the manifest is written; the manifest is durable before the registry calls the cut
a recovery point; the registry has said yes before anybody is told.

Until a manifest may exist, an abandoned cut is called off at once, because a process may be holding its turns for it;
afterwards only when the registry has it, because another coordinator would take a manifest for proof. For the same
reason neither a deadline nor a lost process stops a cut whose manifest is being written.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.coordinator_effects import (
    CheckParts,
    CutAbandoned,
    CutOpened,
    CutPublished,
    FindManifest,
    SetDeadline,
    WriteManifest,
)
from cutpoint.protocol.coordinator_events import ManifestWritten
from cutpoint.protocol.cut_records import closing, draft, opening, publication
from cutpoint.protocol.cut_story import REASON_CHARACTERS_MAX, Cause, CutStory, Timeline
from cutpoint.protocol.desk import Desk
from cutpoint.protocol.holdups import Culprit, HeldUp
from cutpoint.protocol.ledger import AbandonedCut, LedgerRecord, RecoveryPoint
from cutpoint.protocol.membership import Agent
from cutpoint.protocol.messages import Abandon, Begin, PartSummary, Published
from cutpoint.protocol.phrases import first_few
from cutpoint.protocol.safeguards import Safeguards
from cutpoint.protocol.transitions import CUT

STOPPABLE = ("numbering", "gathering", "captured", "checking")

READ_BACK_AT_ONCE = 64
"""How many parts that are stored are read back before the last one is stored; a cut of fewer is read back at once."""


class Cut:
    """One cut, from its number to its end. Its membership and its deadline are frozen when it is opened.

    ``found``: another coordinator opened it, and only the store knows how far it came.
    """

    def __init__(
        self, desk: Desk, safeguards: Safeguards, *, number: CutNumber, requests: tuple[str, ...], found: bool = False
    ) -> None:
        self._desk = desk
        self._safeguards = safeguards
        self.number = number
        self.incarnation = desk.ledger.computation.incarnation
        self.members = desk.belonging()
        self._inside = frozenset(self.members)
        self.released = desk.ledger.released()
        self.leaving = desk.ledger.leaving()
        self.requests = requests
        self._deadline_seconds = desk.policy.deadline_seconds
        self.phase = CUT.start
        self.reason = ""
        self.cause: Cause = ""
        self.found = found
        self.timeline = Timeline(desk.now)
        self.captured: dict[ProcessName, None] = {}
        self.parts: dict[ProcessName, PartSummary] = {}
        self.held: dict[ProcessName, HeldUp] = {}
        self.point: RecoveryPoint | None = None
        self._unread: dict[ProcessName, None] = {}
        self._reading = 0
        self._certificate: Certificate | None = None
        self._culprits: tuple[Culprit, ...] = ()
        self._in_flight_bytes = 0
        self._ending = ""
        self._told = False
        if found:
            self._step("found")
            desk.do(FindManifest(cut=number))
        else:
            desk.write(opening(desk.ledger, number, requests))

    # ---------------------------------------------------------------------------------------------- what follows

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.phase in ("published", "abandoned")

    @property
    def stoppable(self) -> bool:
        """Whether it may still be abandoned because of something that happened outside of it."""
        return self.phase in STOPPABLE

    def advance(self) -> None:
        """Do everything that can be done now."""
        if self.phase == "numbering" and self._safeguards.may_begin(self._desk.ledger, self.number):
            self._begin()
        if self.phase == "gathering" and len(self.captured) == len(self.members):
            self._step("all captured")
        if self.phase in ("gathering", "captured"):
            if len(self.parts) == len(self.members):
                self._prove()
            elif len(self._unread) >= READ_BACK_AT_ONCE:
                self._read_back()
        if self.phase == "recording" and self.point is not None:
            self._record_end(*publication(self._desk.ledger, self.point))
        elif self.phase == "abandoning":
            self._record_end(*closing(self._desk.ledger, self._abandoned()))
        if self.phase in ("captured", "checking", "writing", "recording", "published"):
            self._publish_if_due()
        if self.ended:
            self._report_end()

    def waits_for(self) -> tuple[str, ...]:
        """What keeps the cut, for people; one phrase for each process or thing."""
        if self.phase in ("gathering", "captured"):
            return tuple(self._holdup(name) for name in self.members if name not in self.parts)
        return {
            "numbering": ("the registry to take its number",),
            "finding": ("the store to say whether it has a manifest",),
            "checking": ("the parts to be read back",),
            "writing": ("its manifest to be written",),
            "recording": ("the registry to take the recovery point",),
            "abandoning": ("the registry to take its end",),
        }.get(self.phase, ())

    def held_by(self) -> tuple[Culprit, ...]:
        """Who holds the cut up now, causes first; empty if it waits for no process."""
        if self.phase not in ("gathering", "captured"):
            return ()
        return self.timeline.held_by(tuple(name for name in self.members if name not in self.parts))

    def _holdup(self, name: ProcessName) -> str:
        owner = self._desk.policy.owners.get(name)
        title = f"{name} (owner: {owner})" if owner else name
        if name in self.held:
            return f"{title}: {self.held[name].by}"
        if name in self.captured:
            return f"{title}: its part is being stored"
        return f"no word from {title}"

    # -------------------------------------------------------------------------------------------- what happened

    def part_captured(self, agent: Agent, cut: CutNumber) -> bool:
        """A process has its part complete in memory."""
        if cut != self.number or self.phase not in ("gathering", "captured") or agent.name not in self._inside:
            return False
        self.captured[agent.name] = None
        self.timeline.captured(agent.name, self._desk.now)
        self.held.pop(agent.name, None)
        return True

    def part_stored(self, agent: Agent, part: PartSummary) -> bool:
        """A process has its part durable. False if the part does not count."""
        fits = self._safeguards.accepts_part(part, agent.join, self.number, self.incarnation)
        if not fits or self.phase not in ("gathering", "captured") or agent.name not in self._inside:
            return False
        if agent.name not in self.parts:
            self.captured[agent.name] = None
            self.parts[agent.name] = part
            self._unread[agent.name] = None
        self.timeline.stored(agent.name, self._desk.now)
        self.held.pop(agent.name, None)
        return True

    def held_up(self, agent: Agent, said: HeldUp) -> bool:
        """A process says what it waits for."""
        if said.cut != self.number or not self.stoppable or agent.name in self.parts:
            return False
        self.held[agent.name] = said
        self.timeline.held_up(agent.name, said)
        return True

    def refused(self, agent: Agent, cut: CutNumber, reason: str, *, unstored: bool = False) -> bool:
        """A process cannot take part; ``unstored``: because it cannot store its part."""
        cause: Cause = "store" if unstored else "refused"
        return cut == self.number and agent.name in self._inside and self.abandon(reason, cause)

    def lost(self, name: ProcessName) -> None:
        """A process is not connected any more: without its part there is nothing to wait for."""
        if name in self._inside and name not in self.parts:
            self.abandon(f"lost {name} (its control connection closed) before it had stored its part", "process_lost")

    def returned(self, agent: Agent) -> None:
        """A member is connected again: it may have missed Begin."""
        if self.phase in ("gathering", "captured") and agent.name in self._inside and agent.name not in self.parts:
            self._say_begin((agent,))

    def deadline_passed(self, cut: CutNumber) -> bool:
        """The cut's time is over."""
        if cut != self.number:
            return False
        waiting = first_few(self.waits_for())
        return self.abandon(f"its deadline of {self._deadline_seconds:g} s passed; waiting for {waiting}", "deadline")

    def parts_checked(self, cut: CutNumber, complaints: tuple[str, ...], in_flight_bytes: int) -> bool:
        """What was asked for last, or before, was read back; with the last of it, every part."""
        if cut != self.number or self.phase not in ("gathering", "captured", "checking") or not self._reading:
            return False
        self._reading -= 1
        self._in_flight_bytes += in_flight_bytes
        if not self._safeguards.may_write_manifest(complaints):
            return self.abandon("a part is not what was written: " + first_few(complaints), "damaged_part")
        if self.phase == "checking" and not self._reading:
            self._write_manifest()
        return True

    def manifest_written(self, event: ManifestWritten) -> bool:
        """The manifest is durable."""
        if event.cut != self.number or self.phase != "writing" or self.point is None:
            return False
        size = self.point.bytes + event.bytes
        self.point = msgspec.structs.replace(self.point, manifest=event.digest, bytes=size, created=event.created)
        self._step("written")
        return True

    def manifest_failed(self, cut: CutNumber, reason: str) -> bool:
        """Nobody can rely on a manifest."""
        if cut != self.number or self.phase != "writing":
            return False
        self._call_off(f"its manifest could not be written: {reason}", "manifest")
        return True

    def manifest_found(self, cut: CutNumber, point: RecoveryPoint | None) -> bool:
        """What the store has of a cut that another coordinator opened. A manifest is proof."""
        if cut != self.number or self.phase != "finding" or (point is not None and point.cut != cut):
            return False
        if point is None:
            self._call_off("the coordinator that opened it is gone, and it was not complete", "leader_lost")
        else:
            self.point = point
            self._step("complete")
        return True

    def abandon(self, reason: str, cause: Cause) -> bool:
        """Give the cut up, if that is still possible."""
        if not self.stoppable:
            return False
        begun = self.phase != "numbering"
        self._call_off(reason, cause)
        if begun:
            self._tell_of_end()
        return True

    # ------------------------------------------------------------------------------------------------ what is done

    def _step(self, step: str) -> None:
        self.timeline.left(self.phase, self._desk.now)
        self.phase = CUT.after(self.phase, step)

    def _begin(self) -> None:
        self._step("numbered")
        self._desk.answer(self.requests, CutOpened(cut=self.number))
        self._say_begin(self._desk.admitted(self.members))
        self._desk.do(SetDeadline(cut=self.number, seconds=self._deadline_seconds))
        self._desk.notice("cut opened", f"cut {self.number} was begun", cut=self.number, members=len(self.members))

    def _say_begin(self, agents: Iterable[Agent]) -> None:
        """Whoever knows the same members already is told the very same, so that it is put into bytes once."""
        messages: dict[tuple[ProcessName, ...] | None, Begin] = {}
        known, message = None, self._begin_message(None)
        for agent in agents:
            if agent.briefed is not known:
                known = agent.briefed
                message = messages.get(known) or messages.setdefault(known, self._begin_message(known))
            agent.briefed = self.members
            self._desk.say(agent, message)

    def _begin_message(self, known: tuple[ProcessName, ...] | None) -> Begin:
        """Begin for a process that was told of the members ``known`` on its connection; None: of none yet."""
        before = frozenset(known or ())
        same = known is None or known is self.members
        return Begin(
            incarnation=self.incarnation,
            cut=self.number,
            base=self._desk.ledger.computation.base,
            members=self.members if known is None else None,
            released=self.released,
            deadline_seconds=self._deadline_seconds,
            joined=() if same else tuple(name for name in self.members if name not in before),
            gone=() if same else tuple(sorted(before - self._inside)),
        )

    def _prove(self) -> None:
        self._step("all stored")
        parts = {name: self.parts[name] for name in self.members}
        proof = self._safeguards.prove(self._desk.ledger, self.number, self.members, self.released, parts)
        if isinstance(proof, tuple):
            complaints = first_few([violation.complaint for violation in proof])
            self.abandon(f"it is not consistent: {complaints}", "inconsistent")
            return
        self._certificate = proof
        self._read_back()

    def _read_back(self) -> None:
        """Every part is read back once; of many, the first while the last are still being written."""
        unread, self._unread = self._unread, {}
        self._reading += 1
        self._desk.do(CheckParts(cut=self.number, parts=tuple(self.parts[name] for name in sorted(unread))))

    def _write_manifest(self) -> None:
        assert self._certificate is not None, "a manifest without a proof"
        self._step("sound")
        parts = tuple(self.parts[name] for name in self.members)
        self.point = draft(
            self._certificate,
            parent=self._desk.ledger.computation.base,
            parts=parts,
            left=tuple(sorted((*self.released, *self.leaving))),
            duration_seconds=self._desk.now - self.timeline.opened_at,
        )
        self._desk.do(WriteManifest(point=self.point, certificate=self._certificate, parts=parts))

    def _call_off(self, reason: str, cause: Cause) -> None:
        self._culprits = self.held_by()
        self._step("abandon")
        self.reason, self.cause = reason, cause

    def _abandoned(self) -> AbandonedCut:
        return AbandonedCut(cut=self.number, incarnation=self.incarnation, reason=self.reason)

    def _tell_of_end(self) -> None:
        if not self._told:
            self._told = True
            message = Abandon(incarnation=self.incarnation, cut=self.number, reason=self.reason)
            self._desk.say_to_admitted(self.members, message)

    def _publish_if_due(self) -> None:
        if not self._told and self._safeguards.may_publish(self._desk.ledger, self.number):
            self._told = True
            self._desk.say_to_admitted(self.members, Published(incarnation=self.incarnation, cut=self.number))

    def _record_end(self, *records: LedgerRecord) -> None:
        """Write how the cut ended, once; go on when the registry has it."""
        if not self._ending:
            if not self._desk.busy:
                self._ending = self._desk.write(*records, story=self._story())
        elif not self._desk.is_under_way(self._ending):
            self._step("recorded")

    def _story(self) -> CutStory:
        """All that is known of the cut, now that its end is decided."""
        point, now, timeline = self.point, self._desk.now, self.timeline
        published = self.phase == "recording"
        return CutStory(
            cut=self.number,
            incarnation=self.incarnation,
            published=published,
            cause=self.cause,
            reason=self.reason[:REASON_CHARACTERS_MAX],
            found=self.found,
            seconds=now - timeline.opened_at,
            phases=timeline.phases("", now),
            members=len(self.members),
            in_flight=point.in_flight if published and point is not None else 0,
            in_flight_bytes=self._in_flight_bytes if published else 0,
            bytes=point.bytes if published and point is not None else 0,
            fresh_bytes=point.fresh_bytes if published and point is not None else 0,
            stall_seconds=max((part.stall_seconds for part in self.parts.values()), default=0.0),
            processes=() if self.found else tuple(timeline.processes(self.members, self.parts)),
            held_by=self._culprits or timeline.held_so_far(),
        )

    def _report_end(self) -> None:
        desk = self._desk
        if self.phase == "abandoned":
            self._tell_of_end()
            desk.answer(self.requests, CutAbandoned(cut=self.number, reason=self.reason))
            desk.notice("cut abandoned", f"cut {self.number} was abandoned: {self.reason}", cut=self.number)
            return
        point = desk.ledger.points[self.number]
        desk.answer(self.requests, CutPublished(point=point))
        text = f"cut {point.cut} is a recovery point: {point.in_flight} messages in flight, {point.bytes} bytes"
        seconds = point.duration_seconds
        desk.notice("cut published", text, cut=point.cut, in_flight=point.in_flight, duration_seconds=seconds)
        for name in self.leaving:
            desk.notice("process released", f"{name} has left the computation with cut {point.cut}", process=name)
