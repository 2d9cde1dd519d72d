"""Which recovery points to keep: a policy, the points that there are, and for each the reasons why it stays.

The rules are those that operators know from backups: the last so many, the newest of each of the last so many hours,
days, weeks, months or years that have any, and whatever has a label of a kind. A point is kept if any rule keeps it.
Beyond every policy stay: the last published point and the last one that can be read, pinned points, those that the
caller protects (what the running computation descends from, the target of a recovery), and whatever cannot be read:
nothing is known of it, so nothing is done to it. Pure: no clock, no store. Times are UTC, weeks begin on Monday.

The laws that follow, and that the tests hold it to: planning again over what was kept drops nothing; a policy that
asks for more keeps at least as much; a point that was dropped stays dropped when newer ones come.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

from cutpoint.errors import ConfigurationError
from cutpoint.names import CutNumber
from cutpoint.wire.checks import one_line

COUNT_MAX = 1_000_000
"""The highest number that a rule may have."""

LABELS: Final = re.compile(r"[A-Za-z0-9._+@*?\[\]!-]{1,100}")
"""What a pattern of labels is made of: a label's own signs, and those of a shell pattern."""

Bucket = tuple[int, ...]

_BUCKETS: Final[dict[str, Callable[[datetime], Bucket]]] = {
    "hourly": lambda at: (at.year, at.month, at.day, at.hour),
    "daily": lambda at: (at.year, at.month, at.day),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
    "yearly": lambda at: (at.year,),
}
_COUNTED: Final = ("last", *_BUCKETS)
_EXAMPLE = "write something like 'last 10, hourly 24, daily 7, weekly 4, label release*'"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How many to keep by each rule (0: none by this one), and patterns of labels whose points are kept."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `ConfigurationError` for a count or a pattern that makes no sense."""
        for rule in _COUNTED:
            if not 0 <= getattr(self, rule) <= COUNT_MAX:
                raise _wrong(f"{rule} {getattr(self, rule)} is not between 0 and {COUNT_MAX}")
        for pattern in self.labels:
            if not LABELS.fullmatch(pattern):
                raise _wrong(f"no label is like {one_line(repr(pattern))}")

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Read what an operator writes: rules between commas, each a word and what it asks for.

        ``last 10, hourly 24, daily 7, weekly 4, monthly 12, yearly 5, label release*``; ``label`` may be repeated.
        Raises `ConfigurationError`, also for a policy that asks for nothing.
        """
        counts: dict[str, int] = {}
        labels: list[str] = []
        for rule in text.split(","):
            word, _, value = rule.strip().partition(" ")
            word, value = word.lower(), value.strip()
            if word == "label":
                labels.append(_label(value))
            elif word not in _COUNTED:
                raise _wrong(_unknown(word))
            elif word in counts:
                raise _wrong(f"{word!r} is in it twice")
            else:
                counts[word] = _count(word, value)
        return cls(**counts, labels=tuple(dict.fromkeys(labels)))

    def __str__(self) -> str:
        """The text that `parse` reads back; empty for a policy that asks for nothing."""
        rules = [f"{rule} {getattr(self, rule)}" for rule in _COUNTED if getattr(self, rule)]
        return ", ".join([*rules, *(f"label {pattern}" for pattern in self.labels)])

    def includes(self, other: Policy) -> bool:
        """Whether this policy asks for at least as much as ``other``, rule by rule."""
        counts = all(getattr(self, rule) >= getattr(other, rule) for rule in _COUNTED)
        return counts and set(self.labels) >= set(other.labels)


@dataclass(frozen=True, kw_only=True)
class Point:
    """What the rules look at. ``created`` is ``None`` if the point cannot be read: ``complaint`` says why.

    ``condemned``: a collection had begun to drop it, and nobody has taken that back. ``void``: why it is no recovery
    point, although it has a manifest; then no rule counts it.
    """

    cut: CutNumber
    created: datetime | None
    labels: tuple[str, ...] = ()
    pinned: bool = False
    condemned: bool = False
    complaint: str = ""
    void: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether one point stays, and every reason; a point that goes has the reasons for that, if there are any."""

    cut: CutNumber
    keep: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A verdict on each point, oldest first."""

    policy: Policy
    verdicts: tuple[Verdict, ...]
    kept: tuple[CutNumber, ...] = field(init=False)
    dropped: tuple[CutNumber, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Sort the cuts by their verdicts."""
        object.__setattr__(self, "kept", tuple(v.cut for v in self.verdicts if v.keep))
        object.__setattr__(self, "dropped", tuple(v.cut for v in self.verdicts if not v.keep))


