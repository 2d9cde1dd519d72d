"""The page of a trace, as somebody uses it: drawn, zoomed, scrolled, stepped, filtered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from cutpoint_simulations.trace import Trace, tell, write_diagram
from cutpoint_simulations.trace.layout import lay_out
from tests.simulations.trace.traces import Bank, trace_of

GOOD = Bank(seed=2, services=4).run(70)
BROKEN = Bank(seed=14, services=4, deaf=True).run(64, verdict="the accounts hold 310, not 300: cut 1 has an orphan")
ELEMENTS_MAX = 2500


@pytest.fixture
def open_page(page: Page, tmp_path: Path) -> Callable[[Trace], Page]:
    """Write a trace's page into a file and open it."""

    def opened(trace: Trace) -> Page:
        write_diagram(trace, tmp_path / "run.html")
        page.goto((tmp_path / "run.html").as_uri())
        return page

    return opened


def subpaths(found: Locator) -> int:
    """How many separate strokes the paths hold: one arrow, one line, one mark each."""
    return sum((each.get_attribute("d") or "").count("M") for each in found.all())


def view(page: Page) -> tuple[float, float]:
    """Where the view begins, and its scale."""
    diagram = page.locator("#diagram")
    return float(diagram.get_attribute("data-from") or ""), float(diagram.get_attribute("data-scale") or "")


