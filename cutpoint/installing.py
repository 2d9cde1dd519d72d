"""How one of Cutpoint's extras is installed here: the line that an error tells where something is missing.

A checkout is not what an index has. Whoever installed a folder is told to install that folder again, with the extra;
what was installed from elsewhere is told by its name. Nothing is installed here, and nothing beyond the base
dependencies is imported.
"""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit


def how_to_install(extra: str, distribution: metadata.Distribution | None = None) -> str:
    """The command that adds ``extra`` (empty: nothing) to how ``distribution``, by default Cutpoint, was installed."""
    found = distribution or metadata.distribution("cutpoint")
    extras = f"[{extra}]" if extra else ""
    try:
        origin = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        origin = {}
    where = urlsplit(origin.get("url", ""))
    folder = Path(unquote(where.path))
    if where.scheme != "file" or "dir_info" not in origin or not (folder / "pyproject.toml").is_file():
        return f"pip install '{found.name}{extras}'"
    editable = "--editable " if origin["dir_info"].get("editable") else ""
    return f"pip install {editable}'{folder}{extras}'"
