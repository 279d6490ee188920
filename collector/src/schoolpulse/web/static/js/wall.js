// The wall: puts the live figures, the board of schools and the open incidents together.

import { Board } from "./board.js";
import { byId, h, icon, say } from "./dom.js";
import { runFrame } from "./frame.js";
import { Live } from "./live.js";
import { OpenIncidents } from "./open-incidents.js";
import { STATUSES, statusText } from "./status.js";
import { number, percent, shortName, t } from "./texts.js";

let heardMs = null;
let filter = null;
const schools = new Map();
const live = new Live("/api/v1/events", hear);
const board = new Board(() => live.now());
const incidents = new OpenIncidents((id) => schools.get(id)?.name ?? id);
const tickFrame = runFrame(live, () => heardMs);
const counts = new Map(STATUSES.map((status) => [status, countButton(status)]));
byId("counts").append(...[...counts.values()].map(({ item }) => item));

setInterval(() => {
  board.tick();
  incidents.tick(live.now());
}, 1_000);

function hear(kind, data) {
  if (kind === "state") return tickFrame();
  heardMs = data.heard_ms;
  if (kind === "tick") return undefined;
  for (const school of data.schools) schools.set(school.id, school);
  if (kind === "snapshot") {
    const known = new Set(data.schools.map(({ id }) => id));
    for (const id of schools.keys()) if (!known.has(id)) schools.delete(id);
    board.replace(data.schools);
    incidents.replace(data.incidents);
    showArea(data.schools);
    returnFocus();
  } else {
    announce(board.update(data.schools));
    incidents.update(data.incidents);
  }
  if (kind === "snapshot" || data.incidents.length) incidents.draw(live.now());
  showKpi(data.kpi);
  if (kind === "snapshot") tickFrame();
  return undefined;
}

function showKpi(kpi) {
  say(byId("kpi-percent"), kpi.connected_ratio === null ? "–" : percent(kpi.connected_ratio));
  say(byId("kpi-of"), t("web.wall.kpi_of", { connected: number(kpi.connected), schools: number(kpi.schools) }));
  const complete = kpi.schools > 0 && kpi.connected === kpi.schools;
  const note = kpi.unmeasured ? t("web.wall.kpi_unmeasured", { count: number(kpi.unmeasured) }) : "";
  say(byId("kpi-note"), complete ? t("web.wall.kpi_complete") : note);
  const bar = byId("kpi-bar");
  if (!bar.children.length) bar.append(...STATUSES.toReversed().map((status) => h("i", { class: `fill-${status}` })));
  STATUSES.toReversed().forEach((status, at) => {
    const count = kpi.by_status[status];
    bar.children[at].hidden = count === 0;
    bar.children[at].style.flexGrow = count;
    const { button, figure } = counts.get(status);
    say(figure, number(count));
    button.classList.toggle("zero", count === 0);
  });
}

/** A state with its number; pressed, it shows only the schools in that state. */
function countButton(status) {
  const sign = icon(status);
  sign.classList.add(`ink-${status}`);
  const figure = h("b", {}, "–");
  const button = h(
    "button",
    { type: "button", "aria-pressed": "false", title: t(`web.status_meaning.${status}`), onclick: press },
    sign,
    h("span", {}, statusText(status)),
    figure,
  );
  function press() {
    filter = filter === status ? null : status;
    board.status = filter;
    for (const [word, other] of counts) other.button.setAttribute("aria-pressed", String(word === filter));
  }
  return { item: h("li", {}, button), button, figure };
}

/** What all schools have in common: the area somebody operates. */
function showArea(items) {
  const [first, ...rest] = items.map(({ area }) => area);
  const common = (first ?? []).filter((name, at) => rest.every((area) => area[at] === name));
  say(byId("area"), common.length ? common.toReversed().join(", ") : t("web.app.name"));
}

function announce(moved) {
  if (!moved.length) return;
  const sentences = moved.map((school) =>
    t("web.wall.changed", { school: shortName(school.name), status: statusText(school.status) }),
  );
  say(byId("spoken"), sentences.join(". "));
}

function returnFocus() {
  const id = sessionStorage.getItem("school");
  if (id) board.focus(id);
  sessionStorage.removeItem("school");
}

const orders = [...document.querySelectorAll("[data-order]")];
function showOrder() {
  for (const button of orders) {
    const chosen = button.dataset.order === board.order;
    button.setAttribute("aria-checked", String(chosen));
    button.tabIndex = chosen ? 0 : -1;
  }
}
for (const button of orders) {
  button.addEventListener("click", () => {
    board.order = button.dataset.order;
    showOrder();
  });
  button.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const other = orders.find((candidate) => candidate !== button);
    other.click();
    other.focus();
  });
}
showOrder();

const search = byId("search");
search.addEventListener("input", () => (board.search = search.value));
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "Enter") {
    event.preventDefault();
    board.focus();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && (search.value || document.activeElement === search)) {
    search.value = "";
    board.search = "";
    board.focus();
  }
});
byId("schools").addEventListener("click", (event) => {
  const item = event.target.closest("[data-school]");
  if (item) sessionStorage.setItem("school", item.dataset.school);
});
