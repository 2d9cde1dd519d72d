"""Deleting what nobody needs any more, in an order in which stopping anywhere loses nothing.

A recovery point goes in five steps: the mark ``drop`` (from then on nobody can pin it), the registry forgets it, its
manifest is deleted, then its marks. Packs go last, and only those that no manifest names which is in the store *then*,
found by a second survey: nothing that the plan believed is believed any more. Once a pack is garbage it is garbage for
ever (decision 0012), so a collection that was paused for years, or runs twice, or beside cuts, harms nothing. Stopped
anywhere, the next one goes on.

What a collection wrote before it was stopped is read as such: a point with a ``drop`` is dropped by the next one,
unless it must stay by now; then it is spared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cutpoint.errors import ConfigurationError, StoreError, StoreUnavailable, UsageError
from cutpoint.names import BEGINNING, CutNumber
from cutpoint.store.backend import Backend
from cutpoint.store.collection_plan import GOING, CollectionPlan, ObjectFate, Other, judge, plan_collection
from cutpoint.store.identity import STORE_NAME
from cutpoint.store.manifests import list_manifests, manifest_name, read_manifest
from cutpoint.store.marks import PREFIX as MARKS
from cutpoint.store.marks import PointMarks, add_mark, condemn, mark_of, read_marks
from cutpoint.store.pacing import Pace
from cutpoint.store.replica import REPLICA_NAME, stored_identity
from cutpoint.store.retention import Policy
from cutpoint.store.survey import Survey, kind_of, survey

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

Forget = Callable[[CutNumber], bool]
"""Makes the registry forget a recovery point for good, before its manifest goes; false if it must stay after all."""


def without_registry(backend: Backend, keys: KeyRing | None = None) -> dict[CutNumber, str]:
    """What must stay where nobody asks a registry, and why: for `Collector.protected`.

    A coordinator that vanished while it published may have left a manifest that its registry does not know. What that
    was built on counts for certain; where it cannot be read, so do the next ones before it, down to one that can be.
    Raises `StoreUnavailable` if the store does not answer: nothing may be believed of it then.
    """
    protected: dict[CutNumber, str] = {}
    certain: CutNumber | None = None
    for cut in reversed(list_manifests(backend)):
        if certain is not None and cut > certain:
            continue
        try:
            manifest = read_manifest(backend, cut, keys)
        except StoreUnavailable:
            raise
        except StoreError:
            continue  # it is kept, and does not say what it was built on
        if certain is not None:
            protected[cut] = "without its registry nobody knows whether the last one counts"
        if cut == certain or manifest.parent == BEGINNING:
            break
        certain = manifest.parent
    return protected


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """One object that is gone: what progress is told of."""

    name: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What a collection did. ``spared``: points that were to go and stay, and why; ``stopped``: it was not finished."""

    plan: CollectionPlan
    dropped: tuple[CutNumber, ...]
    spared: Mapping[CutNumber, str]
    packs: int
    bytes_freed: int
    stopped: bool


