// The page's own script: scales what Python laid out, paints what is in view, and listens. It decides nothing about
// the trace: which message is in flight, where a cut runs and what is said about an entry comes from the data.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("trace").textContent);
  const { events, arrows, cuts, marks, geometry } = data;
  const find = (id) => document.getElementById(id);
  const [picture, svg, overview, tip] = ["picture", "diagram", "overview", "tip"].map(find);

  const TOP = 52, FOOT = 34, MARGIN_RIGHT = 52, SCALE_MAX = 12, SCALE_AT_FIRST_MIN = 0.5, SCALE_AT_FIRST_MAX = 1.6, SCALE_TO_READ = 0.9;
  const HEADS_MAX = 1500; // with more arrows than this in view heads and ends are left out
  const LABELS_MAX = 36; // with more arrows (or jumps back) than this in view none is labelled
  const REACH = 9; // how near the pointer must be, in pixels
  const STORY_BEFORE = 4, STORY_ROWS = 9;
  const LOOKS = ["control", "plain", "in-flight", "orphan"]; // what matters is painted last

  const view = { from: 0, scale: 1, current: -1, hidden: new Set(), channel: "", control: true, lit: null };
  const frame = { left: 0, width: 0, height: 0, lineHeight: 0, rows: [] };
  const gone = new Set(cuts.filter((cut) => cut.state === "abandoned").flatMap((cut) => cut.records));
  const looks = new Map(); // of an entry: the look of its message, if it crossed a cut
  for (const arrow of arrows) {
    if (arrow.look === "orphan" || arrow.look === "in-flight") {
      for (const end of [arrow.sent, arrow.received]) if (end !== null) looks.set(end, arrow.look);
    }
  }

  // ---- places -------------------------------------------------------------------------------------------------

  const escape = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
  const n = (number) => number.toFixed(1);
  const X = (index) => frame.left + (events[index].x - view.from) * view.scale;
  const Y = (line) => TOP + Math.round((frame.rows[line] + 0.5) * frame.lineHeight);
  const span = () => frame.width / view.scale;
  const fitting = () => Math.min(1, frame.width / data.width);

  function measure() {
    const shown = data.processes.map((_, line) => line).filter((line) => !view.hidden.has(line));
    frame.rows = data.processes.map((_, line) => (view.hidden.has(line) ? null : shown.indexOf(line)));
    frame.left = 34 + 8.8 * Math.max(...data.processes.map((name) => name.length), 4);
    frame.width = Math.max(120, picture.clientWidth - frame.left - MARGIN_RIGHT);
    frame.lineHeight = Math.round(Math.max(44, Math.min(84, (0.56 * window.innerHeight) / shown.length)));
    frame.height = TOP + FOOT + frame.lineHeight * shown.length;
    svg.setAttribute("viewBox", `0 0 ${picture.clientWidth} ${n(frame.height)}`);
    svg.style.height = `${frame.height}px`;
  }

  function look(from, scale) {
    view.scale = Math.max(fitting(), Math.min(SCALE_MAX, scale));
    view.from = Math.max(0, Math.min(data.width - span(), from));
    if (span() >= data.width) view.from = 0;
    repaint();
  }

  function zoom(factor, x) {
    const pinned = view.from + (x - frame.left) / view.scale;
    const scale = Math.max(fitting(), Math.min(SCALE_MAX, view.scale * factor));
    move(pinned - (x - frame.left) / scale, scale);
  }

  function zoomInPlace(factor) {
    const seen = view.current >= 0 && X(view.current) > frame.left && X(view.current) < frame.left + frame.width;
    zoom(factor, seen ? X(view.current) : frame.left + frame.width / 2);
  }

  const scroll = (pixels) => move(view.from + pixels / view.scale, view.scale);

  function isShown(index) {
    const event = events[index];
    if (view.hidden.has(event.line)) return false;
    if (event.kind !== "send" && event.kind !== "receive") return true;
    return !view.channel || event.channel === view.channel;
  }

  const isArrowShown = (arrow) =>
    !view.hidden.has(arrow.sender) && !view.hidden.has(arrow.receiver) &&
    (!view.channel || arrow.channel === view.channel) && (view.control || arrow.look !== "control");

  // Where an arrow begins in the picture: what comes out of a cut again begins where it arrives.
  const beginning = (arrow) => (arrow.again ? null : arrow.sent);

  // The two ends of an arrow; an end that is not at its process is a stub's.
  function ends(arrow) {
    const y0 = Y(arrow.sender), y1 = Y(arrow.receiver);
    const reach = geometry.stub_share * frame.lineHeight * (y1 >= y0 ? 1 : -1);
    if (beginning(arrow) === null) {
      const x = X(arrow.received);
      return [x - geometry.stub_x, y1 - reach, x, y1];
    }
    const x = X(arrow.sent);
    return arrow.received === null ? [x, y0, x + geometry.stub_x, y0 + reach] : [x, y0, X(arrow.received), y1];
  }

  const bend = ([x0, y0, x1]) => [(x0 + x1) / 2, y0 - geometry.arc * frame.lineHeight];

  function line(place) {
    const [x0, y0, x1, y1] = place;
    const through = y0 === y1 ? `Q${bend(place).map(n).join(" ")} ` : "L";
    return `M${n(x0)} ${n(y0)}${through}${n(x1)} ${n(y1)}`;
  }

  function head(place) {
    const [x, y] = place[1] === place[3] ? bend(place) : place;
    return tip_of(x, y, place[2], place[3]);
  }

  function tip_of(x0, y0, x1, y1) {
    const length = Math.hypot(x1 - x0, y1 - y0) || 1;
    const dx = (geometry.head * (x1 - x0)) / length, dy = (geometry.head * (y1 - y0)) / length;
    return `M${n(x1)} ${n(y1)}L${n(x1 - dx - 0.42 * dy)} ${n(y1 - dy + 0.42 * dx)}` +
      `L${n(x1 - dx + 0.42 * dy)} ${n(y1 - dy - 0.42 * dx)}Z`;
  }

  function smooth(points) {
    let d = `M${n(points[0][0])} ${n(points[0][1])}`;
    points.slice(1).forEach(([x, y], index) => {
      const [x0, y0] = points[index], half = (y - y0) / 2;
      d += `C${n(x0)} ${n(y0 + half)} ${n(x)} ${n(y - half)} ${n(x)} ${n(y)}`;
    });
    return d;
  }

  // ---- painting -----------------------------------------------------------------------------------------------

  // While the view moves, a crowd of plain arrows is thinned out; it is whole again as soon as the view rests.
  let moving = 0;
  function move(from, scale) {
    clearTimeout(moving);
    moving = setTimeout(() => {
      moving = 0;
      repaint();
    }, 120);
    look(from, scale);
  }

  let asked = false;
  function repaint() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      paint();
    });
  }

  // The entries in view: their places only ever grow.
  function firstFrom(x) {
    let low = 0, high = events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (events[middle].x < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function paint() {
    const seen = [firstFrom(view.from - 30 / view.scale), firstFrom(view.from + span() + 30 / view.scale)];
    svg.innerHTML = [
      paintTicks(seen), paintLines(), paintJumps(), paintArrows(), paintCuts(), paintNow(), paintMarks(seen), paintNames(),
    ].join("");
    svg.dataset.from = view.from;
    svg.dataset.scale = view.scale;
    paintOverview();
  }

  function paintTicks([begin, end]) {
    let due = -Infinity, out = "";
    const bottom = frame.height - FOOT;
    for (let index = begin; index < end; index++) {
      const x = X(index);
      if (x < due || x < frame.left || x > frame.left + frame.width) continue;
      out += `<path class="ticks" d="M${n(x)} ${TOP - 6}V${n(bottom)}"/>` +
        `<text class="time" x="${n(x)}" y="${n(bottom + 19)}" text-anchor="middle">${events[index].clock}</text>`;
      due = x + 130;
    }
    return out;
  }

  function paintLines() {
    const right = frame.left + frame.width + MARGIN_RIGHT;
    let dead = "", alive = "";
    frame.rows.forEach((row, at) => {
      if (row !== null) dead += `M${n(frame.left)} ${n(Y(at))}H${n(right)}`;
    });
    for (const life of data.lives) {
      if (view.hidden.has(life.line)) continue;
      const start = life.started === null ? frame.left : Math.max(frame.left, X(life.started));
      const stop = life.ended === null ? right : Math.min(right, X(life.ended));
      if (stop > start) alive += `M${n(start)} ${n(Y(life.line))}H${n(stop)}`;
    }
    return `<path class="dead" d="${dead}"/><path class="alive" d="${alive}"/>`;
  }

  function paintJumps() {
    const down = geometry.bend, right = frame.left + frame.width + 90;
    const inView = data.jumps
      .filter((jump) => !view.hidden.has(jump.line))
      .map((jump) => [jump, jump.recorded === null ? X(jump.restored) - 60 : X(jump.recorded), X(jump.restored), Y(jump.line)])
      .filter(([, x0, x1]) => x1 > frame.left - 90 && x0 < right);
    return inView.map(([jump, x0, x1, y]) => {
      const corner = Math.min(18, (x1 - x0) / 2);
      const start = `M${n(x1)} ${n(y + 8)}q-2 ${down - 8} ${n(-corner)} ${down - 8}`;
      const [path, point] = jump.recorded === null
        ? [`${start}H${n(x0)}`, tip_of(x1, y + down, x0 - geometry.head, y + down)]
        : [`${start}H${n(x0 + corner)}q${n(2 - corner)} 0 ${n(-corner)} ${8 - down}`, tip_of(x0 + 4, y + down, x0, y + 8)];
      const name = `<text class="jump-name halo" x="${n(x1 - 14)}" y="${n(y + down + 12)}" text-anchor="end">back to cut ${jump.cut}</text>`;
      return `<g class="${later(jump.restored)}"><path class="jump" d="${path}"/><path class="jump-head" d="${point}"/>` +
        `${inView.length <= LABELS_MAX ? name : ""}</g>`;
    }).join("");
  }

  const later = (index) => (view.current >= 0 && index > view.current ? "future" : "past");

  // Arrows of one look, before and after the current event, are one path each: thousands of them stay fluent.
  function paintArrows() {
    const right = frame.left + frame.width + MARGIN_RIGHT;
    const inView = [];
    for (const arrow of arrows) {
      if (!isArrowShown(arrow)) continue;
      const place = ends(arrow);
      if (place[2] >= frame.left && place[0] <= right) inView.push([arrow, place]);
    }
    const fine = inView.length <= HEADS_MAX, crowd = fine ? "" : " crowd", nth = moving ? Math.ceil(inView.length / HEADS_MAX) : 1;
    const layers = {};
    const add = (key, d) => (layers[key] = (layers[key] || "") + d);
    for (const [at, [arrow, place]] of inView.entries()) {
      if (at % nth && LOOKS.indexOf(arrow.look) < 2) continue;
      const [x0, y0, x1, y1] = place;
      const sent = later(beginning(arrow) ?? arrow.received), received = later(arrow.received ?? arrow.sent);
      add(`arrow ${arrow.look} ${received}`, line(place));
      if (sent !== received && y0 !== y1) {
        const share = (X(view.current) - x0) / (x1 - x0);
        add(`underway ${arrow.look}`, `M${n(x0)} ${n(y0)}L${n(x0 + share * (x1 - x0))} ${n(y0 + share * (y1 - y0))}`);
      }
      if (!fine) continue;
      if (beginning(arrow) !== null) add(`dot ${sent}`, `M${n(x0)} ${n(y0)}${data.dot}`);
      else add(`stub ${arrow.look} ${received}`, `M${n(x0)} ${n(y0)}${data.stub}`);
      if (arrow.received !== null) add(`head ${arrow.look} ${received}`, head(place));
      else add(`stub ${arrow.look} ${sent}`, `M${n(x1)} ${n(y1)}${data.stub}`);
    }
    let out = "";
    for (const look of LOOKS) {
      for (const when of ["future", "past"]) {
        for (const part of ["arrow", "head", "stub"]) {
          const d = layers[`${part} ${look} ${when}`];
          if (d) out += `<path class="${part} ${look} ${when}${crowd}" d="${d}"/>`;
        }
      }
      if (layers[`underway ${look}`]) out += `<path class="arrow underway ${look}" d="${layers[`underway ${look}`]}"/>`;
    }
    for (const when of ["future", "past"]) if (layers[`dot ${when}`]) out += `<path class="dot ${when}" d="${layers[`dot ${when}`]}"/>`;
    return out + paintLit(inView) + (inView.length <= LABELS_MAX ? paintLabels(inView) : "");
  }

  // What the pointer or the current event is on, over the others.
  function paintLit(inView) {
    let out = "";
    for (const [arrow, place] of inView) {
      const isCurrent = view.current >= 0 && (arrow.sent === view.current || arrow.received === view.current);
      if (isCurrent || arrow === view.lit) out += `<path class="arrow ${arrow.look} lit" d="${line(place)}"/>`;
    }
    return out;
  }

  function paintLabels(inView) {
    const taken = [];
    let out = "";
    const crossed = ([arrow]) => LOOKS.indexOf(arrow.look);
    for (const [arrow, [x0, y0, x1, y1]] of [...inView].sort((a, b) => crossed(b) - crossed(a))) {
      if (arrow.look === "control") continue;
      const text = events[arrow.sent ?? arrow.received].label, width = 6.4 * text.length;
      for (const share of [0.4, 0.6, 0.25, 0.75]) {
        const x = x0 + share * (x1 - x0) + 5, y = y0 + share * (y1 - y0) + 3;
        if (taken.some(([a, b, c]) => x < b && a < x + width && Math.abs(y - c) < 13)) continue;
        taken.push([x, x + width, y]);
        out += `<text class="label halo ${arrow.look} ${later(beginning(arrow) ?? arrow.received)}" x="${n(x)}" y="${n(y)}">${escape(text)}</text>`;
        break;
      }
    }
    return out;
  }

  function paintCuts() {
    const free = [-Infinity, -Infinity];
    let out = "";
    for (const cut of cuts) {
      const points = cut.records.filter((index) => !view.hidden.has(events[index].line)).map((index) => [X(index), Y(events[index].line)]);
      if (!points.length) continue;
      const xs = points.map(([x]) => x), last = points[points.length - 1];
      if (Math.max(...xs) < frame.left - 60 || Math.min(...xs) > frame.left + frame.width + 60) continue;
      const path = smooth([[points[0][0], TOP - 8], ...points, [last[0], frame.height - FOOT]]);
      const when = later(Math.min(...cut.records));
      out += `<path class="cut ${cut.state} ${when}" d="${path}"/>`;
      const width = 8 * cut.label.length, x = points[0][0];
      const row = free.findIndex((until) => x - width / 2 > until);
      if (row < 0) continue;
      free[row] = x + width / 2;
      out += `<text class="cut-name halo ${cut.state} ${when}" x="${n(x)}" y="${TOP - 14 - 17 * row}" text-anchor="middle">${cut.label}</text>`;
    }
    return out;
  }

  function paintNow() {
    if (view.current < 0) return "";
    const x = n(X(view.current));
    return `<path class="now" d="M${x} ${TOP - 8}V${n(frame.height - FOOT)}"/>`;
  }

  function paintMarks([begin, end]) {
    const layers = {};
    let ring = "";
    for (let index = begin; index < end; index++) {
      const event = events[index];
      if (!isShown(index)) continue;
      const x = n(X(index)), y = n(Y(event.line));
      if (marks[event.kind]) {
        const key = `${event.kind}${gone.has(index) ? " abandoned" : ""} ${later(index)}`;
        layers[key] = `${layers[key] || ""}M${x} ${y}${marks[event.kind]}`;
      }
      if (index === view.current) ring = `<circle class="current" cx="${x}" cy="${y}" r="11"/>`;
    }
    return Object.entries(layers).map(([key, d]) => `<path class="mark ${key}" d="${d}"/>`).join("") + ring;
  }

  function paintNames() {
    let out = `<rect class="veil" width="${n(frame.left - 12)}" height="${n(frame.height)}"/>` +
      `<path class="ticks seam" d="M${n(frame.left - 12)} 0V${n(frame.height)}"/>`;
    data.processes.forEach((name, at) => {
      if (frame.rows[at] === null) return;
      out += `<text class="name" x="${n(frame.left - 24)}" y="${n(Y(at) + 5)}" text-anchor="end">${escape(name)}</text>`;
    });
    return out;
  }

  // ---- the whole trace, small ---------------------------------------------------------------------------------

  let miniature = "";
  const small = (x) => (x / data.width) * overview.clientWidth;

  function paintMiniature() {
    const rows = Math.max(1, data.processes.length), y = (at) => n(4 + ((at + 0.5) / rows) * 36);
    const layers = {};
    for (const arrow of arrows) {
      if (!isArrowShown(arrow)) continue;
      const x0 = small(events[beginning(arrow) ?? arrow.received].x), x1 = small(events[arrow.received ?? arrow.sent].x);
      layers[arrow.look] = `${layers[arrow.look] || ""}M${n(x0)} ${y(arrow.sender)}L${n(x1)} ${y(arrow.receiver)}`;
    }
    miniature = LOOKS.map((look) => `<path class="arrow ${look}" d="${layers[look] || ""}"/>`).join("");
    for (const cut of cuts) {
      miniature += `<path class="cut ${cut.state}" d="${smooth(cut.records.map((index) => [small(events[index].x), +y(events[index].line)]))}"/>`;
    }
    overview.setAttribute("viewBox", `0 0 ${overview.clientWidth} 46`);
    overview.innerHTML = `<g>${miniature}</g><path class="here"/><rect class="window" y="1" height="44" rx="5"/>`;
  }

  function paintOverview() {
    const box = overview.querySelector(".window"), here = overview.querySelector(".here");
    box.setAttribute("x", n(small(view.from)));
    box.setAttribute("width", n(Math.max(6, small(Math.min(span(), data.width)))));
    here.setAttribute("d", view.current < 0 ? "" : `M${n(small(events[view.current].x))} 0V46`);
  }

  // ---- stepping -----------------------------------------------------------------------------------------------

  function nearest(index, direction) {
    while (index >= 0 && index < events.length && !isStep(index)) index += direction;
    return index >= 0 && index < events.length ? index : -1;
  }

  const controls = new Set(arrows.filter((arrow) => arrow.look === "control").flatMap((arrow) => [arrow.sent, arrow.received]));
  const isStep = (index) => isShown(index) && (view.control || !controls.has(index));

  function goTo(index) {
    if (index < 0 || index >= events.length) return;
    view.current = index;
    const x = X(index), edge = Math.min(90, frame.width / 5);
    if (x < frame.left + edge || x > frame.left + frame.width - edge) look(events[index].x - 0.4 * span(), view.scale);
    history.replaceState(null, "", `#${index + 1}`);
    tell();
    repaint();
  }

  function step(direction) {
    const start = view.current < 0 ? (direction > 0 ? 0 : events.length - 1) : view.current + direction;
    const index = nearest(start, direction);
    if (index >= 0) goTo(index);
  }

  function leave() {
    view.current = -1;
    history.replaceState(null, "", location.pathname + location.search);
    tell();
    repaint();
  }

  // Go to an entry, and near enough to tell it from its neighbours.
  function visit(index) {
    if (view.scale < SCALE_AT_FIRST_MIN) look(events[index].x - 0.4 * (frame.width / SCALE_TO_READ), SCALE_TO_READ);
    goTo(index);
  }

  function otherEnd() {
    const arrow = arrows.find((each) => each.sent === view.current || each.received === view.current);
    const other = arrow && (arrow.sent === view.current ? arrow.received : arrow.sent);
    if (other !== undefined && other !== null) goTo(other);
  }

  function said(index) {
    const event = events[index];
    return `${data.processes[event.line]} ${event.words}`;
  }

  function tell() {
    const told = find("told"), story = find("story"), current = view.current;
    told.innerHTML = current < 0
      ? `<span class="place">${events.length ? "No event chosen: step with the arrow keys, or click on the diagram." : "The trace is empty."}</span>`
      : `<span class="place">${current + 1} of ${events.length}, ${events[current].clock}</span> ${escape(said(current))}`;
    const rows = [];
    let index = nearest(Math.max(0, current), 1);
    for (let back = 0; back < STORY_BEFORE && index > 0; back++) {
      const before = nearest(index - 1, -1);
      if (before < 0) break;
      index = before;
    }
    while (index >= 0 && rows.length < STORY_ROWS) {
      rows.push(index);
      index = nearest(index + 1, 1);
    }
    story.innerHTML = rows.map(storyRow).join("");
    find("previous").disabled = current >= 0 && nearest(current - 1, -1) < 0;
    find("next").disabled = current >= 0 && nearest(current + 1, 1) < 0;
  }

  function storyRow(index) {
    const event = events[index], look = { orphan: "wrong", "in-flight": "flight" }[looks.get(index)] || "";
    return `<li class="${look}"><button data-index="${index}"${index === view.current ? ' aria-current="true"' : ""}>` +
      `<span class="number">${index + 1}</span><span class="time">${event.clock}</span>` +
      `<span>${escape(data.processes[event.line])}</span><span class="words">${escape(event.words)}</span></button></li>`;
  }

  // ---- pointing -----------------------------------------------------------------------------------------------

  const within = (event) => {
    const box = svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  function distance(x, y, [x0, y0, x1, y1]) {
    const dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy || 1;
    const share = Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / square));
    return Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
  }

  // What is nearest to the pointer: an entry on its line before an arrow, an arrow before a cut.
  function under(x, y) {
    if (x < frame.left - 6) return null;
    let best = null, near = REACH;
    const around = REACH / view.scale, at = view.from + (x - frame.left) / view.scale;
    for (let index = firstFrom(at - around); index < firstFrom(at + around); index++) {
      const away = Math.hypot(X(index) - x, Y(events[index].line) - y);
      if (isShown(index) && away < near) [best, near] = [{ index }, away];
    }
    if (best) return best;
    for (const arrow of arrows) {
      if (!isArrowShown(arrow)) continue;
      const away = distance(x, y, ends(arrow));
      if (away < near) [best, near] = [{ arrow }, away];
    }
    return best;
  }

  function point(event) {
    const [x, y] = within(event), found = under(x, y);
    const lit = found?.arrow || null;
    if (lit !== view.lit) {
      view.lit = lit;
      repaint();
    }
    tip.hidden = !found;
    if (!found) return;
    const indices = found.arrow ? [found.arrow.sent, found.arrow.received].filter((index) => index !== null) : [found.index];
    tip.innerHTML = indices.map((index) => `<p>${events[index].clock} · ${escape(said(index))}</p>`).join("");
    const right = x > picture.clientWidth / 2, low = y > frame.height / 2;
    tip.style.left = right ? "" : `${x + 14}px`;
    tip.style.right = right ? `${picture.clientWidth - x + 14}px` : "";
    tip.style.top = low ? "" : `${y + 14}px`;
    tip.style.bottom = low ? `${frame.height - y + 14}px` : "";
  }

  function unpoint() {
    tip.hidden = true;
    if (view.lit) {
      view.lit = null;
      repaint();
    }
  }

  let drag = null;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    drag = { x: event.clientX, from: view.from, moved: false };
  });
  svg.addEventListener("pointermove", (event) => {
    if (!drag) return point(event);
    if (!drag.moved && Math.abs(event.clientX - drag.x) < 4) return;
    if (!drag.moved) {
      drag.moved = true;
      svg.setPointerCapture(event.pointerId);
      svg.classList.add("dragged");
      unpoint();
    }
    move(drag.from - (event.clientX - drag.x) / view.scale, view.scale);
  });
  svg.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) {
      const found = under(...within(event));
      if (found) goTo(found.arrow ? found.arrow.received ?? found.arrow.sent : found.index);
    }
    drag = null;
    svg.classList.remove("dragged");
  });
  svg.addEventListener("pointercancel", () => (drag = null));
  svg.addEventListener("pointerleave", unpoint);
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    unpoint();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) scroll(unit * (event.deltaX || event.deltaY));
    else zoom(Math.exp(-0.0016 * unit * event.deltaY), within(event)[0]);
  }, { passive: false });

  let dragsWindow = false;
  const centre = (event) => {
    const box = overview.getBoundingClientRect();
    move(((event.clientX - box.left) / box.width) * data.width - span() / 2, view.scale);
  };
  overview.addEventListener("pointerdown", (event) => {
    dragsWindow = true;
    overview.setPointerCapture(event.pointerId);
    centre(event);
  });
  overview.addEventListener("pointermove", (event) => dragsWindow && centre(event));
  overview.addEventListener("pointerup", () => (dragsWindow = false));

  // ---- buttons, choices and keys ------------------------------------------------------------------------------

  const actions = {
    first: () => goTo(nearest(0, 1)),
    previous: () => step(-1),
    next: () => step(1),
    last: () => goTo(nearest(events.length - 1, -1)),
    violation: () => data.violation !== null && visit(data.violation),
    in: () => zoomInPlace(1.5),
    out: () => zoomInPlace(1 / 1.5),
    fit: () => look(0, fitting()),
  };
  for (const [id, act] of Object.entries(actions)) find(id).addEventListener("click", act);
  find("violation").disabled = data.violation === null;

  const keys = {
    ArrowRight: actions.next, ArrowLeft: actions.previous, Home: actions.first, End: actions.last,
    "+": actions.in, "=": actions.in, "-": actions.out, 0: actions.fit, v: actions.violation, o: otherEnd, Escape: leave,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input")) return;
    const shifted = event.shiftKey && { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const act = shifted ? () => scroll((shifted * frame.width) / 4) : keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  find("story").addEventListener("click", (event) => {
    const row = event.target.closest("button");
    if (row) goTo(Number(row.dataset.index));
  });

  function filtered() {
    measure();
    paintMiniature();
    look(view.from, view.scale);
    tell();
  }

  data.processes.forEach((name, at) => {
    const chip = document.createElement("button");
    chip.textContent = name;
    chip.title = `Show or hide ${name}`;
    chip.setAttribute("aria-pressed", "true");
    chip.addEventListener("click", () => {
      if (view.hidden.has(at)) view.hidden.delete(at);
      else if (view.hidden.size < data.processes.length - 1) view.hidden.add(at);
      chip.setAttribute("aria-pressed", String(!view.hidden.has(at)));
      filtered();
    });
    find("processes").append(chip);
  });

  const channels = [...new Set(arrows.map((arrow) => arrow.channel).filter(Boolean))].sort();
  for (const channel of channels) find("channels").add(new Option(channel, channel));
  find("channels").hidden = channels.length < 2;
  find("channels").addEventListener("change", (event) => {
    view.channel = event.target.value;
    filtered();
  });

  cuts.forEach((cut, at) => {
    if (cut.records.length) find("cuts").add(new Option(cut.label, at));
  });
  find("cuts").hidden = !cuts.length;
  find("cuts").addEventListener("change", (event) => {
    if (event.target.value) visit(Math.min(...cuts[Number(event.target.value)].records));
    event.target.value = "";
  });

  find("control-shown").hidden = !arrows.some((arrow) => arrow.look === "control");
  find("control").addEventListener("change", (event) => {
    view.control = event.target.checked;
    filtered();
  });

  find("story").style.setProperty("--who", `${8 * Math.max(...data.processes.map((name) => name.length), 4)}px`);

  // ---- begin --------------------------------------------------------------------------------------------------

  measure();
  paintMiniature();
  const whole = frame.width / data.width;
  look(0, whole >= SCALE_AT_FIRST_MIN ? Math.min(whole, SCALE_AT_FIRST_MAX) : Math.max(SCALE_AT_FIRST_MIN, fitting()));
  const wanted = Number(location.hash.slice(1));
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= events.length) goTo(wanted - 1);
  else tell();
  new ResizeObserver(() => filtered()).observe(picture);
})();
