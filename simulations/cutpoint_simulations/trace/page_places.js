// Of the page's script the first part: what Python laid out, what is in view, and where things are at this zoom.
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
  frame.lineHeight = Math.round(Math.max(44, Math.min(112, (0.5 * window.innerHeight) / shown.length)));
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
