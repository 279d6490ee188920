// All incidents: open ones live, and the past a page at a time.

import { get } from "./api.js";
import { District } from "./district.js";
import { byId, fillSelect, h, say, sayNone, sign } from "./dom.js";
import { causeText, kindText, scopeText, severity, statusOfKind, takenText } from "./status.js";
import { Table } from "./table.js";
import { byName, duration, number, plain, shortTime, t } from "./texts.js";

const DAY_MS = 86_400_000;
const BACK = { day: DAY_MS, week: 7 * DAY_MS, month: 31 * DAY_MS };
const PAGE = 200;

let incidents = new Map();
let next = null;
let question = 0;
const inputs = Object.fromEntries(["state", "kind", "cause", "provider", "search"].map((name) => [name, byId(name)]));
const district = new District((kind, data) => {
  if (kind === "snapshot") load();
  else if (data.incidents.length) take(data.incidents);
});
const who = (incident) => (incident.school ? district.name(incident.school) : scopeText(incident));
const lasted = (incident) => (incident.end ?? district.now()) - incident.start;

const table = new Table(byId("table"), {
  name: "incidents",
  label: t("web.incidents.all"),
  key: (incident) => incident.id,
  sort: "-start",
  columns: [
    {
      name: "what",
      title: t("web.incidents.what"),
      value: (incident) => severity(statusOfKind(incident.kind)),
      cell: (incident) => h("a", { href: `/incidents/${encodeURIComponent(incident.id)}` }, sign(statusOfKind(incident.kind), kindText(incident))),
    },
    {
      name: "who",
      title: t("web.incidents.where"),
      value: who,
      cell: (incident) => [who(incident), incident.device ? h("small", {}, incident.device) : null],
    },
    { name: "cause", title: t("web.incidents.cause"), value: causeText, cell: causeText },
    { name: "provider", title: t("web.filter.provider"), value: ({ provider }) => provider, cell: ({ provider }) => provider ?? "" },
    {
      name: "start",
      title: t("web.incidents.start"),
      down: true,
      value: ({ start }) => start,
      cell: ({ start }) => shortTime(start, district.now()),
    },
    {
      name: "end",
      title: t("web.incidents.end"),
      down: true,
      value: ({ end }) => end,
      cell: ({ end }) => (end === null ? h("span", { class: "badge" }, t("web.incidents.still_open")) : shortTime(end, district.now())),
    },
    { name: "duration", title: t("web.incidents.duration"), figure: true, down: true, value: lasted, cell: (incident) => duration(lasted(incident)) },
    {
      name: "paged",
      title: t("web.incidents.paged"),
      cell: (incident) => [
        incident.paged_at.length ? t("web.incidents.told") : "",
        incident.acknowledged_by ? h("small", {}, takenText(incident)) : null,
      ],
    },
  ],
});

/** Asks anew, as the state chosen says; `older` asks for the page after. */
async function load(older = false) {
  question += 1;
  const mine = question;
  const { state } = inputs;
  const parameters = { limit: PAGE };
  if (state.value === "open") parameters.open = true;
  else if (BACK[state.value]) parameters.from = Math.floor(district.now() - BACK[state.value]);
  if (older && next) parameters.before = next;
  try {
    const answer = await get("incidents", parameters);
    if (mine !== question) return;
    if (!older) incidents = new Map();
    next = answer.next;
    for (const incident of answer.items) incidents.set(incident.id, incident);
    fillFilters();
    show();
  } catch (error) {
    if (mine === question) sayNone(byId("none"), error.message);
  }
}

function take(changed) {
  for (const incident of changed) {
    const over = incident.resolved_at !== null;
    if (inputs.state.value === "open" && over) incidents.delete(incident.id);
    // A word on what is long over does not bring it into a list that it did not stand in.
    else if (!over || incidents.has(incident.id) || incident.end > district.now() - (BACK[inputs.state.value] ?? Infinity)) {
      incidents.set(incident.id, incident);
    }
  }
  fillFilters();
  show();
}

function fillFilters() {
  const all = [...incidents.values()];
  const each = (value, text) => {
    const found = [...new Map(all.map((one) => [value(one), text(one)])).entries()].filter(([key]) => key);
    return [["", t("web.filter.all")], ...found.sort((a, b) => byName(a[1], b[1]))];
  };
  fillSelect(inputs.kind, each((one) => one.kind, kindText));
  fillSelect(inputs.cause, each((one) => one.cause, causeText));
  fillSelect(inputs.provider, each((one) => one.provider, (one) => one.provider));
}

function matches(incident) {
  const { kind, cause, provider, search } = inputs;
  if (kind.value && incident.kind !== kind.value) return false;
  if (cause.value && incident.cause !== cause.value) return false;
  if (provider.value && incident.provider !== provider.value) return false;
  return !search.value || plain(who(incident)).includes(plain(search.value.trim()));
}

function show() {
  const shown = [...incidents.values()].filter(matches);
  table.show(shown);
  say(byId("count"), t("web.incidents.count", { count: number(shown.length) }));
  byId("more").hidden = next === null;
  sayNone(byId("none"), shown.length ? "" : t(inputs.state.value === "open" && !incidents.size ? "web.incidents.none" : "web.incidents.none_match"));
}

function keep() {
  history.replaceState(null, "", inputs.state.value === "open" ? location.pathname : `?state=${inputs.state.value}`);
}

const asked = new URLSearchParams(location.search).get("state");
if ([...inputs.state.options].some(({ value }) => value === asked)) inputs.state.value = asked;
inputs.state.addEventListener("change", () => {
  keep();
  load();
});
for (const name of ["kind", "cause", "provider", "search"]) inputs[name].addEventListener("input", show);
byId("older").addEventListener("click", () => load(true));
setInterval(() => table.tick("duration"), 1_000);
