"""What must be true of everything that a coordinator says and writes, whoever leads. One method each."""

from __future__ import annotations

from cutpoint.names import CutNumber
from cutpoint.protocol import coordinator_effects as ask
from cutpoint.protocol import coordinator_events as was
from cutpoint.protocol.coordinator_effects import Effect
from cutpoint.protocol.coordinator_events import Event
from cutpoint.protocol.ledger import Computation, Ledger, from_records
from cutpoint.protocol.messages import Abandon, Begin, Prepare, Published, Start, ToAgent


class Oracles:
    """Watches events and effects beside the registry; an AssertionError says what was violated."""

    def __init__(self, registry: dict[str, bytes]) -> None:
        self._registry = registry
        self._checked: dict[int, None] = {}
        self._proved: dict[int, None] = {}
        self._ends: dict[int, str] = {}
        self._asked: dict[str, int] = {}
        self._pending = ""
        self._targets: dict[int, int] = {}
        self.believed: dict[int, frozenset[str]] = {}
        """The members of the last cut, by connection, as whoever is at its other end must take them to be."""

    def new_leader(self) -> None:
        """Transactions under way die with their leader, or were applied."""
        self._pending = ""
        self._asked.clear()
        self.believed.clear()

    def before(self, event: Event) -> None:
        match event:
            case was.PartsChecked() if not event.complaints:
                self._checked[event.cut] = None
            case was.CutRequested() | was.RecoveryRequested() | was.ReleaseRequested() | was.ForgetRequested():
                self._asked[event.request] = self._asked.get(event.request, 0) + 1
            case was.ManifestWritten():
                self._proved[event.cut] = None
            case was.LedgerLoaded():
                self._proved |= dict.fromkeys(point.cut for point in event.stored)
            case was.ManifestFound() if event.point is not None:
                self._proved[event.point.cut] = None
            case was.LedgerWritten() if event.request == self._pending:
                self._pending = ""

    def after(self, effects: tuple[Effect, ...]) -> None:
        if not any(isinstance(effect, ask.WriteLedger | ask.Say) for effect in effects):
            ledger = Ledger(computation=Computation(name="test"))
        else:
            ledger = from_records(self._registry, computation="test")
        for effect in effects:
            match effect:
                case ask.WriteLedger():
                    self._transaction(effect, ledger)
                case ask.Say():
                    self._said(effect.message, ledger)
                    if isinstance(effect.message, Begin):
                        self._briefed(effect.connection, effect.message, ledger)
                case ask.WriteManifest():
                    cut = effect.point.cut
                    assert cut in self._checked, f"the manifest of cut {cut} was written without a check"
                case ask.Answer() if not isinstance(effect.outcome, ask.CutOpened):
                    if isinstance(effect.outcome, ask.Released):
                        known = from_records(self._registry, computation="test")
                        assert known.dismissed(effect.outcome.process), "a release was answered before it was durable"
                    if isinstance(effect.outcome, ask.Forgotten):
                        self._forgotten(effect.outcome)
                    self._asked[effect.request] -= 1
                    assert self._asked[effect.request] >= 0, f"{effect.request} was answered twice"
                case _:
                    pass

    def _transaction(self, write: ask.WriteLedger, before: Ledger) -> None:
        assert not self._pending, "two transactions at once"
        self._pending = write.request
        records = {**self._registry, **dict(write.puts)}
        after = from_records({k: v for k, v in records.items() if k not in write.deletes}, computation="test")
        self._nothing_needed_goes(before, after)
        for cut in after.points:
            if cut not in before.points:
                assert cut in self._proved, f"cut {cut} was published without a manifest"
        assert not any(cut in after.abandoned for cut in after.points), "published and abandoned"
        self._number_is_new(before.computation, after.computation)
        assert after.computation.incarnation >= before.computation.incarnation, "an incarnation was taken back"
        assert after.computation.last_cut >= before.computation.last_cut, "a number was taken back"

    def _nothing_needed_goes(self, before: Ledger, after: Ledger) -> None:
        gone = [cut for cut in before.points if cut not in after.points]
        recovering = before.computation.recovering
        if gone:
            assert max(before.points) not in gone, "the last published recovery point was forgotten"
            assert before.computation.base not in gone, "what runs now descends from a point that was forgotten"
            assert recovering is None, "a recovery point was forgotten while a recovery was under way"
            assert before.restorable(before.computation.base) == after.restorable(after.computation.base)
        for cut in (cut for cut in after.points if cut in before.points):
            assert _lineage(after, cut) == [each for each in _lineage(before, cut) if each in after.points], (
                f"{cut} lost what it descends from"
            )

    def _forgotten(self, answer: ask.Forgotten) -> None:
        known = from_records(self._registry, computation="test")
        for cut in answer.cuts:
            assert cut not in known.points, f"{cut} was told to be forgotten before that was durable"

    def _number_is_new(self, before: Computation, after: Computation) -> None:
        opened = after.open_cut if after.open_cut != before.open_cut else 0
        assert not opened or opened > before.last_cut, f"the number {opened} was used twice"

    def _said(self, message: ToAgent, ledger: Ledger) -> None:
        computation = ledger.computation
        match message:
            case Begin():
                assert computation.open_cut == message.cut, f"cut {message.cut} was begun before its number was durable"
            case Published():
                assert message.cut in ledger.points, f"cut {message.cut} was announced before it was published"
                self._ended(message.cut, "published")
            case Abandon():
                assert message.cut not in ledger.points, f"the published cut {message.cut} was called off"
                self._ended(message.cut, "abandoned")
            case Prepare():
                assert message.incarnation == computation.incarnation, (
                    "somebody was stopped before the fence was durable"
                )
                assert computation.recovering is not None, "somebody was stopped for no recovery"
                assert message.last_cut == computation.last_cut, "a process would count on from a used number"
                self._incarnation_is_new(message.incarnation, message.cut)
            case Start():
                assert message.incarnation in ledger.recoveries, "somebody was started before the end was durable"
            case _:
                pass

    def _briefed(self, connection: int, begin: Begin, ledger: Ledger) -> None:
        known = begin.members if begin.members is not None else self.believed[connection]
        self.believed[connection] = frozenset(known).difference(begin.gone).union(begin.joined)
        assert self.believed[connection] == frozenset(ledger.belonging()), (
            f"connection {connection} was begun cut {begin.cut} with other members than it has"
        )

    def _ended(self, cut: int, end: str) -> None:
        assert self._ends.setdefault(cut, end) == end, f"cut {cut} was told to be published and to be abandoned"

    def _incarnation_is_new(self, incarnation: int, cut: int) -> None:
        """One incarnation prepares one recovery point."""
        assert self._targets.setdefault(incarnation, cut) == cut, f"incarnation {incarnation} prepares two cuts"

    def unanswered(self) -> tuple[str, ...]:
        """Requests without a last answer."""
        return tuple(request for request, count in self._asked.items() if count)


def _lineage(ledger: Ledger, cut: int) -> list[int]:
    """The recovery points that one descends from and that are left, the nearest first."""
    found: list[int] = []
    point = ledger.points.get(CutNumber(cut))
    while point is not None:
        point = ledger.points.get(point.older)
        found += [] if point is None else [point.cut]
    return found
