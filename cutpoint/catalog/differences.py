"""What changed between two recovery points: services, their states, keys of tables, messages in flight.

States whose digests are equal are not read. A state whose format runs code when it is read is compared by digest
alone, and the difference says so: its keys are unknown to anybody who does not run that code. States of different
schema versions are compared as they are stored; no migration is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from cutpoint.catalog.reading import PointReader
from cutpoint.catalog.shown import to_json
from cutpoint.catalog.table_differences import ABSENT, KeyChange, TableDifference, compare_tables
from cutpoint.catalog.tables import TableReader, content_of
from cutpoint.errors import Damaged
from cutpoint.names import CutNumber, ProcessName
from cutpoint.protocol.certificate import Certificate
from cutpoint.protocol.messages import StateSummary
from cutpoint.state.formats import FORMATS
from cutpoint.store.backend import Backend
from cutpoint.store.heads import TABLE
from cutpoint.store.manifests import Manifest

if TYPE_CHECKING:
    from cutpoint.store.keys import KeyRing

Presence = Literal["same", "added", "removed", "changed"]


class KeyDifference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key, as JSON (`cutpoint.catalog.shown`). ``before`` and ``after`` only if values were asked for."""

    key: Any
    change: str
    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


class StateDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One state. ``read``: whether its content was looked at; if not though it changed, ``why`` says so.

    ``added``, ``removed`` and ``changed`` count a table's keys, ``keys`` are the first of them; all are empty if it was
    stored anew with the same content. ``before`` and ``after`` as of a key, for what is no table.
    """

    name: str
    kind: str
    change: Presence
    read: bool = False
    why: str = ""
    added: int = 0
    removed: int = 0
    changed: int = 0
    keys: tuple[KeyDifference, ...] = ()
    before: Any = msgspec.UNSET
    after: Any = msgspec.UNSET


class ServiceDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One service. ``restarted``: its memory was lost between the two, or another process took its name."""

    process: str
    change: Presence
    restarted: bool = False
    states: tuple[StateDifference, ...] = ()


class ChannelDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One channel: how many of its messages each of the two holds in flight, and how many were sent in each."""

    channel: str
    in_flight_before: int
    in_flight_after: int
    sent_before: int
    sent_after: int


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """From recovery point ``before`` to ``after``. ``channels``: those whose numbers differ, ascending by name."""

    before: int
    after: int
    same: bool
    services: tuple[ServiceDifference, ...]
    channels: tuple[ChannelDifference, ...]


def compare_points(
    backend: Backend,
    before: CutNumber,
    after: CutNumber,
    *,
    keys: KeyRing | None = None,
    limit: int = 20,
    values: bool = False,
) -> Difference:
    """Compare two recovery points; ``limit`` keys of each table are named, with their ``values`` if asked for.

    Raises `ObjectMissing` if there is none of a number, `Damaged`; nothing else is said then.
    """
    one, other = PointReader(backend, before, keys), PointReader(backend, after, keys)
    names = sorted({*one.entries, *other.entries})
    services = tuple(_service(one, other, name, limit, values) for name in names)
    channels = _channels(one.manifest, other.manifest)
    return Difference(
        before=before,
        after=after,
        same=not channels and all(service.change == "same" for service in services),
        services=services,
        channels=channels,
    )


def _service(one: PointReader, other: PointReader, process: ProcessName, limit: int, values: bool) -> ServiceDifference:
    if process not in one.entries or process not in other.entries:
        there, change = (one, "removed") if process in one.entries else (other, "added")
        states = tuple(
            StateDifference(name=state.name, kind=state.kind, change=_presence(change))
            for state in there.entries[process].states
        )
        return ServiceDifference(process=process, change=_presence(change), states=states)
    old = {state.name: state for state in one.entries[process].states}
    new = {state.name: state for state in other.entries[process].states}
    found: list[StateDifference] = []
    for name in dict.fromkeys((*old, *new)):
        if name in old and name in new:
            found.append(_state(one, other, process, (old[name], new[name]), limit, values))
        else:
            state, change = (old[name], "removed") if name in old else (new[name], "added")
            found.append(StateDifference(name=name, kind=state.kind, change=_presence(change)))
    same = all(state.change == "same" for state in found)
    restarted = one.part(process).head.life != other.part(process).head.life
    return ServiceDifference(
        process=process,
        change="same" if same and not restarted else "changed",
        restarted=restarted,
        states=tuple(found),
    )


def _presence(change: str) -> Presence:
    return "added" if change == "added" else "removed"


def _state(
    one: PointReader,
    other: PointReader,
    process: ProcessName,
    pair: tuple[StateSummary, StateSummary],
    limit: int,
    values: bool,
) -> StateDifference:
    old, new = pair
    told = StateDifference(name=new.name, kind=new.kind, change="same")
    if (old.kind, old.version, old.format, old.digest) == (new.kind, new.version, new.format, new.digest):
        return told
    changes = [
        f"{what} {getattr(old, what)} became {getattr(new, what)}"
        for what in ("kind", "version", "format")
        if getattr(old, what) != getattr(new, what)
    ]
    unsafe = [state.format for state in pair if state.format not in FORMATS or not FORMATS[state.format].safe]
    if unsafe:
        changes.append(f"compared by digest only: it is kept as {unsafe[0]}, and reading that would run code")
    if unsafe or old.kind != new.kind:
        return msgspec.structs.replace(told, change="changed", why="; ".join(changes))
    if old.kind == TABLE:
        tables = (_table(one, process, old.name), _table(other, process, new.name))
        content = _of_table(told, compare_tables(*tables, limit=limit), values)
    else:
        contents = [
            content_of(point.part(process), point.state(process, old.name), point.where(process, old.name))
            for point in (one, other)
        ]
        content = _of_content(told, contents[0], contents[1], values)
    if changes:
        return msgspec.structs.replace(content, change="changed", read=True, why="; ".join(changes))
    why = "" if content.change == "changed" else "stored anew with the same content"
    return msgspec.structs.replace(content, read=True, why=why)


def _table(point: PointReader, process: ProcessName, name: str) -> TableReader:
    return TableReader(point.part(process), point.state(process, name), point.where(process, name))


def _of_table(told: StateDifference, found: TableDifference, values: bool) -> StateDifference:
    return msgspec.structs.replace(
        told,
        change="changed" if found.added or found.removed or found.changed else "same",
        added=found.added,
        removed=found.removed,
        changed=found.changed,
        keys=tuple(_key(change, values) for change in found.keys),
    )


def _key(change: KeyChange, values: bool) -> KeyDifference:
    return KeyDifference(
        key=to_json(change.key),
        change=change.change,
        before=to_json(change.before) if values and change.before is not ABSENT else msgspec.UNSET,
        after=to_json(change.after) if values and change.after is not ABSENT else msgspec.UNSET,
    )


def _of_content(told: StateDifference, before: Any, after: Any, values: bool) -> StateDifference:
    old, new = to_json(before), to_json(after)
    changed = msgspec.json.encode(old) != msgspec.json.encode(new)
    if not changed or not values:
        return msgspec.structs.replace(told, change="changed" if changed else "same")
    return msgspec.structs.replace(told, change="changed", before=old, after=new)


def _channels(before: Manifest, after: Manifest) -> tuple[ChannelDifference, ...]:
    old, new = _numbers(before), _numbers(after)
    found: list[ChannelDifference] = []
    for channel in sorted({*old, *new}):
        (flying, sent), (flying_now, sent_now) = old.get(channel, (0, 0)), new.get(channel, (0, 0))
        if (flying, sent) != (flying_now, sent_now):
            found.append(
                ChannelDifference(
                    channel=channel,
                    in_flight_before=flying,
                    in_flight_after=flying_now,
                    sent_before=sent,
                    sent_after=sent_now,
                )
            )
    return tuple(found)


def _numbers(manifest: Manifest) -> dict[str, tuple[int, int]]:
    """In flight and sent, for each channel; channels of one name are added up."""
    try:
        certificate = msgspec.convert(manifest.certificate, Certificate)
    except msgspec.ValidationError as error:
        raise Damaged(
            f"the manifest of cut {manifest.cut} holds no certificate ({error}); take another recovery point"
        ) from error
    numbers: dict[str, tuple[int, int]] = {}
    for channel in certificate.channels:
        flying, sent = numbers.get(channel.channel, (0, 0))
        numbers[channel.channel] = (flying + channel.in_flight, sent + channel.sent)
    return numbers
