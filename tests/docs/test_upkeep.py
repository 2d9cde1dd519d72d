"""The guides about retention and replicas, typed in beside a store that has lived for a while."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cutpoint.store import DirectoryBackend, list_manifests
from tests.catalog.stores import Service, Shop
from tests.docs.documented import Command, Documentation, environment

CUTS = 14


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """A folder in which a coordinator has run."""
    services = Service("orders"), Service("stock")
    shop = Shop(DirectoryBackend(tmp_path / "cutpoint-data" / "store"), *services)
    for cut in range(CUTS):
        for service in services:
            service.change(*((f"key-{n}", cut * n) for n in range(20)))
        shop.take_cut("base")
    return tmp_path


def types(command: str, documentation: Documentation, folder: Path) -> None:
    """Run ``command`` and compare what it prints with what the page shows."""
    ended = subprocess.run(command, shell=True, cwd=folder, env=environment(), capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    shown: list[Command] = [each for each in documentation.commands if each.text == command]
    assert shown
    for each in shown:
        pattern = ".*".join(re.escape(part) for part in "\n".join(each.prints).split("..."))
        assert re.fullmatch(pattern, ended.stdout.rstrip("\n"), re.DOTALL), ended.stdout


def test_the_guide_to_retention(reader: Path, documented: Callable[[str], str], documentation: Documentation) -> None:
    store = DirectoryBackend(reader / "cutpoint-data" / "store")
    for command in (
        documented(
            'cutpoint collect --store cutpoint-data/store --keep "last 3, hourly 24, daily 7, label release*" --dry-run'
        ),
        documented("cutpoint verify --quick --store cutpoint-data/store"),
        documented("cutpoint verify --full --store cutpoint-data/store"),
    ):
        types(command, documentation, reader)
    assert len(list_manifests(store)) == CUTS
    types(
        documented('cutpoint collect --store cutpoint-data/store --keep "last 3, hourly 24, daily 7, label release*"'),
        documentation,
        reader,
    )
    assert list_manifests(store) == (12, 13, 14)


def test_the_guide_to_replicas(reader: Path, documented: Callable[[str], str], documentation: Documentation) -> None:
    types(documented("cutpoint replicate --from cutpoint-data/store --to second/store"), documentation, reader)
    types(
        documented('cutpoint collect --store second/store --source cutpoint-data/store --keep "last 100, daily 30"'),
        documentation,
        reader,
    )
    types(documented("cutpoint verify --store second/store"), documentation, reader)
    types(documented("cutpoint replicate --to second/store --promote"), documentation, reader)
    assert len(list_manifests(DirectoryBackend(reader / "second" / "store"))) == CUTS
