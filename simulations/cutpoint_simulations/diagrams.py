"""Where the diagrams of failed tests go in this process. Nothing is drawn here.

The pytest plugin says so before a test runs; whoever uses something else, or nothing, finds them in the folder for
temporary files. This module imports nothing of the simulator, so that the plugin costs nothing where it is not used.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

_FOLDER = "cutpoint-diagrams"
_chosen: Path | None = None


def choose_diagram_folder(folder: Path | None) -> None:
    """From now on diagrams go there; None: where they go if nobody says anything."""
    global _chosen
    _chosen = folder


def diagram_folder() -> Path:
    """The folder; it need not be there yet."""
    return _chosen if _chosen is not None else Path(tempfile.gettempdir()) / _FOLDER
