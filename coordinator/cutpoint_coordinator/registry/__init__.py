"""What coordinators agree on: one narrow interface, kept in memory, in a directory, or in etcd.

`open_registry` opens one from a URL. grpc and etcd3 are loaded only when the URL names etcd.
"""

from __future__ import annotations

from cutpoint_coordinator.registry.embedded import EmbeddedRegistry
from cutpoint_coordinator.registry.interface import (
    Committed,
    Conflict,
    Leader,
    Leadership,
    Record,
    Registry,
    Transaction,
)
from cutpoint_coordinator.registry.locate import open_registry
from cutpoint_coordinator.registry.memory import MemoryRegistry

__all__ = [
    "Committed",
    "Conflict",
    "EmbeddedRegistry",
    "Leader",
    "Leadership",
    "MemoryRegistry",
    "Record",
    "Registry",
    "Transaction",
    "open_registry",
]
