"""The SVG of a trace in a browser: laid out where Python says, and telling what it is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from cutpoint_simulations.trace import write_diagram
from cutpoint_simulations.trace.layout import lay_out
from tests.simulations.trace.traces import Bank

TRACE = Bank(seed=10, services=3, deaf=True).run(38, verdict="the accounts hold 310, not 300: cut 1 has an orphan")


def test_the_svg_is_drawn_and_tells_what_is_pointed_at_or_focused(
    page: Page, tmp_path: Path, keep_screenshot: Callable[[Page, str], None]
) -> None:
    write_diagram(TRACE, tmp_path / "run.svg")
    page.goto((tmp_path / "run.svg").as_uri())
    layout = lay_out(TRACE)
    assert page.locator("g.message").count() == len(layout.arrows)
    assert page.locator("path.cut").count() == len(layout.cuts)
    orphan = page.locator("g.message.orphan").first
    stroke = orphan.locator("path.arrow").evaluate("arrow => getComputedStyle(arrow).stroke")
    assert stroke == "rgb(211, 0, 43)"
    expect(orphan.locator(".told")).to_be_hidden()
    orphan.focus()
    expect(orphan.locator(".told")).to_be_visible()
    assert "ORPHAN of cut 1" in (orphan.locator(".told").text_content() or "")
    page.evaluate("() => document.activeElement.blur()")
    expect(orphan.locator(".told")).to_be_hidden()
    box = page.evaluate(
        "() => { const box = document.documentElement.viewBox.baseVal; return [box.width, box.height]; }"
    )
    page.set_viewport_size({"width": int(box[0]), "height": int(box[1])})
    keep_screenshot(page, "diagram.png")


def test_the_page_and_the_svg_draw_a_cut_along_the_same_way(page: Page, tmp_path: Path) -> None:
    write_diagram(TRACE, tmp_path / "run.svg")
    write_diagram(TRACE, tmp_path / "run.html")
    page.goto((tmp_path / "run.svg").as_uri())
    in_svg = page.locator("path.cut").first.evaluate(_PLACES)
    page.goto((tmp_path / "run.html").as_uri())
    in_page = page.locator("#diagram path.cut").first.evaluate(_PLACES)
    assert len(in_svg) == len(in_page) == len(layout_records())
    scale = (in_page[-1] - in_page[0]) / (in_svg[-1] - in_svg[0])
    for there, here in zip(in_svg, in_page, strict=True):
        assert abs((there - in_svg[0]) * scale - (here - in_page[0])) < 1.0


_PLACES = """path => {
  const numbers = path.getAttribute("d").match(/-?[0-9.]+/g).map(Number);
  const points = [];
  for (let at = 0; at < numbers.length; at += at ? 6 : 2) points.push(numbers[at ? at + 4 : at]);
  return points.slice(1, -1);
}"""
"""Where the path stands at each record: its ends left out, and what bends it in between."""


def layout_records() -> tuple[int, ...]:
    return lay_out(TRACE).cuts[0].records
