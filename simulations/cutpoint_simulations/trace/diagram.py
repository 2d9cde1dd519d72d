"""A trace as a file that a browser opens: an SVG, or a page, as its name says."""

from __future__ import annotations

from pathlib import Path

from cutpoint.errors import ConfigurationError
from cutpoint_simulations.files import check_writable, write_whole
from cutpoint_simulations.trace.model import Trace
from cutpoint_simulations.trace.page import draw_html
from cutpoint_simulations.trace.svg import draw_svg

_DRAWERS = {".html": draw_html, ".svg": draw_svg}


def check_diagram(path: Path, option: str = "--draw") -> None:
    """Raise `ConfigurationError` if no diagram can be written to ``path``: better before a long run than after it."""
    if path.suffix.lower() not in _DRAWERS:
        raise ConfigurationError(
            f"{option} {path} is neither an .svg nor an .html; nothing was started; choose the name's ending"
        )
    check_writable(path, option)


def write_diagram(trace: Trace, path: Path) -> None:
    """Draw ``trace`` into ``path``, an .svg or .html. The file is whole, or as it was before.

    Raises `ConfigurationError` for any other ending, and `CutpointError` if it could not be written.
    """
    draw = _DRAWERS.get(path.suffix.lower())
    if draw is None:
        raise ConfigurationError(
            f"a diagram is an .svg or an .html, and {path} is neither; nothing was written; choose the name's ending"
        )
    write_whole(path, draw(trace).encode())
