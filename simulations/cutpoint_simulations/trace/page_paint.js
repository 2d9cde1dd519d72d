// Of the page's script the second part: paints what is in view. Places come from page_places.js; nothing is decided here.
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
