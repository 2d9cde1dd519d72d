from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.testing.registry_suite import CLAIMS, Claim
from tests.coordinator.registry.subjects import EmbeddedSubject, EtcdSubject, MemorySubject

every_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)


@every_claim
async def test_the_memory_registry_keeps_every_claim(claim: Claim) -> None:
    await claim(MemorySubject())


@every_claim
async def test_the_embedded_registry_keeps_every_claim(claim: Claim, tmp_path: Path) -> None:
    subject = EmbeddedSubject(tmp_path / "registry")
    await claim(subject)
    await subject.close()


@every_claim
async def test_the_etcd_registry_keeps_every_claim(claim: Claim, etcd: EtcdSubject) -> None:
    await claim(etcd)