def plan_retention(points: Iterable[Point], policy: Policy, protected: Mapping[CutNumber, str] | None = None) -> Plan:
    """Judge every point. ``protected`` says of cuts that must stay why; they need not be among ``points``."""
    ordered = sorted(points, key=lambda point: point.cut)
    always: dict[CutNumber, list[str]] = {point.cut: [] for point in ordered}
    asked: dict[CutNumber, list[str]] = {point.cut: [] for point in ordered}
    for point in ordered:
        if point.complaint or point.created is None:
            always[point.cut].append(f"it cannot be read: {point.complaint or 'nobody knows when it was made'}")
        if point.pinned:
            always[point.cut].append("pinned")
    for cut, why in sorted((protected or {}).items()):
        if cut in always:
            always[cut].append(why)
    published = [point for point in ordered if not point.void]
    readable = [point for point in published if not point.complaint and point.created is not None]
    if published and not any("the last published" in why for why in always[published[-1].cut]):
        always[published[-1].cut].append("the last published")
    if readable and readable[-1] is not published[-1]:
        always[readable[-1].cut].append("the last that can be read")
    _ask(readable, policy, asked)
    verdicts: list[Verdict] = []
    for point in ordered:
        reasons = always[point.cut]
        if point.void and not reasons:
            verdicts.append(Verdict(cut=point.cut, keep=False, reasons=(point.void,)))
        elif point.condemned and not reasons:
            verdicts.append(Verdict(cut=point.cut, keep=False, reasons=("a collection had begun to drop it",)))
        else:
            reasons = [*reasons, *asked[point.cut]]
            verdicts.append(Verdict(cut=point.cut, keep=bool(reasons), reasons=tuple(reasons)))
    return Plan(policy=policy, verdicts=tuple(verdicts))


def _ask(readable: list[Point], policy: Policy, asked: dict[CutNumber, list[str]]) -> None:
    """Note for each point by which rules the policy keeps it. A condemned one counts for none."""
    counted = [point for point in readable if not point.condemned]
    newest_first = counted[::-1]
    for place, point in enumerate(newest_first[: policy.last], 1):
        asked[point.cut].append(f"last {place}")
    for rule, bucket_of in _BUCKETS.items():
        newest: dict[Bucket, Point] = {}
        for point in newest_first:
            newest.setdefault(bucket_of(_utc(point)), point)
        for place, bucket in enumerate(sorted(newest, reverse=True)[: getattr(policy, rule)], 1):
            asked[newest[bucket].cut].append(f"{rule} {place}")
    for point in counted:
        for pattern in policy.labels:
            for label in point.labels:
                if fnmatchcase(label, pattern):
                    asked[point.cut].append(f"label {label}")


def _utc(point: Point) -> datetime:
    assert point.created is not None
    return point.created.astimezone(UTC)


def _label(value: str) -> str:
    if not value:
        raise _wrong("'label' needs a label or a pattern")
    return value


def _count(word: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", value) or not 1 <= int(value) <= COUNT_MAX:
        asked = one_line(repr(value)) if value else "nothing"
        raise _wrong(f"{word!r} needs a number from 1 to {COUNT_MAX}, and has {asked}")
    return int(value)


def _unknown(word: str) -> str:
    known = ", ".join((*_COUNTED, "label"))
    return f"there is no rule {one_line(repr(word))}, there are {known}" if word else "a rule is empty"


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(f"this does not say what to keep: {what}; nothing was deleted; {_EXAMPLE}")


assert {*_COUNTED, "labels"} == {each.name for each in fields(Policy)}
