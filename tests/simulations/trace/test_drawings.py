from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cutpoint.errors import ConfigurationError, CutpointError
from cutpoint_simulations.trace import Trace, draw_html, draw_svg, write_diagram
from cutpoint_simulations.trace.diagram import check_diagram
from cutpoint_simulations.trace.layout import lay_out
from cutpoint_simulations.trace.resources import packaged
from tests.simulations.trace.traces import Bank, trace_of

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</script><script>alert("&")</script>{{seed}}'
BANK = Bank(seed=3, services=4, deaf=True).run(150, verdict="money was made: 310, not 300")


def drawn(trace: Trace) -> ElementTree.Element:
    return ElementTree.fromstring(draw_svg(trace))


def classes(svg: ElementTree.Element, of: str) -> Counter[str]:
    """How often each list of classes is on an element that has the class ``of``."""
    return Counter(name for each in svg.iter() if of in (name := each.get("class", "")).split())


def test_the_svg_has_every_message_cut_jump_and_mark_of_the_trace() -> None:
    svg, layout = drawn(BANK), lay_out(BANK)
    assert classes(svg, "message") == Counter(f"message {arrow.look}" for arrow in layout.arrows)
    assert classes(svg, "cut") == Counter(f"cut {cut.state}" for cut in layout.cuts)
    assert classes(svg, "jump")["jump"] == len(layout.jumps) > 0
    assert classes(svg, "alive")["alive"] == len(layout.lives)
    assert classes(svg, "dead")["dead"] == len(BANK.processes) == classes(svg, "name")["name"]
    kinds = Counter(entry.kind for entry in BANK.entries)
    legend = 1
    for kind in ("start", "end", "restore", "fault", "publish", "abandon"):
        assert classes(svg, kind)[f"mark {kind}"] == kinds[kind] + legend


def test_the_svg_can_be_read_without_seeing_it() -> None:
    svg = drawn(BANK)
    ids = {each.get("id"): each.text for each in svg.iter() if each.get("id")}
    assert ids[svg.get("aria-labelledby")] == "a bank of 4 services, seed 3"
    described = ids[svg.get("aria-describedby")] or ""
    assert re.fullmatch(
        r"Space-time diagram of 5 processes \(coordinator, orders, payments, stock, shipping\), \d+ messages, "
        r"of which \d+ in flight and \d+ orphans, and \d+ cuts\. Verdict: money was made: 310, not 300\.",
        described,
    )
    assert [each for each in svg.iter() if each.get("tabindex") and not each.get("aria-label")] == []
    messages = [each for each in svg.iter(f"{SVG}g") if (each.get("class") or "").startswith("message")]
    assert all(each.find(f"{SVG}title") is not None for each in messages)


def test_text_from_the_run_stays_text_in_both_drawings() -> None:
    trace = trace_of(f"a note {HOSTILE}", processes=("a", "<b>"), verdict=HOSTILE)
    assert "alert" in (drawn(trace).findtext(f"{SVG}desc") or "")
    page = draw_html(trace)
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "{{seed}}" in page, "what looks like a field of the template is text, too"
    data = page.split('id="trace">')[1].split("</script>")[0]
    assert json.loads(data)["events"][0]["words"] == HOSTILE
    assert json.loads(data)["processes"] == ["a", "<b>"]


def test_a_message_of_a_process_to_itself_and_an_empty_trace_are_drawn() -> None:
    assert classes(drawn(trace_of("a send m a", "a receive m a")), "message") == Counter({"message plain": 1})
    assert classes(drawn(trace_of()), "dead") == Counter({"dead": 2})
    assert classes(drawn(trace_of(processes=())), "dead") == Counter()
    assert '"events":[]' in draw_html(trace_of())


def test_neither_drawing_loads_anything() -> None:
    for drawing in (draw_svg(BANK), draw_html(BANK)):
        urls = [url for url in re.findall(r"https?://[^\s\"'<]+", drawing) if url != "http://www.w3.org/2000/svg"]
        assert urls == []
        assert not re.search(r"@import|url\(|\bsrc=|<link(?! rel=\"icon\" href=\"data:,\")", drawing)


def test_a_crowd_is_drawn_without_labels_and_stops_the_keyboard_only_where_a_cut_was_crossed() -> None:
    trace = Bank(seed=5, services=6).run(400)
    svg, layout = drawn(trace), lay_out(trace)
    crossed = sum(1 for arrow in layout.arrows if arrow.look in ("in-flight", "orphan"))
    messages = [each for each in svg.iter(f"{SVG}g") if (each.get("class") or "").startswith("message")]
    assert sum(1 for each in messages if each.get("tabindex")) == crossed < len(messages)
    labels = [each for each in messages if any("label" in (part.get("class") or "") for part in each)]
    assert len(labels) <= crossed


def test_the_page_fills_every_field_of_its_template() -> None:
    page = draw_html(BANK)
    assert "{{verdict}}" in packaged("page.html")
    assert not re.search(r"\{\{\w+\}\}", page)
    assert '<dd id="seed">3</dd>' in page
    assert "money was made: 310, not 300" in page


def test_a_diagrams_name_says_what_it_is(tmp_path: Path) -> None:
    write_diagram(BANK, tmp_path / "run.svg")
    write_diagram(BANK, tmp_path / "run.HTML")
    assert {each.name: each.read_text(encoding="utf-8") for each in tmp_path.iterdir()} == {
        "run.svg": draw_svg(BANK),
        "run.HTML": draw_html(BANK),
    }
    with pytest.raises(ConfigurationError, match=r"run\.png is neither; nothing was written"):
        write_diagram(BANK, tmp_path / "run.png")
    with pytest.raises(CutpointError, match="could not be written"):
        write_diagram(BANK, tmp_path / "nowhere" / "run.svg")


def test_whether_a_diagram_can_be_written_is_known_before_the_run(tmp_path: Path) -> None:
    check_diagram(tmp_path / "run.svg")
    with pytest.raises(
        ConfigurationError, match=r"--draw .*run\.png is neither an \.svg nor an \.html; nothing was started"
    ):
        check_diagram(tmp_path / "run.png")
    with pytest.raises(ConfigurationError, match=r"--picture .* cannot be written"):
        check_diagram(tmp_path / "nowhere" / "run.html", "--picture")
    assert list(tmp_path.iterdir()) == []