@dataclass(kw_only=True)
class Collector:
    """One collection of one store. ``by`` and ``at``: who does it and when, for the marks.

    ``protected`` says of cuts that must stay why, when the plan is made; ``forget`` is asked again when a point goes.
    ``void`` says of cuts why they are no recovery points although they may have manifests, which go.
    ``begun``: the last cut known to have begun. ``source``: for a replica, the store that it is kept in step with.
    """

    backend: Backend
    policy: Policy
    by: str
    at: datetime
    keys: KeyRing | None = None
    protected: Mapping[CutNumber, str] = field(default_factory=dict)
    void: Mapping[CutNumber, str] = field(default_factory=dict)
    begun: CutNumber = BEGINNING
    source: Backend | None = None
    forget: Forget = lambda cut: True
    pace: Pace = field(default_factory=Pace)
    progress: Callable[[Deleted], None] = lambda deleted: None

    def plan(self) -> CollectionPlan:
        """Look at the whole store and decide; nothing is changed.

        Raises `StoreError` if the store cannot be listed, `UsageError` for a replica without its source.
        """
        other = self._other()
        found = survey(self.backend, self.keys, begun=self.begun)
        return plan_collection(found, self.policy, self.protected, other, self.void)

    def run(self, plan: CollectionPlan | None = None) -> Collected:
        """Do what ``plan`` says, a new one if there is none. Raises `StoreError`; what was done then is done."""
        plan = plan or self.plan()
        for cut in plan.retention.kept:
            if (marks := plan.survey.marks.get(cut)) and marks.condemned:
                self._spare(cut)
        dropped: list[CutNumber] = []
        spared: dict[CutNumber, str] = {}
        freed = packs = 0
        lengths = plan.survey.sizes
        for cut in plan.retention.dropped:
            if not self.pace.go_on():
                return self._ended(plan, dropped, spared, packs, freed, stopped=True)
            if why := self._drop(plan.survey, cut):
                spared[cut] = why
            else:
                dropped.append(cut)
                freed += lengths.get(manifest_name(cut), 0)
        for each in self._garbage(plan.survey):
            if not self.pace.go_on():
                return self._ended(plan, dropped, spared, packs, freed, stopped=True)
            self._delete(each.name, each.bytes)
            freed += each.bytes
            packs += kind_of(each.name) == "pack"
        return self._ended(plan, dropped, spared, packs, freed, stopped=False)

    def _ended(
        self,
        plan: CollectionPlan,
        dropped: list[CutNumber],
        spared: dict[CutNumber, str],
        packs: int,
        freed: int,
        *,
        stopped: bool,
    ) -> Collected:
        return Collected(
            plan=plan, dropped=tuple(dropped), spared=spared, packs=packs, bytes_freed=freed, stopped=stopped
        )

    def _drop(self, found: Survey, cut: CutNumber) -> str:
        """Drop one point; why it stays, if it does."""
        seen = found.marks.get(cut, PointMarks(cut=cut))
        if not condemn(self.backend, seen, by=self.by, at=self.at, keys=self.keys):
            return "it was marked after the plan was made"
        if not self.forget(cut):
            self._spare(cut)
            return "it is needed by now"
        self._delete(manifest_name(cut), found.sizes.get(manifest_name(cut), 0))
        for name in self.backend.list(f"{MARKS}{cut:012}/"):
            if mark_of(name):
                self.backend.delete(name)
        return ""

    def _spare(self, cut: CutNumber) -> None:
        if read_marks(self.backend, cut, self.keys).condemned:
            add_mark(self.backend, cut, "spare", by=self.by, at=self.at, keys=self.keys)

    def _garbage(self, before: Survey) -> tuple[ObjectFate, ...]:
        """What is garbage now, whatever the plan said."""
        other = self._other()
        found = survey(self.backend, self.keys, begun=self.begun, known=before.manifests)
        going = (each for each in judge(found, frozenset(), other) if each.fate in GOING)
        return tuple(each for each in going if kind_of(each.name) in ("pack", "mark"))

    def _delete(self, name: str, length: int) -> None:
        self.backend.delete(name)
        self.progress(Deleted(name=name, bytes=length))

    def _other(self) -> Other | None:
        """List the source, before the replica is listed."""
        replica = self.backend.size(REPLICA_NAME) is not None
        if self.source is None:
            if replica:
                raise UsageError(
                    f"{self.backend.url} is a replica: what it may delete depends on its source; nothing was deleted; "
                    "name the source too, or, if that is gone for good, make the replica a store of its own"
                )
            return None
        if not replica:
            raise UsageError(f"{self.backend.url} is no replica and has no source; nothing was deleted; leave it out")
        if stored_identity(self.source) != stored_identity(self.backend):
            raise ConfigurationError(
                f"{self.backend.url} is a replica, but not of {self.source.url}: their {STORE_NAME} differ; "
                "nothing was deleted; name its own source"
            )
        packs = frozenset(self.source.list("packs/"))
        return Other(cuts=frozenset(list_manifests(self.source)), packs=packs)
