"""Where a token comes from: given as it is, or in a file.

A file that others than its owner may read is refused: who could have read it, may have.
"""

from __future__ import annotations

import os
from pathlib import Path

from cutpoint.access.tokens import Token
from cutpoint.errors import ConfigurationError
from cutpoint.store.private_files import check_secret, create_private, read_private, shown


def read_token(path: str | os.PathLike[str]) -> Token:
    """The token in the file at ``path``. Raises `ConfigurationError`, which never shows what is in it."""
    path = Path(path)
    found = read_private(path, kind="token file", make=f"cutpoint tokens generate --output {shown(path)}")
    check_secret(path, found.mode)
    try:
        return Token.parse(found.data.decode("ascii", errors="replace").strip())
    except ConfigurationError as error:
        raise ConfigurationError(f"{shown(path)}: {error}") from error


def write_token(path: str | os.PathLike[str], token: Token) -> None:
    """Write a new file, which only its owner can read. Raises `ConfigurationError` if there is one already."""
    create_private(Path(path), f"{token.reveal()}\n".encode(), 0o600)


def loaded_token(given: Token | str | os.PathLike[str] | None) -> Token | None:
    """The token that was given as it is, as its text, or as a path to its file. Raises `ConfigurationError`.

    Any text is meant as a token, never as a path, so that a token with a slip is not looked for among the files.
    """
    if given is None or isinstance(given, Token):
        return given
    return Token.parse(given.strip()) if isinstance(given, str) else read_token(given)
