"""A recorded recovery point, read from its store and checked in full before anything is simulated.

Nothing is written to that store, then or later: what a replay needs of it is copied. A point with state that runs code
when it is read is refused, unless keys say who has made it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime

from cutpoint.errors import ConfigurationError, Damaged, ObjectMissing
from cutpoint.names import CutNumber
from cutpoint.state import format_named
from cutpoint.store import Backend, KeyRing, Manifest, Part, list_manifests, read_manifest, read_part
from cutpoint.store.manifests import manifest_name
from cutpoint_agents.clock import recorded_moment
from cutpoint_coordinator.offline import open_store, verify_store


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordedPoint:
    """``url`` is that of the store. ``objects``: the bytes of everything that a recovery reads, by name."""

    url: str
    manifest: Manifest
    parts: tuple[Part, ...]
    objects: Mapping[str, bytes]

    @property
    def cut(self) -> CutNumber:
        """Its number."""
        return self.manifest.cut

    @property
    def moment(self) -> float:
        """When it was recorded, by the clock of the process that was latest: seconds since 1970."""
        moments = [moment for part in self.parts if (moment := recorded_moment(part.states)) is not None]
        return max(moments, default=datetime.fromisoformat(self.manifest.created).timestamp())

    @property
    def in_flight(self) -> int:
        """How many messages it holds."""
        return sum(part.in_flight_messages for part in self.manifest.parts)

    @property
    def title(self) -> str:
        """What it is, for people."""
        return f"recovery point {self.cut} of computation {self.manifest.computation}"


def open_point(url: str, cut: int | None, keys: KeyRing | None = None) -> RecordedPoint:
    """Read recovery point ``cut`` of the store at ``url``; None: the last one.

    Raises `ConfigurationError` if there is no store, or if nobody vouches for state that runs code when it is read;
    `ObjectMissing` if it has no such recovery point, and `Damaged` if one byte of it is not what was written.
    """
    backend = open_store(url)
    number = CutNumber(cut) if cut is not None else _last(backend)
    (found,) = verify_store(backend, number, keys).points
    if not found.sound:
        raise Damaged(
            f"recovery point {number} of {backend.url} cannot be replayed: {found.complaints[0]}; "
            "nothing was started; `cutpoint verify` says which ones are sound"
        )
    manifest = read_manifest(backend, number, keys)
    sealing = keys.sealing if keys is not None else None
    parts = tuple(read_part(backend, part, sealing=sealing) for part in manifest.parts)
    if keys is None or not keys.trusted:
        _check_safe(parts, number)
    names = [manifest_name(number), *sorted({pack.name() for part in manifest.parts for pack in part.packs})]
    return RecordedPoint(
        url=backend.url,
        manifest=manifest,
        parts=parts,
        objects={name: backend.read(name) for name in names},
    )


def _check_safe(parts: tuple[Part, ...], cut: CutNumber) -> None:
    """Raise `ConfigurationError` if a state runs code when it is read."""
    for part in parts:
        for state in part.states:
            if not format_named(state.format).safe:
                raise ConfigurationError(
                    f"state {state.name!r} of {part.process} in recovery point {cut} is kept as {state.format}, and "
                    "reading that runs what its bytes say; nothing was started; give the keys that verify who has "
                    "written it: --keys public.json"
                )


def _last(backend: Backend) -> CutNumber:
    numbers = list_manifests(backend)
    if not numbers:
        raise ObjectMissing(f"there is no recovery point in {backend.url} yet; nothing was started; take a cut first")
    return numbers[-1]
