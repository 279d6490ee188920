// All schools as a table that sorts and filters.

import { District } from "./district.js";
import { byId, fillSelect, h, say, sayNone, sign } from "./dom.js";
import { severity, STATUSES, statusText } from "./status.js";
import { Table } from "./table.js";
import { duration, number, plain, shortTime, t, technology, tOr } from "./texts.js";

const line = (school, role = "primary") => school.lines.find((one) => one.role === role);
const nil = () => h("span", { class: "nil" }, "–");
const ANSWERING = new Set(["online", "degraded", "on_backup"]);
/** How long answers take; of a school that is silent the last figure says nothing of now. */
const rtt = (school) => (ANSWERING.has(school.status) ? (school.now?.reachability.national?.rtt_ms ?? null) : null);
const inUse = (school) => (ANSWERING.has(school.status) ? (school.now?.uplink?.technology ?? line(school)?.technology ?? null) : null);
const areaOf = (school) => school.area.at(-1) ?? "";

const columns = [
  {
    name: "status",
    title: t("web.filter.status"),
    value: (school) => severity(school.status),
    cell: (school) => sign(school.status, statusText(school.status)),
  },
  {
    name: "name",
    title: t("web.list.school"),
    value: (school) => school.name,
    cell: (school) => h("a", { href: `/schools/${encodeURIComponent(school.id)}` }, school.name),
  },
  { name: "area", title: t("web.filter.area"), value: areaOf, cell: areaOf },
  {
    name: "level",
    title: t("web.list.level"),
    value: (school) => tOr(`web.level.${school.level}`, school.level),
    cell: (school) => tOr(`web.level.${school.level}`, school.level),
  },
  {
    name: "provider",
    title: t("web.filter.provider"),
    value: (school) => line(school)?.provider ?? null,
    cell: (school) => line(school)?.provider ?? "",
  },
  {
    name: "technology",
    title: t("web.list.in_use"),
    value: (school) => (inUse(school) ? technology(inUse(school)) : null),
    cell: (school) => (inUse(school) ? technology(inUse(school)) : nil()),
  },
  {
    name: "rtt",
    title: t("web.chart.latency"),
    figure: true,
    down: true,
    value: rtt,
    cell: (school) => (rtt(school) === null ? nil() : t("web.wall.rtt", { ms: number(Math.max(1, rtt(school))) })),
  },
  {
    name: "since",
    title: t("web.list.since"),
    figure: true,
    down: true,
    value: (school) => school.since_ms,
    cell: (school) =>
      school.since_ms === null
        ? nil()
        : h("span", { title: shortTime(school.since_ms, district.now()) }, duration(district.now() - school.since_ms, { coarse: true })),
  },
];

const inputs = { search: byId("search"), status: byId("status"), where: byId("where"), provider: byId("provider") };
const district = new District((kind) => {
  if (kind === "snapshot") fillFilters();
  show();
});
const table = new Table(byId("table"), {
  name: "list",
  label: t("web.list.title"),
  columns,
  key: (school) => school.id,
  sort: "status",
});

const asked = new URLSearchParams(location.search);
inputs.search.value = asked.get("search") ?? "";

function fillFilters() {
  const schools = [...district.schools.values()];
  const each = (values) => [["", t("web.filter.all")], ...[...new Set(values)].filter(Boolean).sort().map((one) => [one, one])];
  fillSelect(inputs.status, [["", t("web.filter.all")], ...STATUSES.map((status) => [status, statusText(status)])]);
  fillSelect(inputs.where, each(schools.flatMap(({ area }) => area.slice(-1))));
  fillSelect(inputs.provider, each(schools.map((school) => line(school)?.provider)));
  for (const [name, input] of Object.entries(inputs)) {
    if (asked.has(name)) input.value = asked.get(name);
  }
}

function matches(school) {
  const { search, status, where, provider } = inputs;
  if (status.value && school.status !== status.value) return false;
  if (where.value && areaOf(school) !== where.value) return false;
  if (provider.value && line(school)?.provider !== provider.value) return false;
  return !search.value || plain([school.name, school.id, ...school.area].join(" ")).includes(plain(search.value.trim()));
}

function show() {
  const shown = [...district.schools.values()].filter(matches);
  table.show(shown);
  say(byId("count"), t("web.list.count", { shown: number(shown.length), all: number(district.schools.size) }));
  sayNone(byId("none"), shown.length ? "" : t(district.schools.size ? "web.wall.search_none" : "web.wall.empty"));
}

/** What is chosen stands in the address, so that a list can be sent to somebody. */
function keep() {
  const query = new URLSearchParams();
  for (const [name, input] of Object.entries(inputs)) {
    if (input.value) query.set(name, input.value);
    asked.delete(name);
  }
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  show();
}
for (const input of Object.values(inputs)) input.addEventListener("input", keep);
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.matches("input, select, textarea")) return;
  event.preventDefault();
  inputs.search.focus();
});
setInterval(() => table.tick("since"), 30_000);