def settled(page: Page) -> None:
    """Wait until what was asked for is painted."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def turn_wheel(page: Page, pixels: int) -> None:
    """Turn it, and wait until the diagram is painted at another scale: the browser delivers wheels when it likes."""
    scale = page.locator("#diagram").get_attribute("data-scale")
    page.mouse.wheel(0, pixels)
    page.wait_for_function("scale => document.getElementById('diagram').dataset.scale !== scale", arg=scale)
    settled(page)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def told(page: Page) -> str:
    return page.locator("#told").inner_text()


def place_of_event(page: Page, index: int) -> tuple[float, float]:
    """Where the ring stands around the event, in the window."""
    page.goto(re.sub("#.*|$", f"#{index + 1}", page.url, count=1))
    page.reload()
    return place_of_ring(page)


def place_of_ring(page: Page) -> tuple[float, float]:
    """The middle of the ring, once it is painted: a paint replaces it, and between two there is none to measure."""
    settled(page)
    x, y, width, height = page.evaluate(
        "() => (({x, y, width, height}) => [x, y, width, height])"
        "(document.querySelector('#diagram .current').getBoundingClientRect())"
    )
    return x + width / 2, y + height / 2


@pytest.mark.parametrize("trace", [GOOD, BROKEN], ids=["good", "broken"])
def test_everything_in_the_trace_is_drawn(open_page: Callable[[Trace], Page], trace: Trace) -> None:
    page, layout = open_page(trace), lay_out(trace)
    page.click("#fit")
    settled(page)
    looks = Counter(arrow.look for arrow in layout.arrows)
    for look in ("plain", "control", "in-flight", "orphan"):
        assert subpaths(page.locator(f"#diagram .arrow.{look}")) == looks[look]
        received = sum(1 for arrow in layout.arrows if arrow.look == look and arrow.received is not None)
        assert subpaths(page.locator(f"#diagram .head.{look}")) == received
    assert subpaths(page.locator("#diagram .alive")) == len(layout.lives)
    assert subpaths(page.locator("#diagram .dead")) == len(trace.processes)
    assert page.locator("#diagram .name").all_text_contents() == list(trace.processes)
    assert page.locator("#diagram .jump").count() == len(layout.jumps)
    for state in ("published", "abandoned", "open"):
        assert page.locator(f"#diagram .cut.{state}").count() == sum(1 for cut in layout.cuts if cut.state == state)
    assert page.locator("#diagram .cut-name").all_text_contents() == [cut.label for cut in layout.cuts]
    kinds = Counter(entry.kind for entry in trace.entries)
    for kind in ("record", "end", "start", "restore", "fault"):
        assert subpaths(page.locator(f"#diagram .mark.{kind}")) == kinds[kind]
    assert page.locator("#seed").inner_text() == str(trace.seed)
    assert (trace.verdict or "no complaint") in page.locator("#verdict").inner_text()


def test_the_wheel_zooms_about_the_pointer(open_page: Callable[[Trace], Page]) -> None:
    page = open_page(GOOD)
    x, y = place_of_event(page, 40)
    before = view(page)
    page.mouse.move(x, y)
    turn_wheel(page, -300)
    after = view(page)
    assert after[1] > 1.5 * before[1]
    assert abs(place_of_ring(page)[0] - x) < 1.5, "what is under the pointer stays there"
    turn_wheel(page, 300)
    assert view(page) == pytest.approx(before, abs=1e-6)


def test_buttons_and_keys_zoom_in_and_out_and_show_everything(open_page: Callable[[Trace], Page]) -> None:
    page = open_page(GOOD)
    page.click("#fit")
    settled(page)
    whole = view(page)
    page.click("#in")
    settled(page)
    assert view(page)[1] == pytest.approx(1.5 * whole[1])
    press(page, "+")
    assert view(page)[1] == pytest.approx(2.25 * whole[1])
    page.click("#out")
    press(page, "-")
    assert view(page)[1] == pytest.approx(whole[1])
    press(page, "+", "+", "+", "0")
    assert view(page) == pytest.approx(whole)


def test_dragging_keys_and_the_overview_scroll(open_page: Callable[[Trace], Page]) -> None:
    page = open_page(GOOD)
    press(page, "+", "+", "+", "+")
    start, scale = view(page)
    box = page.locator("#picture").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 700, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 30)
    page.mouse.up()
    settled(page)
    assert view(page) == pytest.approx((start + 200 / scale, scale))
    press(page, "Shift+ArrowLeft")
    assert view(page)[0] < start + 200 / scale
    small = page.locator("#overview").bounding_box()
    assert small is not None
    page.mouse.click(small["x"] + small["width"] - 2, small["y"] + 20)
    settled(page)
    assert view(page)[0] > 0.6 * lay_out(GOOD).width


def test_every_event_is_told_in_the_words_of_the_text_and_what_is_after_it_is_dimmed(
    open_page: Callable[[Trace], Page],
) -> None:
    page = open_page(GOOD)
    page.click("#fit")
    lines = [re.sub(r"\s+", " ", line.strip()) for line in tell(GOOD).splitlines()[2:]]
    assert "No event chosen" in told(page)
    assert page.locator("#diagram .future").count() == 0
    steps = 24
    for index in range(steps):
        press(page, "ArrowRight")
        number, _, rest = lines[index].partition(" ")
        time, _, said = rest.partition(" s ")
        assert told(page).split() == f"{number} of {len(lines)}, {time} s {said}".split()
    expect(page.locator("#story [aria-current]")).to_contain_text(lines[steps - 1].split(" s ")[1].split(" ", 1)[1])
    layout = lay_out(GOOD)
    past = [arrow for arrow in layout.arrows if max(_ends(arrow.sent, arrow.received)) < steps]
    underway = [
        arrow for arrow in layout.arrows if arrow not in past and arrow.sent is not None and arrow.sent < steps - 1
    ]
    assert subpaths(page.locator("#diagram .arrow.past:not(.lit)")) == len(past)
    assert subpaths(page.locator("#diagram .arrow.future")) == len(layout.arrows) - len(past)
    assert len(underway) > 0
    press(page, "ArrowLeft")
    assert told(page).startswith(f"{steps - 1} of ")
    page.click("#next")
    page.click("#previous")
    assert told(page).startswith(f"{steps - 1} of ")
    press(page, "End")
    assert told(page).startswith(f"{len(lines)} of ")
    expect(page.locator("#next")).to_be_disabled()
    press(page, "Home")
    assert told(page).startswith("1 of ")
    press(page, "Escape")
    assert "No event chosen" in told(page)


def _ends(*ends: int | None) -> list[int]:
    return [end for end in ends if end is not None]


def test_the_first_violation_is_one_click_away(
    open_page: Callable[[Trace], Page], keep_screenshot: Callable[[Page, str], None]
) -> None:
    page = open_page(BROKEN)
    violation = lay_out(BROKEN).violation
    assert violation is not None
    page.click("#violation")
    settled(page)
    assert told(page).startswith(f"{violation + 1} of ")
    assert "ORPHAN of cut" in told(page)
    assert page.locator("#diagram .arrow.orphan.lit").count() == 1
    keep_screenshot(page, "diagram-violation.png")
    press(page, "o")
    assert "sends to" in told(page)
    page = open_page(GOOD)
    expect(page.locator("#violation")).to_be_disabled()


def test_pointing_at_a_message_tells_both_of_its_ends(open_page: Callable[[Trace], Page]) -> None:
    page = open_page(GOOD)
    arrow = next(arrow for arrow in lay_out(GOOD).arrows if arrow.look == "in-flight" and not arrow.again)
    assert arrow.sent is not None
    assert arrow.received is not None
    x0, y0 = place_of_event(page, arrow.sent)
    x1, y1 = place_of_event(page, arrow.received)
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    expect(page.locator("#tip")).to_be_visible()
    tip = page.locator("#tip").inner_text()
    assert re.search(r"sends to .*in flight in cut 1[\s\S]*receives from .*in flight in cut 1", tip)
    page.mouse.click((x0 + x1) / 2, (y0 + y1) / 2)
    assert told(page).startswith(f"{arrow.received + 1} of ")
    page.mouse.move(5, 5)
    expect(page.locator("#tip")).to_be_hidden()


def test_processes_channels_and_control_messages_are_filtered(open_page: Callable[[Trace], Page]) -> None:
    page, layout = open_page(GOOD), lay_out(GOOD)
    page.click("#fit")
    everything = subpaths(page.locator("#diagram .arrow"))
    page.uncheck("#control")
    settled(page)
    control = sum(1 for arrow in layout.arrows if arrow.look == "control")
    assert subpaths(page.locator("#diagram .arrow")) == everything - control
    page.select_option("#channels", "orders>stock")
    settled(page)
    on_channel = [arrow for arrow in layout.arrows if arrow.channel == "orders>stock"]
    assert subpaths(page.locator("#diagram .arrow")) == len(on_channel) > 0
    page.select_option("#channels", "")
    page.check("#control")
    page.locator("#processes").get_by_role("button", name="payments").click()
    settled(page)
    payments = GOOD.processes.index("payments")
    assert page.locator("#diagram .name").all_text_contents() == [each for each in GOOD.processes if each != "payments"]
    others = [arrow for arrow in layout.arrows if payments not in (arrow.sender, arrow.receiver)]
    assert subpaths(page.locator("#diagram .arrow")) == len(others)
    press(page, "Home", "ArrowRight", "ArrowRight")
    assert "payments starts" not in told(page), "what is not shown is not stepped to"
    assert told(page).startswith("4 of ")


def test_thousands_of_messages_open_and_zoom_with_a_page_that_stays_small(open_page: Callable[[Trace], Page]) -> None:
    trace = Bank(seed=5, services=11, cut_every=120).run(5000)
    page, layout = open_page(trace), lay_out(trace)
    page.click("#fit")
    settled(page)
    assert subpaths(page.locator("#diagram .arrow")) == len(layout.arrows) > 5000
    assert page.locator("#diagram *").count() < ELEMENTS_MAX
    page.mouse.move(700, 500)
    for _ in range(4):
        turn_wheel(page, -400)
    assert view(page)[1] > 0.1
    assert page.locator("#diagram *").count() < ELEMENTS_MAX
    page.click("#last")
    assert told(page).startswith(f"{len(trace.entries):,} of ".replace(",", ""))


def test_an_empty_trace_and_a_hostile_one_are_pages_too(open_page: Callable[[Trace], Page]) -> None:
    page = open_page(trace_of())
    press(page, "ArrowRight", "End", "+", "v", "o")
    assert told(page) == "The trace is empty."
    hostile = "</script><img src=x onerror=alert(1)><b>"
    page = open_page(trace_of(f"a note {hostile}", f"a send {hostile.replace(' ', '_')} b", verdict=hostile))
    press(page, "ArrowRight")
    assert hostile in told(page)
    press(page, "ArrowRight")
    assert page.locator("img, b").count() == 0


@pytest.mark.parametrize("page", ["dark"], indirect=True)
def test_the_colours_follow_the_reader(
    open_page: Callable[[Trace], Page], keep_screenshot: Callable[[Page, str], None]
) -> None:
    page = open_page(GOOD)
    background = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(14, 21, 33)"
    press(page, *("ArrowRight",) * 60)
    keep_screenshot(page, "diagram-dark.png")
