from __future__ import annotations

from pathlib import Path

import pytest

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint_simulations.files import check_writable, write_whole


def test_a_report_that_cannot_be_written_is_known_before_anything_starts(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "r.json", Path("/proc/r.json")):
        with pytest.raises(ConfigurationError, match=r"--report .* cannot be written"):
            check_writable(path, "--report")
    check_writable(tmp_path / "r.json", "--report")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"r.json": b"two"}
    (tmp_path / "folder").mkdir()
    with pytest.raises(CutpointError, match="what was there before is unchanged"):
        write_whole(tmp_path / "folder", b"three")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["folder", "r.json"]
