"""``candidate.py`` without the fence: what it commits is applied whoever leads."""

from __future__ import annotations

import runpy
from pathlib import Path

import msgspec

from cutpoint.registry import Transaction
from cutpoint_coordinator.registry.etcd_client import Question
from cutpoint_coordinator.registry.etcd_keys import Chain, Keys

_commit = Keys.commit


def commit_unconditionally(self: Keys, chain: Chain, transaction: Transaction) -> Question:
    """The same transaction, and etcd does not ask who leads."""
    return msgspec.structs.replace(_commit(self, chain, transaction), conditions=())


Keys.commit = commit_unconditionally  # type: ignore[method-assign]
runpy.run_path(str(Path(__file__).with_name("candidate.py")), run_name="__main__")
