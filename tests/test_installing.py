from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from cutpoint.installing import how_to_install


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "my clone"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


def installed(tmp_path: Path, origin: str | None) -> metadata.Distribution:
    """A distribution whose installer wrote ``origin`` about where it came from."""
    information = tmp_path / "cutpoint-0.1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: cutpoint\nVersion: 0.1.0\n")
    if origin is not None:
        (information / "direct_url.json").write_text(origin)
    return metadata.Distribution.at(information)


@pytest.mark.parametrize(("editable", "flag"), [(True, "--editable "), (False, "")])
def test_whoever_installed_a_checkout_is_told_to_install_it_again_with_the_extra(
    checkout: Path, tmp_path: Path, editable: bool, flag: str
) -> None:
    origin = json.dumps({"url": checkout.as_uri(), "dir_info": {"editable": True} if editable else {}})
    assert how_to_install("simulations", installed(tmp_path, origin)) == f"pip install {flag}'{checkout}[simulations]'"


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "no JSON",
        '{"url": "https://example.org/cutpoint.git", "vcs_info": {}}',
        '{"url": "file:///cutpoint-0.1.0.whl", "archive_info": {}}',
        '{"url": "file:///a/checkout/that/has/gone", "dir_info": {}}',
    ],
)
def test_what_came_from_elsewhere_is_told_by_its_name(tmp_path: Path, origin: str | None) -> None:
    assert how_to_install("keys", installed(tmp_path, origin)) == "pip install 'cutpoint[keys]'"


def test_a_command_without_an_extra_names_none(tmp_path: Path) -> None:
    assert how_to_install("", installed(tmp_path, None)) == "pip install 'cutpoint'"
