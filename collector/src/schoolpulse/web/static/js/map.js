// The map: schools where they stand, by state; moved by mouse, touch and keyboard.

import { District } from "./district.js";
import { byId, h, say, sayNone, sign } from "./dom.js";
import { areasOf, drawAreas, drawLabels, drawTiles, isTaken, svg } from "./map-ground.js";
import { runControls } from "./map-controls.js";
import { metres, project, View } from "./projection.js";
import { severity, STATUSES, statusText } from "./status.js";
import { duration, number, shortName, t } from "./texts.js";

const MARGIN = 48;
const SCALES = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];
const SCALE_PX = 120;
const NAME = { wide: 7, high: 15, beside: 13 }; // pixels a letter, a line, and from the mark's middle
const MOST_NAMES = 400;

const frame = byId("map");
const { tiles: tileUrl, credit } = frame.dataset;
const view = new View();
const layers = { tiles: svg("g"), areas: svg("g"), labels: svg("g"), places: svg("g") };
const picture = svg("svg", { role: "presentation" }, layers.tiles, layers.areas, layers.places, layers.labels);
frame.append(picture);
say(byId("credit"), credit);

let placed = [];
let areas = [];
let fitted = false;
let drawing = false;
const marks = new Map();

const district = new District((kind) => {
  const schools = [...district.schools.values()];
  const whereabouts = (school) => school.lat !== null && school.lon !== null;
  const before = placed.length;
  placed = schools.filter(whereabouts).map((school) => ({ school, point: project(school.lat, school.lon) }));
  if (kind === "snapshot" || placed.length !== before) {
    areas = areasOf(placed);
    drawUnplaced(schools.filter((school) => !whereabouts(school)));
    if (!fitted) fit();
  }
  drawMarks();
  drawLegend(schools);
});

function fit() {
  if (!placed.length || view.width < 2) return;
  view.fit(placed.map(({ point }) => point), MARGIN);
  fitted = true;
  redraw();
}

/** Once a frame, however often it is asked for. */
function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    drawTiles(layers.tiles, tileUrl, view);
    if (!tileUrl) drawAreas(layers.areas, areas, view);
    const taken = place();
    drawLabels(layers.labels, areas, view, taken);
    drawNames(taken);
    drawScale();
  });
}

function drawMarks() {
  const known = new Set(placed.map(({ school }) => school.id));
  for (const [id, { link }] of marks) {
    if (known.has(id)) continue;
    link.remove();
    marks.delete(id);
  }
  // The worst are drawn last, and so lie on top.
  const sorted = placed.toSorted((a, b) => severity(b.school.status) - severity(a.school.status));
  let moved = layers.places.children.length !== sorted.length;
  sorted.forEach(({ school, point }, at) => {
    const mark = marks.get(school.id) ?? newMark(school);
    mark.point = point;
    if (mark.status !== school.status) {
      mark.status = school.status;
      mark.use.setAttribute("href", `/static/icons.svg#${school.status}`);
      mark.use.setAttribute("class", `ink-${school.status}`);
    }
    mark.link.setAttribute("aria-label", `${school.name}: ${statusText(school.status)}`);
    moved ||= layers.places.children[at] !== mark.link;
  });
  if (moved) {
    const focused = document.activeElement;
    layers.places.replaceChildren(...sorted.map(({ school }) => marks.get(school.id).link));
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }
  sayNone(byId("none"), placed.length ? "" : t(district.schools.size ? "web.map.none" : "web.wall.empty"));
  redraw();
}

function newMark(school) {
  const use = svg("use", { width: 18, height: 18, x: -9, y: -9 });
  const name = svg("text", { class: "name", x: 13, y: 4 });
  name.textContent = shortName(school.name);
  const href = `/schools/${encodeURIComponent(school.id)}`;
  const link = svg("a", { class: "place", href, tabindex: -1, "data-school": school.id }, svg("circle", { r: 11 }), use, name);
  const mark = { link, use, name, status: null };
  for (const kind of ["pointerenter", "focus"]) link.addEventListener(kind, () => tell(school.id));
  for (const kind of ["pointerleave", "blur"]) link.addEventListener(kind, () => byId("word").replaceChildren());
  marks.set(school.id, mark);
  return mark;
}

