// Of the page's script the last part: stepping, pointing, buttons, choices and keys. Before it run page_places.js and
// page_paint.js, in one scope. None of it decides anything about the trace: which message is in flight, where a cut runs
// and what is said about an entry comes from the data.
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
