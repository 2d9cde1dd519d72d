"""What really happened, and which of it still counts: one timeline a process, cut back by every restore.

The chronicle is made of observations alone. It does not look at parts, counters, markers or certificates, so that it
can be set against them. A pure value machine: the same observations give the same chronicle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from cutpoint_simulations.chronicle.observations import (
    Admitted,
    Adopted,
    Began,
    Named,
    Observation,
    Over,
    Recorded,
    Refilled,
    Restored,
    RestoredSession,
    Sent,
    Taken,
)
from cutpoint_simulations.chronicle.timeline import Line, Record, Timeline, line_of


class Chronicle:
    """``timelines``: the one that stands, by process. ``records``: by process and cut. ``restores``: all, in order.

    ``given``: cuts that were recorded before anybody watched and may be restored nevertheless. ``strays`` are restores
    of a cut that the process never recorded. ``refilled``: what processes held once they were restored, in order.
    """

    def __init__(self, observations: Iterable[Observation] = (), *, given: Iterable[int] = ()) -> None:
        self.timelines: dict[str, Timeline] = {}
        self.records: dict[tuple[str, int], Record] = {}
        self.restores: list[Restored] = []
        self.strays: list[Restored] = []
        self.refilled: list[Refilled] = []
        self.given = frozenset(given)
        self._left_behind: dict[str, list[Timeline]] = {}
        self._same: dict[str, str] = {}
        self._handlers: dict[type[Any], Callable[[Any], None]] = {
            Began: self._began,
            Admitted: self._admitted,
            Sent: self._sent,
            Taken: self._taken,
            Named: self._named,
            Adopted: self._adopted,
            Over: self._over,
            Recorded: self._recorded,
            Restored: self._restored,
            Refilled: self.refilled.append,
        }
        for observation in observations:
            self.hear(observation)

    def hear(self, observation: Observation) -> None:
        """Take the next observation."""
        self._handlers[type(observation)](observation)

    # ------------------------------------------------------------------------------------------------- what it tells

    @property
    def processes(self) -> tuple[str, ...]:
        """Everybody who ever lived, ascending."""
        return tuple(sorted(self.timelines))

    def same(self, instance: str) -> str:
        """One word for all instances that turned out to be the same session."""
        while instance in self._same:
            instance = self._same[instance]
        return instance

    def by_session(self, lines: Iterable[Line]) -> dict[str, Line]:
        """Lines by what `same` makes of their instances; those that nobody ever named are left out."""
        return {self.same(line.instance): line for line in lines if line.session and not line.absorbed}

    def at_record(self, process: str, cut: int) -> dict[str, Line] | None:
        """The lines of ``process`` as they were when it recorded ``cut``, by session; None if it did not."""
        record = self.records.get((process, cut))
        return None if record is None else self.by_session(record.lines().values())

    def standing(self, process: str) -> dict[str, Line]:
        """The lines of ``process`` as they are now, by session."""
        timeline = self.timelines.get(process)
        return {} if timeline is None else self.by_session(timeline.lines.values())

    def ever(self, process: str, session: str) -> Line | None:
        """The line of a session (see `same`) on the latest timeline of ``process`` that has one."""
        timelines = [*self._left_behind.get(process, ()), *filter(None, [self.timelines.get(process)])]
        for timeline in reversed(timelines):
            if (line := self.by_session(timeline.lines.values()).get(session)) is not None:
                return line
        return None

    def other_end(self, process: str, key: str) -> Line | None:
        """The other end of the session that ``process`` calls ``key``, as far as it has been seen."""
        timeline = self.timelines.get(process)
        if timeline is None or key not in timeline.keys:
            return None
        line = timeline.line(key)
        peer = self.timelines.get(line.peer)
        twin = None if peer is None else peer.lines.get(line.instance)
        if twin is not None and not twin.absorbed:
            return twin
        return self.ever(line.peer, self.same(line.instance))

    # --------------------------------------------------------------------------------------------------- what it hears

    def _timeline(self, process: str) -> Timeline:
        if process not in self.timelines:
            self.timelines[process] = Timeline(process=process)
        return self.timelines[process]

    def _replace(self, timeline: Timeline) -> None:
        former = self.timelines.get(timeline.process)
        if former is not None:
            self._left_behind.setdefault(timeline.process, []).append(former)
        self.timelines[timeline.process] = timeline

    def _began(self, began: Began) -> None:
        self._replace(Timeline(process=began.process, life=began.life))

    def _admitted(self, admitted: Admitted) -> None:
        self._timeline(admitted.process).incarnation = admitted.incarnation

    def _sent(self, sent: Sent) -> None:
        self._timeline(sent.process).line(sent.key).sent.append(sent.payload)

    def _taken(self, taken: Taken) -> None:
        self._timeline(taken.process).line(taken.key).taken.append((taken.number, taken.payload))

    def _named(self, named: Named) -> None:
        timeline, other = self._timeline(named.process), self.timelines.get(named.peer)
        instance = None if other is None else other.keys.get(named.key)
        line = timeline.line(named.key, instance=instance)
        line.dormant = False
        timeline.named(line, named.session, named.peer, fifo=named.fifo)

    def _adopted(self, adopted: Adopted) -> None:
        timeline = self._timeline(adopted.process)
        past = timeline.line(adopted.dormant)
        fresh = timeline.keys.get(adopted.key, adopted.key)
        if (line := timeline.lines.get(fresh)) is not None and line is not past:
            past.sent += line.sent
            line.absorbed = True
        past.dormant = False
        timeline.keys[adopted.key] = past.instance
        if self.same(past.instance) != self.same(fresh):
            self._same[self.same(fresh)] = past.instance

    def _over(self, over: Over) -> None:
        self._timeline(over.process).line(over.key).over = over.reason

    def _recorded(self, recorded: Recorded) -> None:
        timeline = self._timeline(recorded.process)
        self.records[recorded.process, recorded.cut] = Record.of(
            timeline,
            cut=recorded.cut,
            base=recorded.base,
            incarnation=recorded.incarnation,
            at=recorded.at,
            held=recorded.held,
        )

    def _restored(self, restored: Restored) -> None:
        self.restores.append(restored)
        life = self._timeline(restored.process).life
        record = self.records.get((restored.process, restored.cut)) if restored.cut else None
        if record is not None:
            timeline = record.again(life=life, incarnation=restored.incarnation)
        else:
            timeline = Timeline(
                process=restored.process,
                life=life,
                incarnation=restored.incarnation,
                descends_from=restored.cut,
            )
            if restored.cut and restored.cut not in self.given:
                self.strays.append(restored)
        for session in restored.sessions:
            _bring_back(timeline, session, restored.cut)
        self._replace(timeline)


def _bring_back(timeline: Timeline, session: RestoredSession, cut: int) -> None:
    """The process calls a session of its part by a key of its own from now on."""
    name = session.record.evidence.session
    instance = timeline.names.get(name)
    if instance is None:
        instance = f"{name} of cut {cut}"
        timeline.lines[instance] = line_of(session.record, instance)
        timeline.names[name] = instance
    timeline.keys[session.key] = instance
    line = timeline.lines[instance]
    line.dormant, line.over = True, None
