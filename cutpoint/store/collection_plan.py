"""What a collection would do, object by object, before it does anything.

Every object of the store gets a fate. A manifest stays or goes as retention says. A pack is needed if a manifest that
stays names it, and so if one names it that is being copied; else it is garbage as soon as no cut can name it any more
(decision 0012), and young until then. Where a manifest cannot be read, every pack that it may name is withheld. What
nobody knows is named and left alone. Pure: it looks at a survey and touches nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cutpoint.names import CutNumber
from cutpoint.store.marks import mark_of
from cutpoint.store.retention import Plan, Policy, plan_retention
from cutpoint.store.survey import Need, Survey, era_of, kind_of, needed_by, number_of, packs_of

ERA_SPAN = 8
"""How many cuts long a pack may be named that no recovery point names yet."""

Fate = Literal["kept", "needed", "young", "withheld", "dropped", "garbage", "unknown"]

GOING: frozenset[Fate] = frozenset(("dropped", "garbage"))
"""The fates of what is deleted."""


@dataclass(frozen=True, kw_only=True)
class Other:
    """The store that this one is a replica of, listed before it: its cuts and the names of its packs."""

    cuts: frozenset[CutNumber]
    packs: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class ObjectFate:
    """What becomes of one object of ``bytes`` bytes, and why."""

    name: str
    bytes: int
    fate: Fate
    why: str


@dataclass(frozen=True, kw_only=True)
class CollectionPlan:
    """Retention's verdicts, and the fate of every object, ascending by name."""

    url: str
    retention: Plan
    objects: tuple[ObjectFate, ...]
    survey: Survey

    @property
    def complaints(self) -> tuple[str, ...]:
        """What could not be read, and what nobody knows."""
        unreadable = (*self.survey.unreadable.values(), *self.survey.unreadable_copies.values())
        marks = (complaint for marks in self.survey.marks.values() for complaint in marks.complaints)
        unknown = (f"object {each.name} in {self.url} is not Cutpoint's" for each in self.of("unknown"))
        return (*unreadable, *marks, *unknown)

    @property
    def bytes_freed(self) -> int:
        """How many bytes would be deleted."""
        return sum(each.bytes for each in self.of(*GOING))

    def of(self, *fates: Fate) -> tuple[ObjectFate, ...]:
        """The objects with one of these fates."""
        return tuple(each for each in self.objects if each.fate in fates)

    def totals(self) -> Mapping[Fate, tuple[int, int]]:
        """For each fate that occurs: how many objects, how many bytes."""
        objects: Counter[Fate] = Counter(each.fate for each in self.objects)
        lengths: Counter[Fate] = Counter()
        for each in self.objects:
            lengths[each.fate] += each.bytes
        return {fate: (count, lengths[fate]) for fate, count in sorted(objects.items())}


def plan_collection(
    found: Survey,
    policy: Policy,
    protected: Mapping[CutNumber, str] | None = None,
    other: Other | None = None,
    void: Mapping[CutNumber, str] | None = None,
) -> CollectionPlan:
    """Judge every point by ``policy``, and every object by what the points that stay need.

    ``protected`` says of cuts that must stay why, ``void`` of others why they are no recovery points although they
    have manifests. In a replica, ``other`` protects what its source has.
    """
    protected = dict(protected or {})
    for cut in sorted(other.cuts) if other else ():
        protected.setdefault(cut, "the source has it")
    if whole := _last_whole(found, void or {}):
        protected.setdefault(whole, "of later ones packs are missing or cut short")
    points = (replace(point, void=(void or {}).get(point.cut, "")) for point in found.points())
    retention = plan_retention(points, policy, protected)
    fates = judge(found, frozenset(retention.dropped), other)
    verdicts = {verdict.cut: verdict for verdict in retention.verdicts}
    objects: list[ObjectFate] = []
    for each in fates:
        verdict = verdicts.get(CutNumber(number_of(each.name))) if kind_of(each.name) == "manifest" else None
        why = "; ".join(verdict.reasons) if verdict and verdict.reasons else each.why
        objects.append(ObjectFate(name=each.name, bytes=each.bytes, fate=each.fate, why=why))
    return CollectionPlan(url=found.url, retention=retention, objects=tuple(objects), survey=found)


