"""The file that a policy is declared in."""

from __future__ import annotations

from pathlib import Path

from cutpoint.errors import ConfigurationError
from cutpoint.policy import BYTES_MAX, Policy, read_policy


def file_content(path: str) -> bytes:
    """The bytes of the file at ``path``, or as many as show that it is too long. Raises `ConfigurationError`."""
    try:
        with Path(path).open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"the policy {path!r} cannot be read ({told}); nothing was started and nothing changed; "
            "name a file that is there and may be read"
        ) from error


def policy_in(path: str) -> Policy:
    """The policy in the file at ``path``. Raises `ConfigurationError`; `PolicyMistakes` lists what is wrong."""
    return read_policy(file_content(path), name=path)
