"""The stylesheet and script files of this package, as text. They are inlined: a diagram loads nothing."""

from __future__ import annotations

from importlib.resources import files


def packaged(name: str) -> str:
    """The text of a file of this package."""
    return files("cutpoint_simulations.trace").joinpath(name).read_text(encoding="utf-8")