def _last_whole(found: Survey, void: Mapping[CutNumber, str]) -> CutNumber | None:
    """The last point whose packs are all there, each as long as it was written; None if that is the last of all.

    One that was published while the store was listed is left out: its packs may be younger than the list of them.
    """
    cuts = [cut for cut in sorted(found.manifests, reverse=True) if cut <= found.published and cut not in void]
    for cut in cuts:
        packs = packs_of(found.manifests[cut])
        if all(found.sizes.get(name) == length for name, length in packs.items()):
            return cut if cut != cuts[0] else None
    return None


def judge(found: Survey, dropped: frozenset[CutNumber], other: Other | None = None) -> tuple[ObjectFate, ...]:
    """The fate of every object when the points in ``dropped`` go, ascending by name."""
    staying = [manifest for cut, manifest in found.manifests.items() if cut not in dropped]
    going = [manifest for cut, manifest in found.manifests.items() if cut in dropped]
    judged = _Judge(
        found=found,
        dropped=dropped,
        needed=needed_by((*staying, *found.copying.values())),
        formerly=needed_by(going),
        other=other,
    )
    fates = ((name, length, judged.of(name)) for name, length in sorted(found.sizes.items()))
    return tuple(ObjectFate(name=name, bytes=length, fate=fate, why=why) for name, length, (fate, why) in fates)


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """All that a fate depends on."""

    found: Survey
    dropped: frozenset[CutNumber]
    needed: Mapping[str, Need]
    formerly: Mapping[str, Need]
    other: Other | None

    def of(self, name: str) -> tuple[Fate, str]:
        """The fate of the object ``name``, and why."""
        match kind_of(name):
            case "store":
                return "kept", "it says what this store is"
            case "manifest":
                return ("dropped", "no rule keeps it") if number_of(name) in self.dropped else ("kept", "")
            case "copying":
                return "kept", "it is being copied"
            case "mark":
                return self._of_mark(name)
            case "pack":
                return ("needed", _told(self.needed[name])) if name in self.needed else self._of_pack(name)
            case "unknown":
                return "unknown", "no object of Cutpoint's has such a name"

    def _of_mark(self, name: str) -> tuple[Fate, str]:
        known = mark_of(name)
        assert known, f"{name} names no mark"
        cut, found = known[0], self.found
        if cut in self.dropped:
            return "dropped", f"recovery point {cut} goes"
        if cut in found.manifests or cut in found.unreadable or cut in found.copying:
            return "kept", f"recovery point {cut} stays"
        if cut > found.published or cut in found.unreadable_copies or cut in found.vanished:
            return "young", f"recovery point {cut} may be there soon"
        return "garbage", f"there is no recovery point {cut}"

    def _of_pack(self, name: str) -> tuple[Fate, str]:
        """The fate of a pack that nothing names which stays."""
        era, found = era_of(name), self.found
        named = f"only {_told(self.formerly[name])}" if name in self.formerly else "nothing names it"
        if era < found.withheld_up_to:
            return "withheld", f"{named}, and what cut {found.withheld_up_to} names cannot be read"
        if self.other is not None:
            return ("withheld", f"{named}, and the source has it") if name in self.other.packs else ("garbage", named)
        if era + ERA_SPAN >= found.horizon:
            return "young", f"{named}, and cuts up to {era + ERA_SPAN} may name it"
        return "garbage", named


def _told(need: Need) -> str:
    """``cut 7 needs it``: which cuts need something."""
    cuts = need.cuts
    if len(cuts) == 1:
        return f"cut {cuts[0]} needs it"
    if len(cuts) == 2:
        return f"cuts {cuts[0]} and {cuts[1]} need it"
    return f"{len(cuts)} cuts from {min(cuts)} to {max(cuts)} need it"
