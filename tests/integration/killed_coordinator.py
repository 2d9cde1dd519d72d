"""``cutpoint``, killed with -9 the moment that it has written the manifest of the cut that the first argument names."""

from __future__ import annotations

import os
import signal
import sys

from cutpoint.command import main
from cutpoint.store import DirectoryBackend

_create = DirectoryBackend.create


def create_and_die(self: DirectoryBackend, name: str, data: bytes) -> None:
    """Write as ever; after the one manifest nothing more is done, not even the registry told."""
    _create(self, name, data)
    if name == f"manifests/{int(sys.argv[1]):012}.json":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    DirectoryBackend.create = create_and_die  # type: ignore[method-assign]
    sys.exit(main(sys.argv[2:]))
