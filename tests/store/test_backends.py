from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.store import open_backend
from cutpoint.testing.backend_suite import CLAIMS, Claim


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_memory_is_a_backend(claim: Claim) -> None:
    claim(lambda: open_backend(f"memory:suite-{claim.__name__}"))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_a_folder_is_a_backend(claim: Claim, tmp_path: Path) -> None:
    claim(lambda: open_backend((tmp_path / "a" / "store").as_uri()))
