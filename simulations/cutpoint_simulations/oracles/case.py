"""What an oracle is given to judge: the chronicle, the store, the registry, who runs; and a recovery point as bytes.

Everything here only looks. A test may build a `Case` from values and needs no loop for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from cutpoint.errors import CutpointError
from cutpoint.protocol.ledger import Ledger, RecoveryPoint
from cutpoint.state import Table, apply_batch, decode_batches, format_named
from cutpoint.store import Backend, Manifest, Part, WholeState, read_manifest, read_part
from cutpoint_simulations.chronicle import Chronicle

T = TypeVar("T")


class Inspect(Protocol):
    """Runs a function on the store as it is at this moment."""

    def __call__(self, look: Callable[[Backend], T]) -> T:
        """What ``look`` returns."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """``clock``: virtual seconds. ``phases``: the phase of each process, as `Watch.phases` tells it.

    ``keep``: what the coordinator was told to keep, empty for everything; ``replica``: looks into the replica, if
    there is one.
    """

    chronicle: Chronicle
    inspect: Inspect
    ledger: Callable[[], Ledger]
    clock: Callable[[], float] = lambda: 0.0
    phases: Callable[[], Mapping[str, str]] = dict
    keep: str = ""
    replica: Inspect | None = None

    @property
    def now(self) -> float:
        """Virtual seconds."""
        return self.clock()

    def running(self) -> tuple[str, ...]:
        """The processes that run at this moment, ascending."""
        return tuple(name for name, phase in sorted(self.phases().items()) if phase == "running")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """A recovery point as the registry and the store have it when it is published.

    ``unreadable``: why the manifest or a part could not be read; then only durability has something to judge.
    """

    point: RecoveryPoint
    manifest: Manifest | None = None
    parts: Mapping[str, Part] = dataclasses.field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    @property
    def cut(self) -> int:
        """Its number."""
        return int(self.point.cut)

    @property
    def complete(self) -> bool:
        """Whether everything of it was read."""
        return self.manifest is not None and not self.unreadable


def read_point(backend: Backend, point: RecoveryPoint) -> Published:
    """Read the manifest and the parts of ``point``; what cannot be read is told, not raised."""
    try:
        manifest = read_manifest(backend, point.cut)
    except CutpointError as error:
        return Published(point=point, unreadable=(str(error),))
    parts: dict[str, Part] = {}
    unreadable: list[str] = []
    for entry in manifest.parts:
        try:
            parts[entry.process] = read_part(backend, entry)
        except CutpointError as error:
            unreadable.append(f"{entry.process}: {error}")
    return Published(point=point, manifest=manifest, parts=parts, unreadable=tuple(unreadable))


def contents(part: Part) -> dict[str, Any]:
    """The states of a part by name, decoded. Pickled ones run their code: for parts that the simulation has made."""
    return {state.name: _content(state, f"state {state.name!r} of {part.process}") for state in part.states}


def _content(state: WholeState, where: str) -> Any:
    format_ = format_named(state.format)
    if state.kind != Table.kind:
        return format_.decode(state.data, where)
    content: dict[Any, Any] = {}
    for batch in decode_batches(format_, state.chunks, where):
        apply_batch(content, batch, where)
    return content