/** Puts each school in its place, small where they would hide each other; gives what they cover. */
function place() {
  const perSchool = Math.sqrt((view.width * view.height) / Math.max(1, placed.length));
  const spread = perSchool * (view.scale / (view.least * 4 || view.scale));
  const size = Math.max(0.6, Math.min(1.15, spread / 34));
  const taken = [];
  for (const mark of marks.values()) {
    const { link, point } = mark;
    const { x, y } = view.at(point);
    const half = 9 * size;
    Object.assign(mark, { x, y, size });
    taken.push({ left: x - half, right: x + half, top: y - half, bottom: y + half });
    link.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${size.toFixed(2)})`);
  }
  return taken;
}

/** Writes the schools' names where they hide nothing, those that need somebody first. */
function drawNames(taken) {
  const inSight = [...marks.values()].filter(({ x, y }) => x > 0 && y > 0 && x < view.width && y < view.height);
  const few = inSight.length <= MOST_NAMES;
  const shown = new Set();
  for (const mark of few ? inSight.sort((a, b) => severity(a.status) - severity(b.status)) : []) {
    const beside = NAME.beside * mark.size;
    const wide = mark.name.textContent.length * NAME.wide * mark.size;
    // To the right, or to the left where the map ends.
    const after = mark.x + beside + wide <= view.width;
    const left = after ? mark.x + beside : mark.x - beside - wide;
    const box = { left, right: left + wide, top: mark.y - NAME.high / 2, bottom: mark.y + NAME.high / 2 };
    if (left < 0 || isTaken(box, taken)) continue;
    taken.push(box);
    mark.name.setAttribute("x", after ? NAME.beside : -NAME.beside);
    mark.name.setAttribute("text-anchor", after ? "start" : "end");
    shown.add(mark);
  }
  for (const mark of marks.values()) mark.name.style.display = shown.has(mark) ? "" : "none";
}

function tell(id) {
  const school = district.schools.get(id);
  const since = school.since_ms === null ? "" : ` · ${duration(district.now() - school.since_ms, { coarse: true })}`;
  byId("word").replaceChildren(
    h("strong", {}, school.name),
    sign(school.status, statusText(school.status) + since),
    h("span", {}, school.area.toReversed().join(", ")),
  );
}

function drawScale() {
  const wide = metres(view.y + view.height / 2 / view.scale) / view.scale;
  const length = SCALES.findLast((one) => one / wide <= SCALE_PX) ?? SCALES[0];
  byId("scale").style.width = `${length / wide}px`;
  const [value, key] = length >= 1_000 ? [length / 1_000, "web.map.km"] : [length, "web.map.m"];
  say(byId("scale"), fitted ? t(key, { value: number(value) }) : "");
}

function drawLegend(schools) {
  say(byId("count"), t("web.list.count", { shown: number(placed.length), all: number(schools.length) }));
  const count = (status) => schools.filter((school) => school.status === status).length;
  byId("legend").replaceChildren(
    ...STATUSES.map((status) => h("li", {}, sign(status, `${statusText(status)} ${number(count(status))}`))),
  );
}

function drawUnplaced(schools) {
  byId("unplaced").hidden = schools.length === 0;
  say(byId("unplaced-count"), t("web.map.unplaced", { count: number(schools.length) }));
  byId("unplaced-list").replaceChildren(
    ...schools.map((school) => h("li", {}, h("a", { href: `/schools/${encodeURIComponent(school.id)}` }, school.name))),
  );
}

new ResizeObserver(() => {
  view.resize(frame.clientWidth, frame.clientHeight);
  if (fitted) redraw();
  else fit();
}).observe(frame);
runControls(frame, view, { redraw, fit, links: () => [...layers.places.children] });
