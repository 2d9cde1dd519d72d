"""Every key that a policy may have: its section, what may be written there, and what it means.

The reader, the writer, the comparison of two policies and the page of reference go by this table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cutpoint.policy.declared import DEFAULT, Policy, Service
from cutpoint.policy.kinds import Choice, Count, Duration, Flag, Keep, Kind, Line, Names, Rate, Size

SCOPES: Final = ("observe", "trigger", "restore", "administer")
"""What a token may be good for, each including those before."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """``key`` in ``section``, kept as ``attribute`` of that section's struct."""

    section: str
    key: str
    kind: Kind
    meaning: str
    attribute: str = ""

    @property
    def name(self) -> str:
        """The attribute of the struct."""
        return self.attribute or self.key

    @property
    def path(self) -> str:
        """``cuts.interval``."""
        return f"{self.section}.{self.key}"

    @property
    def default(self) -> Any:
        """What holds where nothing is written."""
        return getattr(Service() if self.section == "services" else getattr(DEFAULT, self.section), self.name)

    def of(self, policy: Policy) -> Any:
        """What a policy says."""
        return getattr(getattr(policy, self.section), self.name)


def _time(section: str, key: str, meaning: str, *, zero: bool = False) -> Field:
    return Field(section=section, key=key, attribute=f"{key}_seconds", kind=Duration(zero=zero), meaning=meaning)


FIELDS: Final[tuple[Field, ...]] = (
    _time("cuts", "interval", "from the end of a cut to the next one"),
    _time("cuts", "minimum_pause", "between the end of a cut and one that begins by itself; not for those on demand"),
    Field(
        section="cuts",
        key="after_messages",
        kind=Count(least=1),
        meaning="so many messages sent on channels since the last recovery point call for a cut",
    ),
    Field(section="cuts", key="after_bytes", kind=Size(), meaning="so many bytes of messages call for a cut"),
    Field(
        section="cuts",
        key="quiet_below",
        kind=Rate(),
        meaning="a cut that is due waits for a time with fewer messages a second than this",
    ),
    _time("cuts", "quiet_deadline", "how long it waits for that at most"),
    Field(section="cuts", key="on_demand_only", kind=Flag(), meaning="no cut begins by itself"),
    _time("cuts", "deadline", "how long a cut may take before it is abandoned"),
    Field(
        section="retries",
        key="attempts",
        kind=Count(most=1000),
        meaning="how often in a row an automatic policy tries a cut again before the interval counts",
    ),
    _time("retries", "first", "after a cut was abandoned, or could not be opened, until it is tried again"),
    _time("retries", "longest", "the pause doubles with each try, up to this"),
    Field(
        section="alerts",
        key="tolerated_failures",
        kind=Count(most=1_000_000),
        meaning='so many abandoned cuts in a row are tolerated; one more is the alert "cuts fail"',
    ),
    _time(
        "alerts",
        "stale_after",
        "no new recovery point for so long is an alert, where cuts have an interval; at least two of those; 0: none",
        zero=True,
    ),
    Field(section="retention", key="keep", kind=Keep(), meaning="which recovery points stay; empty: all of them"),
    _time("retention", "collect_every", "how long the store is left alone after a collection"),
    Field(
        section="retention",
        key="collect_per_second",
        kind=Rate(),
        meaning="how many objects a collection deletes in a second at most",
    ),
    Field(
        section="recovery",
        key="automatic",
        kind=Flag(),
        meaning="a process that has lost its memory takes everybody back by itself",
    ),
    _time("recovery", "missing_after", "how long a recovery waits for a process before it is named as missing"),
    *(
        Field(
            section="access",
            key=key,
            kind=Names(scopes=SCOPES),
            meaning=f"who of those with the scope `{scope}` may {what}: tokens by name, or scopes; "
            "without it, all of them",
        )
        for key, what, scope in (
            ("trigger", "begin cuts", "trigger"),
            ("restore", "begin recoveries and release processes", "restore"),
            ("delete", "collect recovery points", "administer"),
        )
    ),
)

SERVICE_FIELDS: Final[tuple[Field, ...]] = (
    Field(
        section="services",
        key="consistency",
        kind=Choice(words=("strict", "joined")),
        meaning="`strict`: no cut is opened without it; `joined`: it is in every cut from when it has joined",
    ),
    Field(
        section="services", key="owner", kind=Line(), meaning="the person or team, shown wherever it holds things up"
    ),
)

SECTIONS: Final[Mapping[str, Mapping[str, Field]]] = {
    section: {field.key: field for field in FIELDS if field.section == section}
    for section in dict.fromkeys(field.section for field in FIELDS)
}


def with_values(policy: Policy, values: Mapping[tuple[str, str], Any]) -> Policy:
    """``policy`` with other values, each by its section and attribute."""
    sections: dict[str, Any] = {}
    for (section, attribute), value in values.items():
        present = sections.get(section, getattr(policy, section))
        sections[section] = msgspec.structs.replace(present, **{attribute: value})
    return msgspec.structs.replace(policy, **sections)
