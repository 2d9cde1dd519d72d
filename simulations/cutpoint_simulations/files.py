"""Files that a run leaves behind: reports and diagrams, whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from cutpoint.errors import ConfigurationError, CutpointError


def check_writable(path: Path, option: str) -> None:
    """Raise `ConfigurationError` if ``path`` cannot be written: better now than at the end of the run."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        aside = _aside(path)
        aside.touch()
        aside.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"{option} {path} cannot be written ({error.strerror}); nothing was started; name another file"
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` aside and rename, so that nobody ever reads half of it. Raises `CutpointError`."""
    aside = _aside(path)
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise CutpointError(
            f"{path} could not be written ({error.strerror}); what was there before is unchanged"
        ) from error


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.aside")
